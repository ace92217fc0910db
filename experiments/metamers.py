"""Metamers of a photograph, beside descents from noise to its features.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/metamers.py [--count 16] [--runs FOLDER]

As many images by walks among those with the photograph's features as by L-BFGS from noise: how
equal their features are to its, and how far they are from it and from each other; and a few
metamers of other pictures. With ImageNet's filters, where FILE holds VGG-16's in Keras's layout,
and with calibrated ones. Writes `reports/metamers.md` and its pictures; a run that FOLDER has is
not made again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import matplotlib.pyplot as plt
import numpy as np

import decouple as dc
from decouple.features.likeness import Likeness, likeness
from decouple.images import rms
from decouple.judges import structure
from experiments.common import (
    CORES,
    FILTERS,
    REPORTS,
    Filters,
    all_filters,
    made,
    markdown_table,
    slim,
    span,
)

NAME = "metamers"
LAYERS, SIZE = 3, 96
PHOTOGRAPH, OTHERS = "chelsea", ("ihc", "astronaut", "coffee")
# Also of those that answer hardly at all, and are left out by default.
ALL_CHANNELS = "mask.min_slope=0"
WALKS, OPPOSITE, FURTHER = "walks", "walks in opposite directions", "walks, walked on"
DESCENTS = "descents from noise"
# Of each kind, in the picture.
SHOWN = 5
HEADER = [
    *("", "largest feature MSE", "least rank correlation", "RMS from the source"),
    *("RMS from each other", "nearest two", "SSIM from the source", "seconds each"),
]


class Made(NamedTuple):
    """Images (H, W, 3) of one kind, and how long all took, in seconds."""

    images: Sequence[np.ndarray]
    seconds: float


class Found(NamedTuple):
    """What was made with some filters.

    kinds : {kind: of the photograph}
    others : {picture: (itself, metamers of it)}
    rows : of the table
    null : `metamers.of_unrelated` of metrics.json
    """

    filters: Filters
    source: np.ndarray
    kinds: Mapping[str, Made]
    others: Mapping[str, tuple[np.ndarray, Sequence[np.ndarray]]]
    rows: list[list[str]]
    null: Mapping[str, float]


def main() -> int:
    """Run all, write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--runs", type=Path, default=Path("runs") / NAME)
    options = parser.parse_args()
    if options.count <= SHOWN:
        parser.error(f"--count must be above {SHOWN}")
    sections = []
    for filters in all_filters():
        found = make(filters, options.count, options.runs / f"{filters.network}_{options.count}")
        draw(found)
        sections.append(section(found))
    write(sections, options.count)
    return 0


