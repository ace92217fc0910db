"""The acid test on several pictures: take the decoupled features off, put them back, compare.

    python experiments/self_transfer.py

Default runs (two layers, 150 px) on pictures of many kinds, and five layers at 128 px on one.
Writes `reports/self_transfer.md`, of the first run the panel and the loss curves, and the table of
results in `README.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from experiments.common import REPORTS, ROOT, fill, markdown_table, measured

# A portrait, a still life, an animal, a photograph without colour, and one that is nearly black.
TWO_LAYERS = ("astronaut", "coffee", "chelsea", "camera", "hubble_deep_field")
FIVE_LAYERS = ("astronaut",)
COMMON = ("+experiment=self_transfer", "network.weights=calibrated")
NAME = "self_transfer"
RESULTS = ["self-transfer of", "layers", "PSNR (dB)", "values that differ in 8 bits", "command"]
HEADER = [
    "picture",
    "size",
    "PSNR (dB)",
    "largest error (levels of 255)",
    "values that differ in 8 bits",
    "largest feature MSE",
    "noisified: range of values",
    "passes",
    "seconds",
    "peak memory (GiB)",
]


def row(picture: str, metrics: dict[str, Any]) -> list[str]:
    """One line of the table, from a run's metrics."""
    transfer = metrics["self_transfer"]
    stages = metrics["stages"]
    mse = max(value for stage in stages for value in stage["feature_mse"].values())
    low, high = metrics["noisified_range"]
    return [
        picture,
        f"{metrics['image']['width']}×{metrics['image']['height']}",
        f"{transfer['psnr_db']:.1f}",
        f"{transfer['max_error_8bit']:.3f}",
        f"{100 * transfer['differing_pixels_8bit']:.2g} %",
        f"{mse:.0e}",
        f"{low:.1f} to {high:.1f}",
        str(sum(stage["passes"] for stage in stages)),
        f"{metrics['seconds']:.0f}",
        f"{metrics['peak_memory_bytes'] / 2**30:.1f}",
    ]


def headline(metrics: dict[str, Any], *settings: str) -> list[str]:
    """A line of README's table: what it was, what came out, and the command."""
    transfer, layers = metrics["self_transfer"], len(metrics["network"]["layers"])
    size = metrics["image"]
    return [
        f"{metrics['source']['origin'].removeprefix('sample:')}, {size['width']}×{size['height']}",
        str(layers),
        f"{transfer['psnr_db']:.1f}",
        f"{100 * transfer['differing_pixels_8bit']:.2g} %",
        f"`python -m decouple.run {' '.join((*COMMON, *settings))}`",
    ]


def main() -> None:
    """Run all, write the report."""
    plots = {"panel.png": NAME, "loss_noisify_source.png": f"{NAME}_loss"}
    two, five, results, deep = [], [], [], []
    for picture in TWO_LAYERS:
        setting = f"source=sample:{picture}"
        metrics = measured(*COMMON, setting, keep=plots)
        two.append(row(picture, metrics))
        results.append(headline(metrics, setting))
        plots = {}
    plots = {"panel.png": f"{NAME}_five_layers"}
    for picture in FIVE_LAYERS:
        settings = (f"source=sample:{picture}", "layers=5", "image.size=128")
        metrics = measured(*COMMON, *settings, keep=plots)
        five.append(row(picture, metrics))
        deep.append(headline(metrics, *settings))
        plots = {}
    text = f"""# Self-transfer

With ImageNet's filters: [two, three and five layers](imagenet.md).

Made by `python experiments/self_transfer.py`. Network: VGG-19 with calibrated random filters,
softplus, average pooling; the lift in symmetric steps, tolerance {metrics["tolerance"]:g} (an RMS
error, in units of the image's range), seed {metrics["seed"]}. Pictures: scikit-image's samples.
Seconds are those of one run on a machine with few cores and other work, and only a hint.

## Two layers, 150 px (the default)

    python -m decouple.run {COMMON[0]} {COMMON[1]} source=sample:NAME

{markdown_table(HEADER, two)}
![Source, noisified after each layer, result, difference]({NAME}.png)

![Feature MSE while the source is noisified]({NAME}_loss.png)

## Five layers, 128 px

    python -m decouple.run {COMMON[0]} {COMMON[1]} source=sample:NAME layers=5 image.size=128

{markdown_table(HEADER, five)}
![Source, noisified after each of five layers, result, difference]({NAME}_five_layers.png)

*Largest feature MSE*: over all layers, active and held, after every stage of noisification and
imposition. Passes count a forward pass, a JVP or a VJP of one image as one, rows of Jacobians
included.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    fill(ROOT / "README.md", "results", markdown_table(RESULTS, results[:3] + deep))


if __name__ == "__main__":
    main()
