"""What makes decoupled features more decoupled: the defect under one changed setting after another.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/decoupling_settings.py

FILE holds VGG-16's ImageNet convolutions in Keras's layout. Changes one thing at a time, the noise,
the reference, the network, the number of features, their order, the flow, and measures the
decoupling defect of two pictures, how much of the brackets of the features' gradients lies outside
their span, and how like the means of the network as it was trained those of the changed one are.
Writes `reports/decoupling_settings.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import numpy as np

import decouple as dc
from decouple.errors import DecoupleError
from decouple.features import fidelity
from decouple.features.features import Features
from decouple.flows import Flow
from experiments.common import FILTERS, REPORTS, imagenet_weights, markdown_table, span
from experiments.decoupling_defect import FLOWS

NAME = "decoupling_settings"
PICTURES = ("astronaut", "coffee")
# Of whose features the mean is a reference: others than those that are measured.
OTHERS = ("brick", "chelsea", "grass", "gravel", "ihc", "motorcycle_left", "retina", "rocket")
SIZE, LAYERS, SEED, DIRECTIONS = 48, 3, 0, 3
NAMES = tuple(f"block{number}_conv1" for number in range(1, LAYERS + 1))
PAIRS = tuple((i, j) for j in range(LAYERS) for i in range(j))
DEFAULT = "default"
# Asked for of every pair; and, of settings that leave the features what they were.
AIM, ALIKE = 0.1, 0.99


@dataclass(frozen=True)
class Setting:
    """One of the table's rows.

    Attributes
    ----------
    what : it changes, as the table says it
    network : options of the network
    noise : options of the reference; `like` and `pictures` are put in for True
    channels : kept of each layer, spread over all that are alive; 0 for all
    directions : kept of each layer's means, those in which the picture moves them most; 0 for all
    last_first : take features off the last layer first; of directions alone
    flow : how pictures move; None for the lift
    """

    what: str
    network: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 0
    directions: int = 0
    last_first: bool = False
    flow: Flow | None = None


_LIKE = {"kind": "phase", "like": True}
SETTINGS = (
    Setting(DEFAULT),
    Setting("Gaussian noise", noise={"kind": "gaussian"}),
    Setting("pink noise", noise={"kind": "pink"}),
    Setting("noise with the picture's spectrum", noise=_LIKE),
    Setting(f"mean features of {len(OTHERS)} pictures", noise={"pictures": True}),
    Setting("softplus three times as wide", network={"width": 0.3}),
    Setting("softplus ten times as wide", network={"width": 1.0}),
    Setting("softplus thirty times as wide", network={"width": 3.0}),
    Setting("ten times as wide, and the picture's spectrum", network={"width": 1.0}, noise=_LIKE),
    Setting("three times as wide, and the picture's spectrum", network={"width": 0.3}, noise=_LIKE),
    Setting("average pooling", network={"pooling": "average"}),
    Setting("16 channels of each layer", channels=16),
    Setting("4 channels of each layer", channels=4),
    Setting("1 channel of each layer", channels=1),
    Setting("16 directions of each layer", directions=16),
    Setting("4 directions of each layer", directions=4),
    Setting("1 direction of each layer", directions=1),
    Setting("4 directions, last layer first", directions=4, last_first=True),
    Setting("4 directions, projected descent", directions=4, flow=FLOWS["projected"]),
    Setting("4 directions, gradient descent", directions=4, flow=FLOWS["gradient"]),
    Setting(
        f"4 directions, and mean features of {len(OTHERS)} pictures",
        noise={"pictures": True},
        directions=4,
    ),
    Setting("16 directions, and the picture's spectrum", noise=_LIKE, directions=16),
    Setting("4 directions, and the picture's spectrum", noise=_LIKE, directions=4),
    Setting("2 directions, and the picture's spectrum", noise=_LIKE, directions=2),
    Setting("1 direction, and the picture's spectrum", noise=_LIKE, directions=1),
    Setting(
        "4 directions, three times as wide, and the picture's spectrum",
        network={"width": 0.3},
        noise=_LIKE,
        directions=4,
    ),
    Setting("4 directions, and ten times as wide", network={"width": 1.0}, directions=4),
    Setting(
        "4 directions, ten times as wide, and the picture's spectrum",
        network={"width": 1.0},
        noise=_LIKE,
        directions=4,
    ),
    Setting(
        "16 directions, ten times as wide, and the picture's spectrum",
        network={"width": 1.0},
        noise=_LIKE,
        directions=16,
    ),
)
HEADER = [
    "changed",
    *(f"D({i + 1}, {j + 1})" for i, j in PAIRS),
    "largest",
    "own, least",
    "brackets outside",
    "like ReLU",
]


class Measured(NamedTuple):
    """What is known of a setting and a picture.

    Attributes
    ----------
    defects : {(i, j): D}
    own : {layer: how much its features change along its own gradients, relative to the raw ones}
    outside : the largest share of brackets outside
    correlation : the least of a layer's means with those of the network as it was trained
    """

    defects: dict[tuple[int, int], float]
    own: dict[str, float]
    outside: float
    correlation: float


def main() -> None:
    """Measure, write."""
    weights = imagenet_weights()
    found: dict[str, list[Measured | str]] = {}
    for setting in SETTINGS:
        found[setting.what] = list(_measured(setting, weights))
        print(setting.what, *found[setting.what], sep="\n  ", flush=True)
        _write(found)


def _measured(setting: Setting, weights: str) -> Iterator[Measured | str]:
    """Of each picture; a line where it cannot be moved so."""
    network = dc.vgg16(weights=weights, last=NAMES[-1], **setting.network)
    every = dc.ChannelMeans(network, LAYERS)
    for picture in PICTURES:
        try:
            yield _of(setting, every, _loaded(picture))
        except (DecoupleError, np.linalg.LinAlgError) as error:
            yield str(error)


def _of(setting: Setting, every: dc.ChannelMeans, image: np.ndarray) -> Measured:
    noise = dict(setting.noise)
    if noise.get("like"):
        noise["like"] = image
    if noise.get("pictures"):
        noise["pictures"] = [_loaded(other) for other in OTHERS]
    features, reference = _prepared(setting, every, image, noise)
    defect = dc.decoupling_defect(
        image, features, reference, setting.flow, directions=DIRECTIONS, seed=SEED
    )
    matrix = defect.matrix()
    brackets = dc.bracket_shares(image, features, seed=SEED)
    return Measured(
        {pair: float(matrix[pair]) for pair in PAIRS},
        {layer: change.ratio for layer, change in defect.own.items()},
        float(np.nanmax(brackets)),
        min(layer.correlation for layer in fidelity(every, image).values()),
    )


def _prepared(
    setting: Setting, every: Features, image: np.ndarray, noise: dict[str, Any]
) -> tuple[Features, dc.Reference]:
    """The features that can be moved, and the reference's."""
    prepared = dc.prepare(every, image, seed=SEED, **noise)
    alive = prepared.extractor
    if setting.channels:
        some = alive.masked({k: _some(kept, setting.channels) for k, kept in alive.alive.items()})
    elif setting.directions:
        some = dc.leading_directions(alive, [image], setting.directions)
        some = _last_first(some) if setting.last_first else some
    else:
        return alive, prepared.reference
    return some, dc.noise_reference(some, image.shape[:2], SEED, **noise)