def make(filters: Filters, count: int, folder: Path) -> Found:
    """Everything with these filters."""
    source = loaded(PHOTOGRAPH)
    extractor = dc.ChannelMeans(filters.chain(LAYERS), LAYERS)

    def of(picture: str, kind: str, number: int, *settings: str) -> Made:
        run_dir = folder / f"{picture}_{kind.replace(' ', '_')}"
        pictures = (f"source=sample:{picture}", f"image.size={SIZE}", "image.fit=crop")
        given = (*settings, *filters.settings, *pictures, f"layers={LAYERS}", f"count={number}")
        metrics = made(run_dir, *given)
        null.update(metrics.get("metamers", {}).get("of_unrelated", {}))
        return Made(images_of(run_dir), metrics["seconds"])

    null: dict[str, float] = {}
    walks = ("+experiment=metamers",)
    descents = ("+experiment=synthesize", "synthesize.method=means", f"output.size={SIZE}")
    others = {
        picture: (loaded(picture), of(picture, WALKS, SHOWN - 3, *walks).images)
        for picture in OTHERS
    }
    walked = of(PHOTOGRAPH, WALKS, count, *walks, ALL_CHANNELS)
    kinds = {
        WALKS: walked,
        OPPOSITE: of(PHOTOGRAPH, OPPOSITE, count // 2, *walks, ALL_CHANNELS, "metamers.pairs=true"),
        FURTHER: further(walked, extractor, folder / "further.npz"),
        DESCENTS: of(PHOTOGRAPH, DESCENTS, count, *descents),
    }
    wanted = extractor.measure(source)
    rows = []
    for kind, of_kind in kinds.items():
        alike = [likeness(extractor, extractor.measure(image), wanted) for image in of_kind.images]
        rows.append(row(kind, alike, source, of_kind))
        print(*rows[-1], flush=True)
    return Found(filters, source, kinds, others, rows, null)


def loaded(picture: str, size: int = SIZE) -> np.ndarray:
    """A centre square of so many pixels a side, (H, W, 3)."""
    return dc.load(f"sample:{picture}", size=size, fit="crop").pixels.astype(np.float64)


def images_of(run_dir: Path) -> list[np.ndarray]:
    """What was made, in full precision."""
    with np.load(run_dir / "result.npz") as arrays:
        names = sorted(name for name in arrays.files if name.startswith("seed_"))
        return [arrays[name].astype(np.float64) for name in names]


def further(walked: Made, extractor: dc.ChannelMeans, file: Path) -> Made:
    """From where walks ended, as far again, each in a direction of its own."""
    if not file.exists():
        began, count = time.perf_counter(), len(walked.images)
        again = [
            dc.metamer(image, extractor, seed=count + k).image
            for k, image in enumerate(walked.images)
        ]
        np.savez(file, images=again, seconds=walked.seconds + time.perf_counter() - began)
    with np.load(file) as arrays:
        return Made(list(arrays["images"]), float(arrays["seconds"]))


def row(name: str, found: Sequence[Likeness], source: np.ndarray, own: Made) -> list[str]:
    """One line of the table."""
    apart = [rms(a - b) for a, b in combinations(own.images, 2)]
    alike = [structure(source, image)["ssim"] for image in own.images]
    return [
        name,
        f"{max(max(one.relative_mse.values()) for one in found):.0e}",
        f"{min(one.least_spearman for one in found):.6f}",
        span([rms(image - source) for image in own.images], ".3f"),
        f"{np.mean(apart):.3f}",
        f"{min(apart):.3f}",
        span(alike, ".2f"),
        f"{own.seconds / len(own.images):.0f}",
    ]


def draw(found: Found) -> None:
    """A line for each kind with the source before it, and one for each other picture."""
    lines = {kind: [found.source, *of.images[:SHOWN]] for kind, of in found.kinds.items()}
    put(lines, f"{NAME}{found.filters.figures}")
    others = {picture: [source, *images] for picture, (source, images) in found.others.items()}

    put(others, f"{NAME}_others{found.filters.figures}")


def put(lines: Mapping[str, Sequence[np.ndarray]], name: str) -> None:
    """Save lines of images, each under what it is called."""
    side, columns = 1.45, max(map(len, lines.values()))
    figure, axes = plt.subplots(
        len(lines), columns, figsize=(side * columns, (side + 0.15) * len(lines)), squeeze=False
    )
    for line, (title, images) in zip(axes, lines.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.set_axis_off()
            axis.imshow(np.clip(image, 0, 1), interpolation="none")
        line[0].set_title("source", fontsize=7, pad=2)
        line[1].set_title(title, fontsize=7, pad=2, loc="left")
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.95, 0.03, 0.12)
    figure.savefig(REPORTS / f"{name}.png", dpi=160)
    slim(REPORTS / f"{name}.png")
    plt.close(figure)


def section(found: Found) -> str:
    """What the page says of some filters."""
    filters, null = found.filters, found.null
    apart = {kind: float(line[4]) for kind, line in zip(found.kinds, found.rows, strict=True)}
    return f"""## {filters.title}

![The photograph, and {SHOWN} images of each kind]({NAME}{filters.figures}.png)

{markdown_table(HEADER, found.rows)}
Of {null["pairs"]} pairs of unrelated pictures the rank correlation is
{null["largest_spearman"]:.4f} at most, and their features differ by a relative MSE of
{10 ** (-null["largest_snr_db"] / 10):.0e} at least. Two walks end {apart[WALKS]:.3f} from each
other, in opposite directions {apart[OPPOSITE]:.3f}, walked on {apart[FURTHER]:.3f}, and two
descents {apart[DESCENTS]:.3f}.

![Metamers of other pictures]({NAME}_others{filters.figures}.png)
"""


def write(sections: Sequence[str], count: int) -> None:
    """The page."""
    text = f"""# Metamers

Made by `{FILTERS}=FILE python experiments/{NAME}.py`: {PHOTOGRAPH}, centre square, {SIZE} px,
channel means of the first convolution of each of {LAYERS} blocks.

- *Walks*, `+experiment=metamers {ALL_CHANNELS}`: {count} of them, each from the photograph in a
  random direction, every step lifted back to its features, until its correlation with the
  photograph is 0 or it leads no farther.
- *Walks in opposite directions*, `metamers.pairs=true`: two of each of {count // 2} seeds.
- *Walks, walked on*: from where the walks ended as far again, in other directions (`dc.metamer` of
  a metamer).
- *Descents from noise*, `+experiment=synthesize synthesize.method=means`: L-BFGS of the distance of
  the means from the photograph's.

*Feature MSE*: mean square of the difference of a layer's features from the photograph's, in units
of the mean square of its own, of the worst layer of the worst image, all channels of the network
counted. *Rank correlation*: Spearman's, over the features of a layer, least of all layers and
images. *RMS*: of the difference of two images, in units of their range; *from each other* the mean
over all pairs. *Seconds* are those of the whole run, for each image, on a machine with {CORES}
core{"s" if CORES > 1 else ""} and other work.

{chr(10).join(sections)}
## What they show

Each walk sets out from the photograph and keeps some of its contours, as the pictures show; that
brings walks nearer to each other than images from noise would be. Walked on with ImageNet's filters
they gain in distance, part of which is a pattern as fine as pixels that these features hardly see;
with calibrated ones they turn back towards the photograph.

The other pictures' are made without `{ALL_CHANNELS}`: on many pictures some channels
answer so little that no step could be lifted back in them; they are left out then, and drift.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
