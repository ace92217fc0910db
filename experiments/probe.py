"""Do decoupled features tell more of a picture than raw ones? On data that comes with packages.

    python experiments/probe.py
    python experiments/probe.py --tables tables --sets digits fields --side 16 --each 6 60

Makes tables of raw and decoupled features of labelled pictures (see `experiments/pictures.py`;
cells need `pip install elpv-dataset`, and are left out without it) and of Gram matrices, probes
them, and writes `reports/decoupling.md`. Filters are ImageNet's where DECOUPLE_IMAGENET_VGG16 names
a file of them, else calibrated. Tables in the folder `runs/tables` are gone on with, so that it can
be cut at any time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.report.probe import interval, verdict
from experiments.common import FILTERS, REPORTS, made, markdown_table
from experiments.pictures import SETS, written

LAYERS = ("block1_conv1", "block2_conv1")
# Pictures of a class; of a quarter of a photograph; of all.
EACH = {"digits": 40, "patches": 12, "fields": 256, "cells": 700}
# Pixels a side: what tells a cell's cracks is gone at 32.
SIDES = {"digits": 32, "patches": 32, "fields": 32, "cells": 64}
BESIDE = {
    "cells": """
Half of them are surely sound and half surely defective, and the network was trained on photographs
of other things. Published for all 2,624 cells at 300×300 px, the doubtful ones among them, trained
on 1,968: 0.824 (support vector machine on hand-made features) and 0.884 (a network trained for it;
Deitsch et al., Solar Energy 185 (2019)).
""",
}
WHAT = {
    "digits": "which of ten handwritten digits (scikit-learn's) it is",
    "patches": "of which of eight photographs (scikit-image's) a grey patch is; trained on two "
    "quarters of each, tested on the others",
    "fields": "the Hurst exponent, 0.1 to 0.9, of a fractional Brownian field",
    "cells": "whether a solar cell is sound or defective (elpv-dataset: Buerhop-Lutz et al. 2018, "
    "Deitsch et al. 2019, CC BY-NC-SA 4.0)",
}


def probed(name: str, folder: Path, each: int, side: int, weights: str) -> list[dict[str, Any]]:
    """Tables and probes of a data set; metrics of each classifier."""
    pictures = written(name, folder, each, side)
    common = (
        *("+experiment=features", f"source={pictures}", f"table.labels={folder / 'labels.csv'}"),
        *("network=vgg16", f"network.weights={weights}", f"image.size={side}", "table.format=csv"),
    )
    made(folder / "means", *common, f"layers=[{','.join(LAYERS)}]", "table.checked=2")
    for layer in LAYERS:
        gram = ("features=gram", "features.most=256", f"layers=[{layer}]")
        made(folder / f"gram_{layer}", *common, *gram)
    words = ["+experiment=probe", f"source={folder / 'means'}", f"probe.beside={folder / 'gram_*'}"]
    if (folder / "groups.csv").exists():
        words += [f"probe.groups={folder / 'groups.csv'}", "probe.folds=2", "probe.repeats=20"]
    if name == "fields":
        return [made(folder / "ridge", *words, "probe.task=regression")]
    return [made(folder / how, *words, f"probe.classifier={how}") for how in ("lda", "logistic")]


def section(name: str, measured: list[dict[str, Any]]) -> str:
    """What a data set's probes found."""
    own = measured[0]["probe"]
    lost = f", {own['left_out']} more could not be moved" if own["left_out"] else ""
    side = measured[0]["image"]["height"]
    rows = [
        [metrics["probe"]["classifier"], *line]
        for metrics in measured
        for line in map(_line(metrics["probe"]), metrics["probe"]["rows"])
    ]
    header = ["classifier", "features", "numbers", own["score"], "difference to raw", "it is"]
    return f"""## {name.capitalize()}

Asked: {WHAT[name]}. {own["pictures"]} pictures{lost}, {side}×{side} px; trained on
{own["trained"]:.4g}, tested on {own["tested"]:.4g}, {own["repeats"]} times {own["folds"]} folds;
without features the {own["score"]} is {own["chance"]:.3g}.
{BESIDE.get(name, "")}
{markdown_table(header, rows)}
By the number of training pictures ({measured[0]["probe"]["classifier"]}):

{_curve(own)}"""


