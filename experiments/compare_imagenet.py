"""Gram matrices, channel means and decoupled features on six pairs, with ImageNet's filters.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/compare_imagenet.py
    DECOUPLE_IMAGENET_VGG16=FILE python experiments/compare_imagenet.py --pairs 0 1 --size 64

FILE holds VGG-16's ImageNet convolutions in Keras's layout. Decoupled transfers in several
settings, beside Gram's and means' descents with content terms over three decades. Runs are kept in
`runs/compare_imagenet`, and none that is there is made again: it can be cut at any time, and pairs
made in processes of their own. Without `--pairs` it writes `reports/compare_imagenet.md`, its
curves and a sheet of the images.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import numpy as np
from PIL import Image, ImageOps

from decouple.record.table import markdown
from decouple.report import style
from experiments.common import FILTERS, REPORTS, imagenet_network, made, markdown_table
from experiments.trade_off import Place, Series, beaten, draw_trade_off

NAME = "compare_imagenet"
PAIRS = (
    ("coffee", "chelsea"),
    ("gravel", "astronaut"),
    ("brick", "coffee"),
    ("grass", "rocket"),
    ("chelsea", "astronaut"),
    ("retina", "motorcycle_left"),
)
SHARES = (2e-4, 2e-3, 2e-2, 2e-1)
# Of each descent, which may end before.
PASSES = 1000
DESCENTS = {"gram:lbfgs": "Gram", "means:lbfgs": "means"}
SHORT = tuple(DESCENTS.values())
HELD_OUT = "block3_conv3"
GRAM, MEANS = "gram_distance_held_out", "means_distance_held_out"
# Pixels a side of a picture on the sheet.
_CUT = 128
# Inches of its heading.
_HEAD = 0.5

Pair = tuple[str, str]


class Decoupled(NamedTuple):
    """A setting of decoupled transfers: what it is called, how it is set and moves, its marker."""

    name: str
    settings: tuple[str, ...]
    marker: str
    method: str = "lift:auto"


_PHASE = "noise.kind=phase"
FEW = Decoupled("4 directions, spectrum", (_PHASE, "mask.directions=4"), "*")
SETTINGS = (
    FEW,
    Decoupled("16 directions, spectrum", (_PHASE, "mask.directions=16"), "P"),
    Decoupled("all means, spectrum", (_PHASE,), "^"),
    Decoupled("all means, noise", (), "v"),
    # About as many passes as the lift takes.
    Decoupled("projected, all means, noise", ("compare.passes=5000",), "D", "projected:lbfgs"),
)
MIX = ("+experiment=mix", "source=sample:coffee", "target=sample:chelsea", "layers=3")
# Colours and markers, by the methods' names.
LOOKS = {
    "Gram": ("vermillion", "o"),
    "means": ("blue", "s"),
    **{
        one.name: ("green" if one.method == "lift:auto" else "purple", one.marker)
        for one in SETTINGS
    },
}


class Point(NamedTuple):
    """An image: who made it, its content share if it has one, and its row of the comparison."""

    method: str
    share: float | None
    row: Mapping[str, Any]
    path: Path

    @property
    def made(self) -> bool:
        """Whether there is an image."""
        return self.row["ssim"] is not None


def points_of(source: str, target: str, size: int, runs: Path) -> list[Point]:
    """Make, or read, all of a pair."""
    common = (
        *("+experiment=compare", *imagenet_network(), f"image.size={size}"),
        *(f"source=sample:{source}", f"target=sample:{target}", f"compare.held_out=[{HELD_OUT}]"),
    )

    def compared(what: str, methods: Iterable[str], *settings: str) -> tuple[Path, list[Any]]:
        folder = runs / f"{source}_{target}_{size}" / what
        chosen = f"compare.methods=[{','.join(methods)}]"
        return folder, made(folder, *common, chosen, *settings)["compare"]["rows"]

    found = []
    for setting in SETTINGS:
        what = setting.name.replace(",", "").replace(" ", "_")
        folder, rows = compared(what, [setting.method], *setting.settings)
        for row in rows:
            if row["method"] == setting.method:
                found.append(Point(setting.name, None, row, _image(folder, row["method"])))
            elif setting is FEW and row["method"] in ("target", "source"):
                found.append(Point(row["method"], None, row, _image(folder, row["method"])))
    for share in SHARES:
        # What is cheapest to measure their decoupled distance with.
        settings = (*FEW.settings, f"compare.passes={PASSES}", f"gatys.content.share={share}")
        folder, rows = compared(f"descents_{share:g}", DESCENTS, *settings)
        for row in rows:
            if row["method"] in DESCENTS:
                image = _image(folder, row["method"])
                found.append(Point(DESCENTS[row["method"]], share, row, image))
    return found


def _image(folder: Path, method: str) -> Path:
    kind = method if method in ("target", "source") else f"result_{method.replace(':', '_')}"
    return folder / "images" / f"{kind}.png"


def images_of(points: Iterable[Point]) -> dict[str, Path]:
    """{title: file} of a line of the sheet: of the descents the image with the least content."""
    titles = ["target", "source", *DESCENTS.values(), *(one.name for one in reversed(SETTINGS))]
    files: dict[str, Path] = {}
    for point in points:
        if point.made:
            files.setdefault(point.method, point.path)
    return {title: files[title] for title in titles if title in files}


def draw_sheet(found: Mapping[Pair, list[Point]], side: float = 1.2) -> None:
    """A line for each pair: target, source, and what was made of them."""
    lines = {pair: images_of(points) for pair, points in found.items()}
    titles = list(dict.fromkeys(title for line in lines.values() for title in line))
    figure = style.new_figure(side * len(titles), (side + 0.02) * len(lines) + _HEAD)
    axes = figure.subplots(len(lines), len(titles), squeeze=False)
    for row, line in zip(axes, lines.values(), strict=True):
        for axis, title in zip(row, titles, strict=True):
            axis.set_axis_off()
            if title in line:
                with Image.open(line[title]) as image:
                    pixels = ImageOps.fit(image.convert("RGB"), (_CUT, _CUT))
                axis.imshow(np.asarray(pixels), interpolation="none")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title.replace(", ", ",\n"), fontsize=7, pad=3)
    figure.subplots_adjust(0.003, 0.003, 0.997, 1 - _HEAD / figure.get_figheight(), 0.02, 0.02)
    style.save_figure(figure, REPORTS / f"{NAME}_images.png")


def draw(found: Mapping[Pair, list[Point]], made_with: str) -> None:
    """Style against structure, a panel for each pair."""
    panels = {}
    for (source, target), points in found.items():
        methods = {
            name: Series(places(points, name), *look, f"{SHARES[-1]:g}" * (name in SHORT))
            for name, look in LOOKS.items()
            if places(points, name)
        }
        (own,) = places(points, "target")
        panels[f"{source} on {target}"] = methods, own[1]
    draw_trade_off(REPORTS / f"{NAME}.png", panels, made_with, SHARES, columns=3)


def places(points: Iterable[Point], *methods: str, distance: str = GRAM) -> tuple[Place, ...]:
    """Structure and distance of the images that some methods made."""
    return tuple(
        (point.row["ssim"], point.row[distance])
        for point in points
        if point.method in methods and point.made
    )


def unbeaten(points: Iterable[Point], method: str, distance: str) -> bool:
    """Whether no descent has as much structure and as little of a distance as a method."""
    points = list(points)
    own = places(points, method, distance=distance)
    return bool(own) and not beaten(own[0], places(points, *SHORT, distance=distance))


def verdict(found: Mapping[Pair, list[Point]]) -> str:
    """On how many pairs each setting is beaten by no descent, and on how many descents by it."""
    rows = []
    for setting in SETTINGS:
        counts = [
            sum(unbeaten(points, setting.name, key) for points in found.values())
            for key in (GRAM, MEANS)
        ]
        wins = [
            beaten(descent, places(points, setting.name))
            for points in found.values()
            for descent in places(points, *SHORT)
        ]
        told = (*(f"{n} of {len(found)}" for n in counts), f"{sum(wins)} of {len(wins)}")
        rows.append([setting.name, *told])
    header = ["decoupled transfer", "Gram, held out", "means, held out", "descents that it beats"]
    return markdown_table(header, rows)


def in_words(found: Mapping[Pair, list[Point]]) -> str:
    """What the pairs have in common, and where transfers lose."""
    made_by = [
        [p for p in points if p.made and p.method not in ("source", "target")]
        for points in found.values()
    ]
    nearest = [min(points, key=lambda point: point.row[GRAM]).method for points in made_by]
    lost = [
        f"{source} on {target}"
        for (source, target), points in found.items()
        if not any(unbeaten(points, s.name, GRAM) for s in SETTINGS)
    ]
    counts = " and ".join(f"{n} on {nearest.count(n)} pairs" for n in dict.fromkeys(nearest))
    return f"""Neither side wins outright. Nearest to the style is {counts};
