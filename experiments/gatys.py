"""Style transfer with the settings and the weights of four reports, with ImageNet's filters.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/gatys.py [pixels of the shorter side, 256]

FILE holds VGG-16's ImageNet convolutions in Keras's layout. Weights are raw, as those reports give
them: they were chosen for ImageNet's filters. Writes `reports/gatys.md` and the contact sheet of
each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from experiments.common import CORES, FILTERS, REPORTS, imagenet_network, markdown_table, measured

NAME = "gatys"
SOURCE, TARGET = "coffee", "chelsea"
HEADER = [
    *("settings of", "iterations", "seconds", "GiB", "Gram distance", "of the start"),
    *("means distance", "of the start", "values cut at 0 or 1"),
]


class Report(NamedTuple):
    """An experiment, what is changed of its settings beside the size, and why."""

    experiment: str
    settings: tuple[str, ...] = ()
    why: str = ""


_OTHERS = (
    "its weights are for torchvision's network, whose activations are smaller: style counts for "
    "more here"
)
FOUR = (
    Report("gatys_moreno", ("gatys.save_every=2",)),
    Report(
        "gatys_sbruzzi",
        ("stop.max_iterations=25", "gatys.save_every=5"),
        "25 of the report's 400 outer iterations",
    ),
    Report(
        "gatys_course",
        ("gatys.weights=raw", "gatys.content.layers=[block4_conv3]", "gatys.save_every=100"),
        f"content of block4_conv3, since VGG-16 has no block4_conv4; {_OTHERS}",
    ),
    Report("gatys_monet", ("gatys.weights=raw", "gatys.save_every=2"), _OTHERS),
)


def main(size: int = 256) -> int:
    """Run all, write the report."""
    network = imagenet_network()
    rows = []
    for report in FOUR:
        metrics = measured(
            f"+experiment={report.experiment}",
            *network,
            *(f"source=sample:{SOURCE}", f"target=sample:{TARGET}", f"image.size={size}"),
            *report.settings,
            keep={"contact_sheet.png": report.experiment},
        )
        rows.append(_row(report, metrics))
        print(*rows[-1], flush=True)
    _write(rows, size)
    return 0


def _row(report: Report, metrics: dict[str, Any]) -> list[str]:
    """What became of one."""
    told = metrics["gatys"]

    def distance(kind: str) -> str:
        layers = told[f"{kind}_to_source"].values()
        return f"{sum(layers) / len(layers):.2f}"

    return [
        report.experiment.removeprefix("gatys_"),
        str(sum(stage["steps"] for stage in metrics["stages"])),
        f"{metrics['seconds']:.0f}",
        f"{metrics['peak_memory_bytes'] / 2**30:.1f}",
        *(distance(kind) for kind in ("gram_distance", "gram_distance_target")),
        *(distance(kind) for kind in ("means_distance", "means_distance_target")),
        f"{100 * metrics['clipped_share']['result']:.0f} %",
    ]


def _write(rows: list[list[str]], size: int) -> None:
    changed = "".join(
        f"- *{report.experiment.removeprefix('gatys_')}*: {report.why}\n"
        for report in FOUR
        if report.why
    )
    sheets = "\n\n".join(
        f"## {report.experiment}\n\n![{report.experiment}: source, target, and what became of it]"
        f"({report.experiment}.png)"
        for report in FOUR
    )
    text = f"""# Four reports' style transfers, with their own weights

Made by `{FILTERS}=FILE python experiments/{NAME}.py {size}`: {SOURCE}'s style on {TARGET}, shorter
side {size} px, VGG-16 with ImageNet's filters, ReLU, the pooling, layers, statistics, optimizer and
raw weights of each of four [reports](../README.md#gram-matrices-beside-means), which used VGG-19.
What else differs from them:

{changed}
{markdown_table(HEADER, rows)}
*Gram distance* and *means distance* are of the result's from the source's, over the source's, at
the style's layers, mean over the layers; *of the start*: of the target's. Seconds are those of the
run on {CORES} core{"s" if CORES > 1 else ""}.

{sheets}
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
