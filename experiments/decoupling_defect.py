"""How far from decoupled the decoupled features are: a matrix for each flow.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/decoupling_defect.py

Moves two pictures a little along the gradients of each layer and noisifies them anew, by the
lift, by projected and by plain gradient descent (`decouple.stages.decoupling_defect` says what is
measured), with calibrated filters; and with ImageNet's, where FILE holds VGG-16's in Keras's
layout. Writes `reports/decoupling_defect.{png,md}`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

import decouple as dc
from decouple.features.features import Features
from decouple.flows import Flow
from decouple.report import style
from decouple.stages.defect import ONE_LEVEL, Change, DecouplingDefect
from experiments.common import FILTERS, REPORTS, imagenet_weights, markdown_table, span

NAME = "decoupling_defect"
PICTURES = ("astronaut", "coffee")
SIZE, LAYERS, SEED, DIRECTIONS = 56, 3, 0, 2
# Where the descents end must not depend on their threshold more than on the image.
STOP = dc.StopRules(dc.StopRule(loss=1e-10, max_iterations=2000, stagnation=0))
FLOWS: dict[str, Flow] = {
    "lift": dc.Lift(),
    "projected": dc.Projected(dc.optimizer("lbfgs"), STOP),
    "gradient": dc.Gradient(dc.optimizer("lbfgs"), STOP),
}
HEADER = [
    *("flow", "picture", "moved along", "seen in", "defect", "in each direction"),
    *("at half the size", "nonlinearity"),
]
OWN_HEADER = ["flow", "picture", "layer", "change of c_j over that of f_j", "in each direction"]
Key = tuple[str, str]


def main() -> None:
    """Measure, draw, write."""
    chain = dc.vgg19(weights="calibrated", last=f"block{LAYERS}_conv1")
    extractor = dc.ChannelMeans(chain, LAYERS)
    reference = dc.noise_reference(extractor, (SIZE, SIZE), SEED)
    defects = {
        (flow, picture): _defect(picture, extractor, reference, how)
        for picture in PICTURES
        for flow, how in FLOWS.items()
    }
    harder = {
        picture: _defect(picture, extractor, reference, FLOWS["lift"], isotropic=True)
        for picture in PICTURES
    }
    trained = _trained() if os.environ.get(FILTERS) else ""
    caption = (
        f"{chain.architecture.name}, weights {chain.weights.origin} ({chain.weights.digest[:8]}), "
        f"activation {chain.activation.value}, pooling {chain.pooling.value}, {SIZE}×{SIZE} px, "
        f"seed {SEED}; {DIRECTIONS} random directions in each layer's gradients, motions of one "
        "8-bit level RMS"
    )
    _draw(defects, caption)
    _write(defects, harder, caption, trained)


def _defect(
    picture: str,
    extractor: Features,
    reference: dc.Reference,
    flow: Flow,
    isotropic: bool = False,
) -> DecouplingDefect:
    image = _loaded(picture)
    defect = dc.decoupling_defect(
        image, extractor, reference, flow, directions=DIRECTIONS, seed=SEED, isotropic=isotropic
    )
    print(picture, flow.name, f"{isotropic=}", defect.matrix(), flush=True)
    return defect


def _loaded(picture: str) -> np.ndarray:
    return dc.load(f"sample:{picture}", size=SIZE, fit="crop").pixels


# ImageNet's filters.


def _trained() -> str:
    """What the page says of them."""
    chain = dc.vgg16(weights=imagenet_weights(), last=f"block{LAYERS}_conv1")
    every, rows, own, ends = dc.ChannelMeans(chain, LAYERS), [], [], []
    found: list[float] = []
    for picture in PICTURES:
        image = _loaded(picture)
        prepared = dc.prepare(every, image, seed=SEED)
        lift = _defect(picture, prepared.extractor, prepared.reference, FLOWS["lift"])
        rows += [[picture, *line] for line in _lines(lift)]
        own += [[picture, *line] for line in _own_lines(lift)]
        found += [change.ratio for change, _ in lift.along.values()]
        for flow in ("projected", "gradient"):
            ends.append(f"- {flow}, {picture}: {_end(image, prepared, FLOWS[flow])}")
            print(ends[-1], flush=True)
    said = "\n".join(ends)
    return f"""## ImageNet's filters

