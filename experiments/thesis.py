"""A transfer and a self-transfer as the thesis made them: pictures and loss curves.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/thesis.py

Figures 4.1 to 4.4 of Miralles 2022: gradient descent of the feature MSEs through ReLU and max
pooling with SGD. With ImageNet's filters, where FILE holds VGG-16's in Keras's layout, at the
thesis's size, rate and thresholds; with calibrated ones at a rate that suits them. Writes
`reports/thesis.md` and its figures.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from shutil import copy
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.record.metrics import read_metrics
from decouple.record.progress import stage_name
from decouple.report import style
from decouple.report.steps import steps_figure
from experiments.common import FILTERS, REPORTS, imagenet_network, markdown_table, run

NAME = "thesis"
SIZE, LIMIT, EVERY = 64, 300, 5
CALIBRATED = (
    *("network.weights=calibrated", f"image.size={SIZE}", f"noise.size={SIZE}"),
    *("optimizer=sgd", "optimizer.learning_rate=null", f"stop.max_iterations={LIMIT}"),
    *(f"stop.{stage}.check_every={EVERY}" for stage in ("noisify_source", "noisify_target")),
)
# Of the thesis's 50,000 iterations.
TRAINED_LIMIT = 2000
SELF_TRANSFER = ("+experiment=thesis_self_transfer", "source=sample:astronaut")
RUNS = {
    "transfer": ("+experiment=thesis_transfer", "source=sample:brick", "target=sample:astronaut"),
    "self_transfer": SELF_TRANSFER,
}
# What else comes to the thresholds, or to the features themselves.
OTHERS = {
    "L-BFGS": (*SELF_TRANSFER, "optimizer=lbfgs", f"stop.max_iterations={TRAINED_LIMIT}"),
    "Adam": (*SELF_TRANSFER, "optimizer=adam", f"stop.max_iterations={TRAINED_LIMIT}"),
    "the lift": (
        *("+experiment=self_transfer", "source=sample:astronaut", "layers=2", "image.size=150"),
        *("image.fit=squash", "noise.size=200"),
    ),
}
# Losses of the thesis's source stage, with VGG-19 and a photograph of its own.
LOG = (("29,800", "1.71 / 5.84"), ("49,800", "1.08 / 2.15"))
LOG_HEADER = ["source noisification", "iterations", "loss (block1_conv1 / block2_conv1)"]
OTHERS_HEADER = [
    *("way", "steps (block1 out / block2 out / block2 back / block1 back)", "met", "PSNR (dB)"),
    *("8-bit values that differ", "passes"),
]
HEADER = ["stage", "layer", "loss at the end (MSE of all its layers)", "threshold", "ended"]


def rows(metrics: dict) -> list[list[str]]:
    """A line for each stage and layer that was moved."""
    return [
        [
            *(stage_name(stage["stage"]), stage["layer"]),
            f"{sum(stage['feature_mse'].values()):.1e}",
            f"{stage['threshold']:.1e}",
            stage["stop_reason"],
        ]
        for stage in metrics["stages"]
        if stage["layer"] is not None
    ]


def made(folder: Path, figures: str, *settings: str) -> dict[str, dict[str, Any]]:
    """{name: metrics} of the runs, whose figures are put into reports/ under such names."""
    measured = {}
    for name, own in RUNS.items():
        path = run(folder / f"{figures}_{name}", *own, *settings)
        measured[name] = read_metrics(path)
        copy(path / "plots" / "panel.png", REPORTS / f"{figures}_{name}.png")
        with style.context():
            title = f"Losses of a {name.replace('_', '-')}, as in Miralles 2022"
            style.save_figure(
                steps_figure({name: path}, title), REPORTS / f"{figures}_{name}_losses.png"
            )
    return measured


def shown(figures: str, measured: dict[str, dict[str, Any]]) -> str:
    """Pictures, losses and a table of both runs."""
    own, other = measured["self_transfer"], measured["transfer"]
    metric = own["self_transfer"]
    return f"""### Transfer

![Source, target, both noisified, result]({figures}_transfer.png)

![Losses of each stage and layer]({figures}_transfer_losses.png)

{markdown_table(HEADER, rows(other))}
### Self-transfer

