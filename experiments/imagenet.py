"""Self-transfers and transfers with ImageNet's filters.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/imagenet.py

FILE holds VGG-16's ImageNet convolutions in Keras's layout (`vgg16_weights_tf_dim_ordering_tf_
kernels_notop.h5`). Writes `reports/imagenet.md`, after every run what is known by then, the
panel of the first, and the results with these filters in `README.md`. One run at a time, each with
all cores, as a user's would be.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import decouple as dc
from experiments.common import (
    CORES,
    FILTERS,
    REPORTS,
    ROOT,
    drawn_wall,
    fill,
    imagenet_network,
    markdown_table,
    measured,
)

NAME = "imagenet"
WALL = "a drawn wall"
# Two dark ones (rocket, hubble_deep_field), evenly coloured textures (brick, grass, gravel), and
# an evenly lit, saturated wall whose features hardly feel anything but its mean colour.
TWO_LAYERS = (
    *("astronaut", "coffee", "chelsea", "rocket", "hubble_deep_field", "brick", "grass", "gravel"),
    *(WALL, "retina", "ihc", "camera"),
)
THREE_LAYERS = ("astronaut", "coffee", "chelsea", "rocket", "brick", WALL)
# Of each of five layers some directions; of all their channels it takes half an hour a picture.
FIVE_LAYERS = ("astronaut", "coffee", "chelsea", "rocket")
# {table: (its pictures, its settings)}.
SELF_TRANSFERS = {
    "two": (TWO_LAYERS, ("layers=2", "image.size=150")),
    "three": (THREE_LAYERS, ("layers=3", "image.size=128")),
    "five": (FIVE_LAYERS, ("layers=5", "image.size=128", "mask.directions=4")),
}
# Lines of README's table: which table, and which of its lines.
HEADLINES = (("two", 0), ("two", 1), ("two", 2), ("three", 0), ("five", 0))
# Source, target, size in pixels; two dark sources and two dark targets among them.
PAIRS = (
    *(("coffee", "chelsea", 96), ("rocket", "coffee", 96), ("coffee", "rocket", 128)),
    *(("brick", "astronaut", 96), ("chelsea", "astronaut", 128), ("grass", "coffee", 128)),
    *(("hubble_deep_field", "chelsea", 96), ("astronaut", "hubble_deep_field", 128)),
)
HEADER = [
    *("picture", "PSNR (dB)", "values that differ in 8 bits", "growth of errors (dB)"),
    *("passes", "seconds", "fidelity: least correlation", "largest difference"),
]
TRANSFERS = [
    *("source", "target", "pixels", "largest feature MSE, of the feature's mean square", "passes"),
    *("seconds", "seconds of the check", "given back"),
]
COMMAND = "+experiment=self_transfer network=vgg16 network.weights=FILE"
CHECK = "noisify_result"


def row(picture: str, metrics: dict[str, Any], seconds: float) -> list[str]:
    """One line of a table of self-transfers."""
    transfer, stages = metrics["self_transfer"], metrics["stages"]
    growth = {s["layer"]: s["growth_db"] for s in stages if "growth_db" in s}
    fidelity = metrics["network"]["fidelity"].values()
    return [
        picture,
        f"{transfer['psnr_db']:.1f}",
        f"{100 * transfer['differing_pixels_8bit']:.2g} %",
        ", ".join(f"{growth[layer]:.0f}" for layer in metrics["network"]["layers"]),
        str(sum(stage["passes"] for stage in stages)),
        f"{seconds:.0f}",
        f"{min(layer['correlation'] for layer in fidelity):.4f}",
        f"{max(layer['relative_difference'] for layer in fidelity):.3f}",
    ]


def transferred(
    source: str, target: str, size: int, metrics: dict[str, Any], seconds: float
) -> list[str]:
    """One line of the table of transfers."""
    stages, found = metrics["stages"], metrics["transfer"]
    # Of each layer the last: what was tried before did not arrive.
    imposed = {stage["layer"]: stage for stage in stages if stage["stage"] == "impose"}
    square, again = found["imposed_mean_square"], found["decoupled_feature_mse"]
    largest = max(stage["feature_mse"][layer] / square[layer] for layer, stage in imposed.items())
    names = [stage["stage"] for stage in stages]
    end = names.index(CHECK) if CHECK in names else len(names)
    passes = sum(stage["passes"] for stage in stages[:end])
    # A check that was ended has left no stage: it is what the others have not taken.
    check = metrics["seconds"] - sum(stage["seconds"] for stage in stages[:end])
    apart = f"{max(again[k] / square[k] for k in square):.0e}" if again else "not told"
    return [
        *(source, target, str(size), f"{largest:.0e}", str(passes), f"{seconds - check:.0f}"),
        *(f"{check:.0f}", apart),
    ]


def timed(
    *settings: str, keep: dict[str, str] | None = None
) -> tuple[dict[str, Any] | None, float]:
    """Metrics and seconds of a run, those of the whole process; no metrics where it failed."""
    began = time.perf_counter()
    try:
        return measured(*settings, keep=keep), time.perf_counter() - began
    except subprocess.CalledProcessError:
        return None, time.perf_counter() - began


def main() -> int:
    """Run all, write the report."""
    network = imagenet_network()
    tables: dict[str, list[list[str]]] = {**{name: [] for name in SELF_TRANSFERS}, "pairs": []}

    def told(table: str, line: list[str]) -> None:
        tables[table].append(line)
        write(tables)

    def self_transfer(table: str, picture: str, *settings: str) -> None:
        keep = {"panel.png": NAME} if table == "two" and not tables["two"] else {}
        metrics, seconds = timed("+experiment=self_transfer", *network, *settings, keep=keep)
        failed = [picture, "no result", *["–"] * 3, f"{seconds:.0f}", "–", "–"]
        told(table, row(picture, metrics, seconds) if metrics else failed)

    def transfer(source: str, target: str, size: int) -> None:
        pair = (f"source=sample:{source}", f"target=sample:{target}", "layers=3")
        metrics, seconds = timed("+experiment=transfer", *network, *pair, f"image.size={size}")
        failed = [source, target, str(size), "no result", "–", f"{seconds:.0f}", *["–"] * 2]
        done = transferred(source, target, size, metrics, seconds) if metrics else failed
        told("pairs", done)

    with tempfile.TemporaryDirectory() as folder:
        wall = Path(folder) / "wall.png"
        dc.save(drawn_wall(150), wall)
        for table, (pictures, settings) in SELF_TRANSFERS.items():
            for picture in pictures:
                source = wall if picture == WALL else f"sample:{picture}"
                self_transfer(table, picture, f"source={source}", *settings)
        for pair in PAIRS:
            transfer(*pair)
    fill(ROOT / "README.md", "results with ImageNet's filters", headlines(tables))
    return 0


def headlines(tables: dict[str, list[list[str]]]) -> str:
    """README's table."""
    rows = []
    for table, number in HEADLINES:
        picture, psnr, differing, *_, seconds, _, _ = tables[table][number]
        _, (layers, size, *few) = SELF_TRANSFERS[table]
        settings = [f"source=sample:{picture}", layers, size, *few]
        told = f"{picture}, {size.partition('=')[2]} px"
        count = layers.partition("=")[2] + (", 4 directions of each" if few else "")
        command = f"python -m decouple.run {COMMAND} {' '.join(settings)}"
        rows.append([told, count, psnr, differing, seconds, f"`{command}`"])
    header = ["self-transfer of", "layers", "PSNR (dB)", "values that differ in 8 bits", "seconds"]
    return markdown_table([*header, "command"], rows)


