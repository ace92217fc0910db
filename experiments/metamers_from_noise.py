"""Metamers that begin as noise: a photograph's features through three layers, and through five.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/metamers_from_noise.py [--runs FOLDER]

How equal all features of each layer are to the photograph's, and how far the images are from it and
from each other. With calibrated filters; and with ImageNet's, where FILE holds VGG-16's in Keras's
layout. Writes `reports/metamers_from_noise.md` and its picture; a run that FOLDER has is not made
again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import numpy as np

import decouple as dc
from decouple.features.likeness import likeness
from decouple.networks.pooling import Pooling
from experiments.common import (
    CALIBRATED,
    FILTERS,
    REPORTS,
    Filters,
    all_filters,
    imagenet,
    made,
    markdown_table,
)
from experiments.metamers import (
    ALL_CHANNELS,
    HEADER,
    LAYERS,
    PHOTOGRAPH,
    SHOWN,
    SIZE,
    Made,
    images_of,
    loaded,
    put,
    row,
)

NAME = "metamers_from_noise"
COUNT, TOGETHER = 8, 4
"""Images of each kind, and of those how many a run makes."""


class Kind(NamedTuple):
    """Filters, up to a block, at a size.

    pooling : None for the filters' own
    """

    name: str
    filters: Filters
    layers: int
    size: int
    pooling: Pooling | None = None

    @property
    def title(self) -> str:
        """What the page calls it."""
        pooling = "" if self.pooling is None else f", {self.pooling.value} pooling"
        return f"{self.filters.name}{pooling}, {self.layers} layers, {self.size} px"

    @property
    def settings(self) -> tuple[str, ...]:
        """Of the command line, without the filters."""
        pooling = () if self.pooling is None else (f"network.pooling={self.pooling.value}",)
        return (
            *("+experiment=metamers", "metamers.start=colours", ALL_CHANNELS, *pooling),
            *(f"source=sample:{PHOTOGRAPH}", "image.fit=crop"),
            *(f"image.size={self.size}", f"layers={self.layers}"),
        )

    @property
    def extractor(self) -> dc.ChannelMeans:
        """Of all channels."""
        pooling = {} if self.pooling is None else {"pooling": self.pooling}
        return dc.ChannelMeans(self.filters.chain(self.layers, **pooling), self.layers)


def kinds() -> list[Kind]:
    """Those that are at hand."""
    found = [Kind(f"{f.network}_{LAYERS}", f, LAYERS, SIZE) for f in all_filters()]
    if os.environ.get(FILTERS):
        found.append(Kind("vgg16_5", imagenet(), 5, 256, Pooling.AVERAGE))
    return found


def main() -> int:
    """Run all, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs") / NAME)
    runs = parser.parse_args().runs
    rows, lines, told = [], {}, []
    for kind in kinds():
        found, null = made_of(kind, runs / kind.name)
        source, extractor = loaded(PHOTOGRAPH, kind.size), kind.extractor
        wanted = extractor.measure(source)
        alike = [likeness(extractor, extractor.measure(image), wanted) for image in found.images]
        rows.append(row(kind.title, alike, source, found))
        lines[kind.title] = [source, *found.images[:SHOWN]]
        told.append((kind, null))
        print(*rows[-1], flush=True)
    put(lines, NAME)
    write(rows, told)
    return 0


def made_of(kind: Kind, folder: Path) -> tuple[Made, dict[str, float]]:
    """Metamers of a kind, and what is said of unrelated pictures."""
    found: list[np.ndarray] = []
    seconds, null = 0.0, {}
    for first in range(0, COUNT, TOGETHER):
        run_dir = folder / str(first)
        seeds = (f"seed={first}", f"count={TOGETHER}")
        metrics = made(run_dir, *kind.settings, *kind.filters.settings, *seeds)
        found += images_of(run_dir)
        seconds += metrics["seconds"]
        null = metrics["metamers"]["of_unrelated"]
    return Made(found, seconds), null


def write(rows: list[list[str]], told: Sequence[tuple[Kind, dict[str, float]]]) -> None:
    """The page."""
    commands = "\n".join(
        f"    python -m decouple.run {' '.join(kind.settings)} count={COUNT} {kind.filters.by_hand}"
        for kind, _ in told
    )
    nulls = "\n".join(
        f"- {kind.title}: rank correlation at most {null['largest_spearman']:.4f}, relative MSE at "
        f"least {10 ** (-null['largest_snr_db'] / 10):.0e}"
        for kind, null in told
    )
    command = f"python experiments/{NAME}.py"
    if told[0][0].filters is not CALIBRATED:
        command = f"{FILTERS}=FILE {command}"
    text = f"""# Metamers from noise

Made by `{command}`: {PHOTOGRAPH}, centre square. Each of
{COUNT} images begins as Gaussian noise with the photograph's mean and covariance of colours, a seed
for each, and is moved to the photograph's channel means, of all layers at once and of all their
channels, by L-BFGS in the metric of the features' own K (`dc.metamer_from_noise`), until no layer's
relative MSE is above 1e-9:

{commands}

![The photograph, and {SHOWN} images of each kind]({NAME}.png)

{markdown_table(HEADER, rows)}
*Feature MSE*: mean square of the difference of a layer's features from the photograph's, in units
of the mean square of its own, of the worst layer of the worst image. *Rank correlation*:
Spearman's, over the features of a layer, least of all layers and images. *RMS*: of the difference
of two images, in units of their range; *from each other* the mean over all pairs. *Seconds* are
those of the whole run, for each image, on one core, beside other work.

Of pairs of unrelated pictures at most, or at least:

{nulls}

Through five layers at 96 px it does not get there: with ImageNet's filters and average pooling 600
iterations come to a relative MSE of 3e-4. An image of 27,648 values has few for each of 1,472
features, and steps as short as a thousandth of its range change some of them as much by their
curvature as by their slope. Nor does it with every photograph at 256 px: of coffee, seed 0, the
same command is far away after 400 iterations, where chelsea's have ended.

[Walks](metamers.md) from the photograph, three layers, keep some of its contours; nothing of the
photograph's layout is in these, and through five layers its parts are, in other places.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