![Source, noisified, result, difference]({figures}_self_transfer.png)

![Losses of each stage and layer]({figures}_self_transfer_losses.png)

{markdown_table(HEADER, rows(own))}
The result is at {metric["psnr_db"]:.1f} dB to the source,
{100 * metric["differing_pixels_8bit"]:.0f} % of its values differ in 8 bits, and
{metric["excursion_recovered"]:.3f} of the excursion is recovered (1 would be all of it)."""


def source_losses(metrics: dict[str, Any]) -> str:
    """At the ends of the source's stages, as the thesis's log has them."""
    ends = [s for s in metrics["stages"] if s["stage"] == "noisify_source"]
    return " / ".join(f"{sum(stage['feature_mse'].values()):.3g}" for stage in ends)


def other_row(way: str, metrics: dict[str, Any]) -> list[str]:
    """What another way takes for the self-transfer."""
    stages = [stage for stage in metrics["stages"] if stage["layer"] is not None]
    metric = metrics["self_transfer"]
    return [
        *(way, " / ".join(f"{stage['steps']:,}" for stage in stages)),
        f"{sum(stage['stop_reason'] == 'reached' for stage in stages)} of {len(stages)}",
        f"{metric['psnr_db']:.1f}",
        f"{100 * metric['differing_pixels_8bit']:.0f} %",
        f"{sum(stage['passes'] for stage in stages):,}",
    ]


def trained(folder: Path) -> str:
    """What the page says of ImageNet's filters."""
    network, figures = imagenet_network(), f"{NAME}_imagenet"
    measured = made(folder, figures, *network, f"stop.max_iterations={TRAINED_LIMIT}")
    descended = measured["self_transfer"]
    ways = [other_row("SGD, 5e-4", descended)]
    for number, (way, settings) in enumerate(OTHERS.items()):
        metrics = read_metrics(run(folder / f"other_{number}", *network, *settings))
        ways.append(other_row(way, metrics))
        print(*ways[-1], flush=True)
    log = [["the thesis's log", *line] for line in LOG]
    log.append(["here", f"{TRAINED_LIMIT:,}", source_losses(descended)])
    return f"""## ImageNet's filters

VGG-16 (the thesis has VGG-19), ReLU and max pooling, 150 px, noise of 200 px, SGD at 5e-4, the
thesis's thresholds of 1 (source), 0.05 (target) and 0.5 (imposition) in their own units; at most
{TRAINED_LIMIT:,} iterations a stage and layer of its 50,000.

{markdown_table(LOG_HEADER, log)}
{shown(figures, measured)}

### What others need

The same self-transfer; *met* are stages that end below their threshold. The lift has none, and its
stages end at the features themselves; it moves through softplus and a smooth maximum in place of
ReLU and max pooling.

{markdown_table(OTHERS_HEADER, ways)}
"""


def main() -> None:
    """Run all, draw, write."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        others = trained(folder) if os.environ.get(FILTERS) else ""
        measured = made(folder, NAME, *CALIBRATED)
    own = measured["self_transfer"]
    text = f"""# A transfer and a self-transfer, the thesis's way

Made by `{FILTERS}=FILE python experiments/{NAME}.py`: gradient
descent of the sum of the feature MSEs through two layers. These are figures 4.1 to 4.4 of P.
Miralles Simó (bachelor thesis, UJI 2022); its others, and the same by the lift, are in the
[index](README.md). The last stage of a transfer, which the thesis does not have, noisifies the
result again to see what it holds. The imposition of the last layer pulls the first one to its own
features at the same time, as the thesis's code does; an image near by need not have both
([optimizers](optimizers.md)). Beside the self-transfers: [those by the lift](self_transfer.md).

{others}## Calibrated filters

Two layers of {own["network"]["name"]} with {own["network"]["weights"]} random filters, ReLU and max
pooling, {SIZE} px, seed {own["seed"]}, at most {LIMIT} iterations a stage and layer. The thesis's
rate of 5e-4 is for ImageNet's filters; the rate here is
{own["stepper"]["learning_rate"]:.3g}, and the thresholds are the thesis's in hundredths of the loss
at the start ([why](optimizers.md)).

{shown(NAME, measured)}
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