def _last_first(features: Features) -> Features:
    """The same, the last layer's before the others'."""
    rows = features.split(np.eye(features.size))
    return dc.Combined(features, dict(reversed(rows.items())))


def _some(alive: np.ndarray, count: int) -> np.ndarray:
    """So many of a layer's channels that are alive, spread over them all."""
    kept = np.zeros_like(alive)
    channels = np.flatnonzero(alive)
    kept[channels[np.linspace(0, len(channels) - 1, count + 2)[1:-1].astype(int)]] = True
    return kept


def _loaded(picture: str) -> np.ndarray:
    return dc.load(f"sample:{picture}", size=SIZE, fit="crop").pixels


def _write(found: dict[str, list[Measured | str]]) -> None:
    done = {
        what: [one for one in measured if isinstance(one, Measured)]
        for what, measured in found.items()
    }
    rows = [[what, *_cells(measured)] for what, measured in done.items()]
    failed = [
        f"- {what}, {picture}: {line}"
        for what, measured in found.items()
        for picture, line in zip(PICTURES, measured, strict=True)
        if isinstance(line, str)
    ]
    whole = {what: measured for what, measured in done.items() if len(measured) == len(PICTURES)}
    outside = [one.outside for measured in done.values() for one in measured]
    text = f"""# Settings, and how decoupled features are

Made by `{FILTERS}=FILE python experiments/{NAME}.py`:
VGG-16 with ImageNet's filters, channel means of {", ".join(NAMES)},
{SIZE} px, seed {SEED}; centre squares of {" and ".join(PICTURES)}, {DIRECTIONS} random directions
in each layer's gradients, motions of one 8-bit level RMS. D(i, j) is the
[decoupling defect](decoupling_defect.md): how much the features taken off layer j change when the
image moves along the gradients of layer i, relative to the raw ones. 0 is decoupled, 1 is as
coupled as raw features. Each cell is the mean of the pictures that were measured, *largest* the
largest defect of all pairs and both pictures. *Own* is how much a layer's features change along the
part of its gradients that no earlier layer has, relative to the raw ones, the least of layers and
pictures: features that answer to nothing have no defect either. *Brackets outside* is the largest
share of the Lie brackets of two layers' gradients that lies outside the span of the gradients up to
them (`dc.bracket_shares`): 0 would let features be decoupled. *Like ReLU* is the least correlation
of a layer's means with those of the network as it was trained, with ReLU and max pooling: what a
setting costs that makes the features others. Of *directions* of a layer's means those are kept in
which the picture moves them most (eigenvectors of its part of J Jᵀ, `dc.Combined`).

{markdown_table(HEADER, rows)}
{_lines(failed)}What it shows:

{_verdict(whole)}
- Of the brackets {span(outside, ".2f")} lie outside the span, also where the defect is small: their
  share does not tell settings apart.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")


def _verdict(done: Mapping[str, list[Measured]]) -> str:
    """What the table says of the aim: of settings that were measured on all pictures."""
    largest = {k: max(max(one.defects.values()) for one in v) for k, v in done.items()}
    # Features that answer to little have a small defect, and are no more decoupled for that.
    relative = {k: v / _least_own(done[k]) for k, v in largest.items()}
    alike = {k: min(one.correlation for one in v) for k, v in done.items()}

    def lowest(among: Iterable[str]) -> str:
        what = min(among, key=relative.__getitem__)
        return f"*{what}*, {largest[what]:.2f} ({relative[what]:.2f})"

    def names(some: Iterable[str]) -> str:
        return "; ".join(f"*{what}*" for what in some) or "none"

    small = [what for what in largest if largest[what] <= AIM]
    like = {what for what in largest if alike[what] >= ALIKE}
    every = {s.what for s in SETTINGS if not (s.channels or s.directions)}
    best = min(relative, key=relative.__getitem__)
    return f"""- The aim, {AIM:g} or below for every pair, is met, over *own* as well, by
  {names(what for what in small if relative[what] <= AIM)}.
- Below it only because features answer to little are
  {names(what for what in small if relative[what] > AIM)}.
- The default has {largest[DEFAULT]:.2f} at most ({relative[DEFAULT]:.2f} over *own*). The least has
  {lowest(relative)}, whose means correlate with the
  trained network's by {alike[best]:.3f}; of those with at least {ALIKE:g}
  {lowest(like)}; and of those with all channels, too,
  {lowest(like & every)}."""


def _least_own(measured: list[Measured]) -> float:
    return min(min(one.own.values()) for one in measured)


def _cells(measured: list[Measured]) -> list[str]:
    if not measured:
        return ["–"] * (len(HEADER) - 1)
    means = [fmean(one.defects[pair] for one in measured) for pair in PAIRS]
    largest = max(max(one.defects.values()) for one in measured)
    own, outside = _least_own(measured), max(one.outside for one in measured)
    alike = min(one.correlation for one in measured)
    return [*(f"{value:.2f}" for value in (*means, largest, own, outside)), f"{alike:.3f}"]


def _lines(failed: list[str]) -> str:
    return "Not measured:\n\n" + "\n".join(failed) + "\n\n" if failed else ""


if __name__ == "__main__":
    main()