most of the target's structure is kept by transfers of few directions. By these settings what holds
a transfer back is how far it carries pictures. To the features of white noise and back, along the
weakly felt directions of all means, most is lost; noise with the source's spectrum is nearer, and
few directions, those that are felt most, make the way short. The price is that fewer directions
take less of the style. Beaten in every setting: {", ".join(lost) or "none"}.
Projected descent ends with a picture, whose deeper layers are far from their thresholds after as
many passes."""


def table(found: Mapping[Pair, list[Point]]) -> str:
    """All images in numbers."""
    keys = {
        **{"SSIM": "ssim", "gradient similarity": "gradient_similarity"},
        **{"gram, held out": GRAM, "means, held out": MEANS},
        **{"gram": "gram_distance", "means": "means_distance"},
        **{"clipped": "clipped_share", "passes": "passes", "ended": "stop_reasons"},
    }
    return markdown(
        [
            {
                "pair": f"{source} on {target}",
                "method": point.method,
                "content share": point.share,
                **{title: point.row.get(key) for title, key in keys.items()},
            }
            for (source, target), points in found.items()
            for point in points
            if point.method != "source"
        ]
    )


def write(found: Mapping[Pair, list[Point]], size: int) -> None:
    """The page."""
    missing = [
        f"{point.method} on {source} and {target}: {point.row.get('failure')}"
        for (source, target), points in found.items()
        for point in points
        if not point.made
    ]
    every = " Every method ended with a picture." if not missing else ""
    failed = "".join(f"- No picture: {line}\n" for line in missing)
    text = f"""# Gram against means, with ImageNet's filters