VGG-16, activation {chain.activation.value}, pooling {chain.pooling.value}, the lift; all else as
above. The defect is {span(found, ".2f")}:

{markdown_table(HEADER[1:], rows)}
And along what is a layer's own:

{markdown_table(OWN_HEADER[1:], own)}
Where the descents end, which are told to stop as above; the defect of their features is not
measured:

{said}
"""


def _end(image: np.ndarray, prepared: dc.Prepared, flow: Flow) -> str:
    """Where a descent from a picture ends."""
    try:
        dc.noisify(image, prepared.extractor, prepared.reference, flow, features_only=True)
    except dc.StageError as error:
        return str(error)
    return "arrives"


# The picture and the page.


def _draw(defects: dict[Key, DecouplingDefect], caption: str) -> None:
    with style.context():
        width, height = 8.0, 6.0
        figure = style.new_figure(width, height)
        lines = style.wrapped(caption, width - 0.2)
        style.put_caption(figure, lines)
        style.put_title(figure, "Decoupling defect: 0 is decoupled, 1 as coupled as raw features")
        panels = figure.subplots(len(PICTURES), len(FLOWS), squeeze=False)
        figure.subplots_adjust(
            left=0.09, right=0.86, bottom=0.17, top=0.87, wspace=0.16, hspace=0.3
        )
        for row, picture in zip(panels, PICTURES, strict=True):
            for axes, flow in zip(row, FLOWS, strict=True):
                shown = _draw_matrix(axes, defects[flow, picture])
                axes.set_title(f"{flow}, {picture}")
            row[0].set_ylabel("moved along\ngradients of layer i")
        for axes in panels[-1]:
            axes.set_xlabel("features of layer j")
        bar = figure.colorbar(shown, cax=figure.add_axes((0.89, 0.25, 0.02, 0.54)), extend="max")
        bar.set_label(r"defect $D_{ij} = \|\Delta c_j\| \,/\, \|\Delta f_j\|$")
        style.save_figure(figure, REPORTS / f"{NAME}.png")


def _draw_matrix(axes: Axes, defect: DecouplingDefect) -> AxesImage:
    """The part above the diagonal: rows i from the first layer, columns j from the second."""
    matrix = defect.matrix()[:-1, 1:]
    shown = axes.imshow(matrix, cmap="cividis_r", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            dark = value > 0.5
            axes.text(
                j, i, f"{value:.2f}", ha="center", va="center", color="white" if dark else "black"
            )
    layers = [layer.split("_")[0] for layer in defect.layers]
    axes.set_xticks(range(len(layers) - 1), layers[1:])
    axes.set_yticks(range(len(layers) - 1), layers[:-1], rotation=90, va="center")
    axes.grid(False)
    return shown


def _lines(defect: DecouplingDefect) -> list[list[str]]:
    """Along the gradients of earlier layers."""
    return [
        [
            *(moved, seen, f"{change.ratio:.2f}", span(change.ratios, ".2f")),
            *(f"{half.ratio:.2f}", f"{change.nonlinearity(half):.2f}"),
        ]
        for (moved, seen), (change, half) in defect.along.items()
    ]


def _own_lines(defect: DecouplingDefect) -> list[list[str]]:
    """Along a layer's own directions."""
    return [
        [layer, f"{change.ratio:.2f}", span(change.ratios, ".2f")]
        for layer, change in defect.own.items()
    ]


