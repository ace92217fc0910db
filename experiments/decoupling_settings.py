"""What makes decoupled features more decoupled: the defect under one changed setting after another.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/decoupling_settings.py

FILE holds VGG-16's ImageNet convolutions in Keras's layout. Changes one thing at a time, the noise,
the reference, the network, the number of features, and measures the decoupling defect
of two pictures, how much of the brackets of the features' gradients lies outside their span, and
how like the means of the network as it was trained those of the changed one are. Writes
`reports/decoupling_settings.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
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
from experiments.common import FILTERS, REPORTS, imagenet_weights, markdown_table, span

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
    """

    what: str
    network: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 0
    directions: int = 0


SETTINGS = (
    Setting(DEFAULT),
    Setting("Gaussian noise", noise={"kind": "gaussian"}),
    Setting("pink noise", noise={"kind": "pink"}),
    Setting("noise with the picture's spectrum", noise={"kind": "phase", "like": True}),
    Setting(f"mean features of {len(OTHERS)} pictures", noise={"pictures": True}),
    Setting("softplus three times as wide", network={"width": 0.3}),
    Setting("softplus ten times as wide", network={"width": 1.0}),
    Setting("softplus thirty times as wide", network={"width": 3.0}),
    Setting(
        "ten times as wide, and the picture's spectrum",
        network={"width": 1.0},
        noise={"kind": "phase", "like": True},
    ),
    Setting(
        "three times as wide, and the picture's spectrum",
        network={"width": 0.3},
        noise={"kind": "phase", "like": True},
    ),
    Setting("average pooling", network={"pooling": "average"}),
    Setting("16 channels of each layer", channels=16),
    Setting("4 channels of each layer", channels=4),
    Setting("1 channel of each layer", channels=1),
    Setting("16 directions of each layer", directions=16),
    Setting("4 directions of each layer", directions=4),
    Setting("1 direction of each layer", directions=1),
)
HEADER = [
    "changed",
    *(f"D({i + 1}, {j + 1})" for i, j in PAIRS),
    "largest",
    "brackets outside",
    "like ReLU",
]


class Measured(NamedTuple):
    """What is known of a setting and a picture.

    Attributes
    ----------
    defects : {(i, j): D}
    outside : the largest share of brackets outside
    correlation : the least of a layer's means with those of the network as it was trained
    """

    defects: dict[tuple[int, int], float]
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
    defect = dc.decoupling_defect(image, features, reference, directions=DIRECTIONS, seed=SEED)
    matrix = defect.matrix()
    brackets = dc.bracket_shares(image, features, seed=SEED)
    return Measured(
        {pair: float(matrix[pair]) for pair in PAIRS},
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
        some = _leading(alive, image, setting.directions)
    else:
        return alive, prepared.reference
    return some, dc.noise_reference(some, image.shape[:2], SEED, **noise)


def _leading(features: Features, image: np.ndarray, count: int) -> Features:
    """Of each layer the combinations of means with the largest gradients, orthogonal ones."""
    matrix = features.normal_matrix(features.linearize(image))
    rows, begin = {}, 0
    for layer, size in zip(features.layers, features.sizes, strict=True):
        own = slice(begin, begin + size)
        _, directions = np.linalg.eigh(matrix[own, own])
        rows[layer] = np.zeros((count, features.size))
        rows[layer][:, own] = directions[:, -count:].T
        begin += size
    return dc.Combined(features, rows)


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
    whole = {
        what: max(max(one.defects.values()) for one in measured)
        for what, measured in done.items()
        if len(measured) == len(PICTURES)
    }
    alike = {what: min(one.correlation for one in done[what]) for what in whole}
    outside = [one.outside for measured in done.values() for one in measured]
    best = min(whole, key=whole.__getitem__)
    met = "is met" if whole[best] <= AIM else "is not met by any of these"
    every_channel = {s.what for s in SETTINGS if not (s.channels or s.directions)}
    faithful = [what for what in whole if alike[what] >= ALIKE and what in every_channel]
    best_faithful = min(faithful, key=whole.__getitem__)
    text = f"""# Settings, and how decoupled features are

Made by `{FILTERS}=FILE python experiments/{NAME}.py`:
VGG-16 with ImageNet's filters, channel means of {", ".join(NAMES)},
{SIZE} px, seed {SEED}; centre squares of {" and ".join(PICTURES)}, {DIRECTIONS} random directions
in each layer's gradients, motions of one 8-bit level RMS. D(i, j) is the
[decoupling defect](decoupling_defect.md): how much the features taken off layer j change when the
image moves along the gradients of layer i, relative to the raw ones. 0 is decoupled, 1 is as
coupled as raw features. Each cell is the mean of the pictures that were measured, *largest* the
largest defect of all pairs and both pictures. *Brackets outside* is the largest share of the Lie
brackets of two layers' gradients that lies outside the span of the gradients up to them
(`dc.bracket_shares`): 0 would let features be decoupled. *Like ReLU* is the least correlation of a
layer's means with those of the network as it was trained, with ReLU and max pooling: what a setting
costs that makes the features others. Of *directions* of a layer's means those are kept in which the
picture moves them most (eigenvectors of its part of J Jᵀ, `dc.Combined`).

{markdown_table(HEADER, rows)}
{_lines(failed)}What it shows:

- The aim, {AIM:g} or below for every pair, {met}. Lowest is *{best}*, with {whole[best]:.2f} at
  most; the default has {whole[DEFAULT]:.2f}.
- Its means correlate with the trained network's by {alike[best]:.3f}. With all channels and at
  least {ALIKE:g}, the lowest is *{best_faithful}*, with {whole[best_faithful]:.2f}.
- Of the brackets {span(outside, ".2f")} lie outside the span, also where the defect is small: their
  share does not tell settings apart.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")


def _cells(measured: list[Measured]) -> list[str]:
    if not measured:
        return ["–"] * (len(HEADER) - 1)
    means = [fmean(one.defects[pair] for one in measured) for pair in PAIRS]
    largest = max(max(one.defects.values()) for one in measured)
    outside = max(one.outside for one in measured)
    alike = min(one.correlation for one in measured)
    return [*(f"{value:.2f}" for value in (*means, largest, outside)), f"{alike:.3f}"]


def _lines(failed: list[str]) -> str:
    return "Not measured:\n\n" + "\n".join(failed) + "\n\n" if failed else ""


if __name__ == "__main__":
    main()