Made by `{FILTERS}=FILE python experiments/{NAME}.py`:
VGG-16 with ImageNet's filters, softplus, smooth maximum pooling; the first three layers are used,
{HELD_OUT} is held out; {len(found)} pairs, {size} px, seed 0.{every}
[With calibrated filters](compare.md), which also says how distances are measured.

A decoupled transfer takes the features off source and target, and puts the source's on the target.
Gram matrices and means descend a loss from the target, at most {PASSES} passes each, with a content
term whose share of the first gradient goes over three decades. Transfers differ in the noise to
whose features pictures are moved, and in which features: *spectrum* is noise with the source's own
spectrum (`noise.kind=phase`), *directions* are the combinations of a layer's means that the two
pictures move most (`mask.directions`). Structure is SSIM to the target, style a distance to the
source at a layer that nobody optimized. Transfers of all means took more passes than the descents,
which mostly were ended by their limit, those of few directions about as many (last table). Which
settings are here was chosen on the first three pairs, at 64 px; the others are new to them.

On how many pairs no image of Gram's or means' descents has both as much structure and as little
distance as the transfer; and how many of these images have less structure and more distance than
it:

{verdict(found)}
{in_words(found)}
{failed}
![Gram and means as curves over content shares, transfers as points]({NAME}.png)

![Target, source, and what each method made of them]({NAME}_images.png)

Gram's and means' images are those of the least content term. Centre squares.

## Which layer's features, and how much of them

    python -m decouple.run {" ".join((*MIX, *FEW.settings))} \\
        network=vgg16 network.weights=FILE image.size={size}

![Grid of mixes]({NAME}_mix.png)

## All of it in numbers

{table(found)}"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


def main() -> None:
    """Run; write, where all pairs were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", type=int, choices=range(len(PAIRS)))
    parser.add_argument("--size", type=int, default=128, help="of the shorter side, in pixels")
    parser.add_argument("--runs", type=Path, default=Path("runs") / NAME)
    options = parser.parse_args()
    numbers = options.pairs or range(len(PAIRS))
    found = {PAIRS[n]: points_of(*PAIRS[n], options.size, options.runs) for n in numbers}
    for pair, points in found.items():
        print(*pair, *(f"{p.method} {p.share} {places([p], p.method)}" for p in points), sep="\n  ")
    if options.pairs is None:
        grid = options.runs / f"mix_{options.size}"
        made(grid, *MIX, *imagenet_network(), *FEW.settings, f"image.size={options.size}")
        shutil.copy(grid / "plots" / "mix.png", REPORTS / f"{NAME}_mix.png")
        draw(found, f"VGG-16, ImageNet's filters, {options.size} px, three layers")
        draw_sheet(found)
        write(found, options.size)


if __name__ == "__main__":
    main()