def write(tables: dict[str, list[list[str]]]) -> None:
    """Write the page with what is known."""
    text = f"""# ImageNet's filters

Made by `{FILTERS}=FILE python experiments/imagenet.py`. Network: VGG-16 with the filters that were
trained on ImageNet, unbiased softplus, smooth maximum pooling (the defaults for trained filters);
the lift in symmetric steps, tolerance 1e-4, seed 0. Seconds are those of the whole command, start
and figures included, alone on a machine with {CORES} cores.

*Growth of errors*: how many times larger a small change of the image is when it has come back
through a layer; it is found on the way out, and each step is solved as exactly as it asks for.
*Fidelity*: the features against those of ReLU and max pooling, at the picture, over its layers.

## Self-transfer, two layers, 150 px

    python -m decouple.run +experiment=self_transfer network=vgg16 network.weights=FILE \\
        source=sample:NAME

{markdown_table(HEADER, tables["two"])}
![Source, noisified after each layer, result, difference]({NAME}.png)

## Self-transfer, three layers, 128 px

    python -m decouple.run +experiment=self_transfer network=vgg16 network.weights=FILE \\
        source=sample:NAME layers=3 image.size=128

{markdown_table(HEADER, tables["three"])}
## Self-transfer, five layers, four directions of each, 128 px

    python -m decouple.run +experiment=self_transfer network=vgg16 network.weights=FILE \\
        source=sample:NAME {" ".join(SELF_TRANSFERS["five"][1])}

Of each layer's means the four combinations are moved that the picture moves most. All means of five
layers take half an hour a picture ([limits](../README.md#limits)).

{markdown_table(HEADER, tables["five"])}
## Transfer, three layers

    python -m decouple.run +experiment=transfer network=vgg16 network.weights=FILE \\
        source=sample:NAME target=sample:NAME layers=3 image.size=SIZE

The first seconds are those of the whole command less the check's, with which all pictures are
written. *Given back*: how far the features that the result gives up when it is noisified again are
from those that were imposed, mean squares of the difference over those of the features, at the
layer where it is most; *not told* where the check has taken as many passes as the transfer before
it could say.

{markdown_table(TRANSFERS, tables["pairs"])}"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