def _line(own: Mapping[str, Any]) -> Any:
    def cells(row: Mapping[str, Any]) -> list[str]:
        told = "" if row["features"] == "raw" else verdict(row, own)
        how = (interval(row, "score"), interval(row, "difference", signed=True))
        return [row["features"], str(row["dimensions"]), *how, told]

    return cells


def _curve(own: Mapping[str, Any]) -> str:
    sizes = own["learning"]["sizes"]
    rows = []
    for kind in ("raw", "decoupled", "both"):
        held = [row for row in own["learning"]["rows"] if row["features"] == kind]
        rows.append([kind, *(f"{row['score']:.3g}" for row in held)])
    return markdown_table([own["score"], *map(str, sizes)], rows)


def page(found: Mapping[str, list[dict[str, Any]]], command: str) -> str:
    """`reports/decoupling.md`."""
    network = next(iter(found.values()))[0]["network"]
    told = {
        f"{name} by {metrics['probe']['classifier']}": {
            row["features"]: verdict(row, metrics["probe"])
            for row in metrics["probe"]["rows"]
            if row["features"] in ("decoupled", "both")
        }
        for name, measured in found.items()
        for metrics in measured
    }
    sections = "\n".join(section(*pair) for pair in found.items())
    return f"""# Does decoupling help?

Made by `{command}`: VGG-16, weights {network["weights"]}, means of {" and ".join(LAYERS)}. It needs
`pip install ".[analysis]" elpv-dataset`.

Decoupled features are said to describe data better than raw ones. Here the same classifier is
trained on the same pictures, on either and on others beside them
([how](../docs/tables.md#what-the-features-tell)). Compared with raw features,

- decoupled ones are {_summed(told, "decoupled")};
- both together are {_summed(told, "both")}.

In brackets 95 % intervals, corrected for the overlap of training sets (Nadeau & Bengio 2003).
*projections* are random ones of both kinds, as many as raw features; *gram* the leading components
of the Gram matrices of 22 channels of each layer. These are small sets: an interval that holds 0
leaves it open which is better.

{sections}"""


def _summed(told: Mapping[str, Mapping[str, str]], features: str) -> str:
    """Where features are better, worse and not told apart, in words."""
    by_verdict: dict[str, list[str]] = {}
    for where, words in told.items():
        by_verdict.setdefault(words[features].removesuffix(" raw"), []).append(where)
    return "; ".join(
        f"{words.removesuffix(' than').removesuffix(' from')} on {', '.join(places)}"
        for words, places in by_verdict.items()
    )


def main() -> None:
    """Make tables, probe them, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, default=Path("runs/tables"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--each", nargs="+", type=int, default=[], help="in the order of --sets")
    parser.add_argument("--side", type=int, help="of every set's pictures, in pixels")
    options = parser.parse_args()
    weights = os.environ.get(FILTERS, "calibrated")
    each = {**EACH, **dict(zip(options.sets, options.each, strict=False))}
    found = {}
    for name in options.sets:
        if name == "cells" and find_spec("elpv_dataset") is None:
            print("cells are left out: they need the package elpv-dataset", file=sys.stderr)
            continue
        side = options.side or SIDES[name]
        found[name] = probed(name, options.tables / name, each[name], side, weights)
    words = ["python experiments/probe.py"]
    if options.each:
        words += ["--sets", *options.sets, "--each", *map(str, options.each)]
    command = " ".join(words)
    if weights != "calibrated":
        command = f"{FILTERS}=FILE {command}"
    text = page(found, command)
    (REPORTS / "decoupling.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
