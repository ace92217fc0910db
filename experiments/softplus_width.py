"""What the width of softplus and the kind of pooling do to the way back.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/softplus_width.py

Self-transfers of two pictures through two layers with fixed RK4 steps, for softplus of several
widths and ReLU as its limit, with average and max pooling; with l2 pooling at the default width;
and with symmetric steps where the network is smooth. With ImageNet's filters, where FILE holds
VGG-16's in Keras's layout, by symmetric steps alone, and what the width costs: how far the features
are from those of the network as it was trained. Writes `reports/softplus_width.md` and its figures.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from matplotlib.axes import Axes

import decouple as dc
from decouple.features import fidelity
from decouple.networks import OF_CALIBRATED
from decouple.report import style
from experiments.common import (
    CALIBRATED,
    FILTERS,
    REPORTS,
    Filters,
    all_filters,
    markdown_table,
    self_transfer_psnr,
    span,
    write_page,
)

NAME = "softplus_width"
PICTURES = ("astronaut", "coffee")
SIZE, LAYERS, SEED, STEPS = 40, 2, 0, 8
RELU = "ReLU"
DEFAULT = OF_CALIBRATED.width
WIDTHS = (0.02, 0.05, 0.1, 0.2, 0.5)
STEPPERS = {"RK4": dc.stepper("rk4", steps=STEPS), "symmetric": dc.stepper("symmetric")}
COLOURS = dict(zip(("average", "l2", "max", "smooth_max"), style.PALETTE.values(), strict=False))
Key = tuple[str, str, str, float | str]


class Looked(NamedTuple):
    """What is looked at with some filters, and what was found.

    at : {pooling: the widths, or RELU}
    psnr : {(picture, steps, pooling, width): dB}; None where the self-transfer did not arrive
    fidelity : {(pooling, width): (relative difference, correlation) of the worst layer and picture}
    """

    filters: Filters
    at: dict[str, tuple[float | str, ...]]
    steppers: tuple[str, ...]
    psnr: dict[Key, float | None]
    fidelity: dict[tuple[str, float | str], tuple[float, float]]

    @property
    def figure(self) -> str:
        """The name of its figure."""
        return NAME + self.filters.figures

    @property
    def caption(self) -> str:
        """What both figure and page say."""
        said = f"RK4 with {STEPS} steps a stage and layer, " if "RK4" in self.steppers else ""
        return (
            f"{self.filters.network}, {self.filters.name}, {LAYERS} layers, {SIZE}×{SIZE} px, "
            f"seed {SEED}; {said}symmetric steps at the default tolerance; centre squares of "
            "scikit-image's samples."
        )

    def db(self, stepper: str, pooling: str, *widths: float | str) -> str:
        """PSNR from the least to the largest over pictures and widths."""
        keys = [(p, stepper, pooling, w) for p in PICTURES for w in widths]
        return f"{span(self.psnr.get(key) for key in keys)} dB"


def looked(filters: Filters) -> Looked:
    """What to look at: with trained filters RK4's few steps lead nowhere near their end."""
    if filters is CALIBRATED:
        # l2 behaves as average does, so that one width tells.
        at = {"average": (RELU, *WIDTHS), "l2": (DEFAULT,), "max": (RELU, *WIDTHS)}
        return Looked(filters, at, tuple(STEPPERS), {}, {})
    return Looked(filters, {"smooth_max": WIDTHS, "average": WIDTHS}, ("symmetric",), {}, {})


def main() -> None:
    """Measure, draw, write."""
    sections = []
    for filters in all_filters():
        found = looked(filters)
        measure(found)
        _draw(found)
        said = _calibrated(found) if filters is CALIBRATED else _trained(found)
        sections.append(_section(found) + said)
    intro = f"""# Width of softplus, and pooling

Made by `{FILTERS}=FILE python experiments/{NAME}.py`: PSNR (dB) of self-transfer. The width is in
standard deviations of each layer's pre-activations; ReLU is softplus of width 0.
"""
    write_page(NAME, intro, sections)


def measure(found: Looked) -> None:
    """Fill in what is found."""
    images = {p: dc.load(f"sample:{p}", size=SIZE, fit="crop").pixels for p in PICTURES}
    for pooling, widths in found.at.items():
        for width in widths:
            kind = {"activation": "relu"} if width == RELU else {"width": width}
            chain = found.filters.chain(LAYERS, pooling=pooling, **kind)
            extractor = dc.ChannelMeans(chain, LAYERS)
            near = [f for image in images.values() for f in fidelity(extractor, image).values()]
            found.fidelity[pooling, width] = (
                max(layer.relative_difference for layer in near),
                min(layer.correlation for layer in near),
            )
            for name in found.steppers:
                if name == "symmetric" and not chain.smooth:
                    continue
                for picture, image in images.items():
                    key = picture, name, pooling, width
                    found.psnr[key] = self_transfer_psnr(image, extractor, STEPPERS[name], SEED)
                    print(*key, found.psnr[key], flush=True)