def _write(
    defects: Mapping[Key, DecouplingDefect],
    harder: Mapping[str, DecouplingDefect],
    caption: str,
    trained: str,
) -> None:
    rows = [[*key, *line] for key, defect in defects.items() for line in _lines(defect)]
    isotropic = [[key, *line] for key, defect in harder.items() for line in _lines(defect)]
    own = [[*key, *line] for key, defect in defects.items() for line in _own_lines(defect)]

    def spans(of: Callable[[Change, Change], float]) -> dict[str, str]:
        """{flow: from the least to the largest}."""
        return {
            flow: span(
                (of(*pair) for p in PICTURES for pair in defects[flow, p].along.values()), ".2f"
            )
            for flow in FLOWS
        }

    full, half = spans(lambda change, _: change.ratio), spans(lambda _, change: change.ratio)
    bent = spans(Change.nonlinearity)
    plain, hardest = (
        span((pair[0].ratio for defect in found for pair in defect.along.values()), ".2f")
        for found in ([defects["lift", picture] for picture in PICTURES], harder.values())
    )
    answers = span(
        (change.ratio for defect in defects.values() for change in defect.own.values()), ".2f"
    )
    lowest = [
        all(defects["lift", p].along[at][0].ratio < pair[0].ratio for at, pair in d.along.items())
        for (flow, p), d in defects.items()
        if flow != "lift"
    ]
    text = f"""# Decoupling defect

Made by `{FILTERS}=FILE python experiments/decoupling_defect.py`:
{caption}.
Centre squares of scikit-image's samples. The descents use L-BFGS and end at a loss of
{STOP.common.loss:g}.

![A matrix for each flow and picture]({NAME}.png)

Decoupled features c_j of a later layer should not change when the image x moves along the
gradients of an earlier layer i. The *defect* is how much they do, relative to the raw features:

$$D_{{ij}} = \\sqrt{{\\frac{{\\sum_u \\lVert c_j(x + h u) - c_j(x) \\rVert^2}}
{{\\sum_u \\lVert f_j(x + h u) - f_j(x) \\rVert^2}}}}, \\qquad i < j$$

over random directions $u = J_i(x)^\\top \\lambda$ in the span of layer i's gradients, $\\lambda$
standard normal and $u$ scaled to an RMS of 1 over the image's values; the size of the motion is
$h$ = 1/{1 / ONE_LEVEL:.0f} of the image's range, and its half as a check. c_j of the moved image is
found by noisifying that image. 0 is decoupled, 1 is as coupled as raw features, and nothing keeps
it from being larger.

{markdown_table(HEADER, rows)}
*Nonlinearity* is the difference of the two changes of c_j, each over its size, relative to the
larger motion's: 0 for a linear function.

Under other settings: [what makes features more decoupled](decoupling_settings.md).

What it shows:

- The lift's features have a defect of {full["lift"]}, those of projected descent
  {full["projected"]}, those of gradient descent {full["gradient"]}. In {sum(lowest)} of
  {len(lowest)} matrices of the descents every entry is above the lift's for the same picture and
  directions. At block1_conv1, where nothing is held, the two descents are one.
- Half the motion gives {half["lift"]}, {half["projected"]} and {half["gradient"]}; the same as
  above would say that the size of the change is proportional to the motion. Its direction need not
  be: the nonlinearity is {bent["lift"]} for the lift, {bent["projected"]} and {bent["gradient"]}
  for the descents. Where it is not small, these are finite changes and no derivatives.

## What is left of a layer's own

A c_j that answered to nothing would have no defect either. Here the image moves along the part of
layer j's own gradients that is orthogonal to those of all earlier layers, where c_j should change
as f_j does. It changes {answers} times as much.

{markdown_table(OWN_HEADER, own)}
## Directions that the layer hardly sees

Directions $J_i^\\top \\lambda$ favour what layer i sees best. Of all directions in the span
of its gradients, drawn equally likely, most are patterns that it hardly sees. Along these the
defect of the lift's features is {hardest}, against {plain} above:

{markdown_table(HEADER[1:], isotropic)}
Where it is above 1, c_j changes more than f_j does: there the features are not decoupled at all.

{trained}"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
