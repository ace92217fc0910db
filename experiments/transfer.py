"""Transfers: one photograph and a texture on another, three layers; and the mixing grid.

    python experiments/transfer.py

Writes `reports/transfer.md`, its panels and the grid.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from experiments.common import REPORTS, markdown_table, measured

NAME = "transfer"
COMMON = ("network.weights=calibrated",)
LAYERS = 3
# Photographs of different proportions; a texture on a photograph; with the shorter side.
PAIRS = (("coffee", "chelsea", 128), ("brick", "astronaut", 96))
GRID = ("source=sample:brick", "target=sample:astronaut", "image.size=64", "layers=2")
HEADER = [
    *("source", "target", "layer", "decoupled features: result to imposed (MSE)"),
    *("target to source", "raw features: result to source", "target to source"),
]
COST = ["source", "target", "passes", "seconds", "peak memory (GiB)", "values outside 0–1"]


def rows(source: str, target: str, metrics: dict[str, Any]) -> list[list[str]]:
    """A line for each layer."""
    transfer = metrics["transfer"]
    columns = (
        *("decoupled_feature_mse", "decoupled_feature_mse_target_to_source"),
        *("feature_mse_to_source", "feature_mse_target_to_source"),
    )
    return [
        [source, target, layer, *(f"{transfer[column][layer]:.1e}" for column in columns)]
        for layer in metrics["network"]["layers"]
    ]


def size(picture: dict[str, Any]) -> str:
    """Width and height as used."""
    return f"{picture['width']}×{picture['height']}"


def cost(source: str, target: str, metrics: dict[str, Any]) -> list[str]:
    """One line of the second table."""
    return [
        f"{source}, {size(metrics['source'])}",
        f"{target}, {size(metrics['target'])}",
        str(sum(stage["passes"] for stage in metrics["stages"])),
        f"{metrics['seconds']:.0f}",
        f"{metrics['peak_memory_bytes'] / 2**30:.1f}",
        f"{100 * metrics['clipped_share']['result']:.1f} %",
    ]


def main() -> None:
    """Run all, write the report."""
    features, costs, pictures = [], [], []
    for source, target, side in PAIRS:
        plot = f"{NAME}_{source}_{target}"
        settings = (f"source=sample:{source}", f"target=sample:{target}")
        metrics = measured(
            *("+experiment=transfer", *COMMON, *settings, f"layers={LAYERS}"),
            *(f"image.size={side}",),
            keep={"panel.png": plot},
        )
        features += rows(source, target, metrics)
        costs.append(cost(source, target, metrics))
        pictures.append(f"![{source} on {target}]({plot}.png)")
    measured("+experiment=mix", *COMMON, *GRID, keep={"mix.png": f"{NAME}_mix"})
    text = f"""# Transfers

With ImageNet's filters: [figures](imagenet.md#transfer-three-layers), [pictures, and a grid of
mixes](compare_imagenet.md).

Made by `python experiments/transfer.py`. Network: VGG-19 with calibrated random filters, softplus,
average pooling, {LAYERS} layers; the lift in symmetric steps, seed {metrics["seed"]}. Pictures:
scikit-image's samples.

    python -m decouple.run +experiment=transfer source=sample:SOURCE target=sample:TARGET \\
        layers={LAYERS} image.size=SIZE network.weights=calibrated

with a shorter side of {" and ".join(str(side) for *_, side in PAIRS)} px. The first table says how
far the decoupled features of the result, noisified again, are from those that were imposed on it,
and how far the target's own were. The result's raw features need be the source's only at the first
layer: those of the later layers were imposed on another picture's earlier layers.

{markdown_table(HEADER, features)}
{markdown_table(COST, costs)}
Seconds are those of one run on a machine with few cores and other work, and only a hint. They
include the way out of the result, which checks it.

{chr(10).join(pictures)}

Random filters have seen no picture: what ImageNet's filters would call style is not to be expected
here.

## Whose features, and how much of them

    python -m decouple.run +experiment=mix {" ".join(GRID)} network.weights=calibrated

Rows: the layers whose decoupled features come from the source. Columns: strength, between the
target's own features and the source's.

![Grid of mixes](transfer_mix.png)
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