def _draw(found: Looked) -> None:
    with style.context():
        width, height = style.PAGE_INCHES, 4.6
        figure = style.new_figure(width, height)
        style.put_caption(figure, style.wrapped(found.caption, width - 0.2))
        style.put_title(figure, "Self-transfer against the width of softplus")
        panels = figure.subplots(1, len(PICTURES), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.07, right=0.98, bottom=0.2, top=0.8, wspace=0.06)
        for axes, picture in zip(panels, PICTURES, strict=True):
            _draw_picture(axes, picture, found)
        panels[0].set_ylabel("PSNR of the result to the source (dB)")
        handles, labels = panels[0].get_legend_handles_labels()
        place = (0.0, 1 - 0.3 / height)
        figure.legend(handles, labels, loc="upper left", bbox_to_anchor=place, ncols=5)
        style.save_figure(figure, REPORTS / f"{found.figure}.png")


def _draw_picture(axes: Axes, picture: str, found: Looked) -> None:
    limit = min(WIDTHS) / 2.5  # where ReLU, of width 0, stands on the logarithmic axis
    kinks = any(RELU in widths for widths in found.at.values())
    for stepper, dashes, marker in (("RK4", "-", "o"), ("symmetric", "--", "s")):
        for pooling, widths in found.at.items():
            points = [
                (limit if width == RELU else width, found.psnr[picture, stepper, pooling, width])
                for width in widths
                if found.psnr.get((picture, stepper, pooling, width)) is not None
            ]
            if not points:
                continue
            alone = len(points) == 1  # lies upon a point of the others, and shows as a ring
            axes.plot(
                *zip(*points, strict=True),
                color=COLOURS[pooling],
                linestyle="" if alone else dashes,
                marker=marker,
                markersize=10 if alone else 4,
                markerfacecolor="none" if alone else None,
                label=f"{stepper}, {pooling.replace('_', ' ')} pooling",
            )
    axes.set_xscale("log")
    ticks = {**({limit: RELU} if kinks else {}), **{w: f"{w:g}" for w in WIDTHS}}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xticks([], minor=True)
    axes.set_xlabel("width of softplus (standard deviations of pre-activations)")
    axes.set_title(picture)


def _section(found: Looked) -> str:
    """Figure and table."""
    shown = [w for w in (RELU, *WIDTHS) if any(w in widths for widths in found.at.values())]

    def cell(key: Key) -> str:
        if key not in found.psnr:
            return "–"
        value = found.psnr[key]
        return "not arrived" if value is None else f"{value:.1f}"

    rows = [
        [*key[:2], key[2].replace("_", " "), *(cell((*key, w)) for w in shown)]
        for key in dict.fromkeys(key[:3] for key in sorted(found.psnr, key=lambda key: key[0]))
    ]
    named = [w if w == RELU else f"width {w:g}" for w in shown]
    return f"""## {found.filters.title}

{found.caption}

![PSNR against width]({found.figure}.png)

{markdown_table(["picture", "steps", "pooling", *map(str, named)], rows)}
"""


def _calibrated(found: Looked) -> str:
    """What is seen with calibrated filters."""
    db, narrow, wide = found.db, min(WIDTHS), max(WIDTHS)
    return f"""Each network is calibrated with its own activation and pooling.

- With average pooling the fixed RK4 steps bring back {db("RK4", "average", RELU)} through ReLU,
  {db("RK4", "average", narrow)} at the narrowest width, {db("RK4", "average", DEFAULT)} at the
  default of {DEFAULT:g} and {db("RK4", "average", wide)} at the widest.
- Symmetric steps need not follow the path closely, only solve their equations: with average pooling
  {db("symmetric", "average", narrow)} at the narrowest width, where softplus is nearly a kink,
  {db("symmetric", "average", DEFAULT)} at the default and {db("symmetric", "average", wide)} at
  the widest.
- l2 pooling is smooth, too: at the default width {db("RK4", "l2", DEFAULT)} with RK4,
  {db("symmetric", "l2", DEFAULT)} with symmetric steps.
- Max pooling has kinks whatever the activation: {db("RK4", "max", *WIDTHS)} with RK4 over all
  widths. Symmetric steps are for smooth networks only.

A wide softplus is farther from the ReLU with which VGG was trained; the default is narrow.
"""


def _trained(found: Looked) -> str:
    """What is seen with ImageNet's filters, and what the width costs."""
    rows = [
        [pooling.replace("_", " "), f"{width:g}", f"{difference:.3f}", f"{correlation:.4f}"]
        for (pooling, width), (difference, correlation) in found.fidelity.items()
    ]
    header = ["pooling", "width", "largest relative difference", "least correlation"]
    db, narrow, wide = found.db, min(WIDTHS), max(WIDTHS)
    return f"""Softplus is unbiased: times its slope, so that it lies above ReLU near 0 and as much
below beyond.

- With the smooth maximum symmetric steps bring back {db("symmetric", "smooth_max", narrow)} at the
  narrowest width, {db("symmetric", "smooth_max", DEFAULT)} at the default of {DEFAULT:g} and
  {db("symmetric", "smooth_max", wide)} at the widest; with average pooling
  {db("symmetric", "average", narrow)}, {db("symmetric", "average", DEFAULT)} and
  {db("symmetric", "average", wide)}.

What a width costs: how far the features are from those of ReLU and max pooling, with which the
filters were trained, in the layer and picture where they are farthest.

{markdown_table(header, rows)}"""


if __name__ == "__main__":
    main()
