"""Which features an image has on its way from one set of them to another.

The lift can follow any curve through feature space. A straight line is the obvious one, but it may
leave what images can have: where most pixels of a picture sit on the same side of every
activation (an evenly lit wall), its features hardly feel anything but its mean colour, and to move
along the line it would have to move by a hundred times its range. And with the filters of a trained
network it asks for large multipliers of opposite signs, which press pixels against the kinks of the
activations: what comes back from there has grown by 60 to 200 dB.

The features of a *blend* of the picture with the noise are images' features everywhere, from the
picture's to the noise's, and the change they ask for at the beginning is the part of (noise −
picture) that the features see. What the picture cannot feel yet waits until it can. The image
itself does not become the blend: it moves by the least that gives it the blend's features.

Behind the first layer, whose features a blend would not hold, each feature goes from one end to the
other in equal *ratios*: geometrically. A channel that hardly answers to the image as the layers
before left it (a mean of 5·10⁻⁴, to become 330 times as much) stands on an activation's exponential
tail, where equal motions of the image multiply it. Along a straight line such a channel alone took
steps 16 times as short as all others together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator

from decouple.errors import NamedChoice

if TYPE_CHECKING:
    from decouple.features.features import Features

# Of s, where two nodes are told apart.
_DIGITS = 9
# The sum of the weights with which earlier steps foretell the next; 15 for four equal steps.
_LARGEST_WEIGHTS = 20.0

Path = Callable[[float], np.ndarray]
"""Nominal features (C,) at s from 0 to 1."""


class PathKind(NamedChoice):
    """How features go where nothing says it: a blend where no layer is held, else geometrically."""

    BLEND = "blend"
    GEOMETRIC = "geometric"
    STRAIGHT = "straight"


@dataclass(frozen=True)
class Straight:
    """The straight line between two feature vectors (C,)."""

    start: np.ndarray
    end: np.ndarray

    def __call__(self, s: float) -> np.ndarray:
        """Features at s."""
        return self.start + s * (self.end - self.start)


@dataclass(frozen=True)
class Geometric:
    """In equal ratios between two feature vectors (C,), straight where one is not positive."""

    start: np.ndarray
    end: np.ndarray

    def __call__(self, s: float) -> np.ndarray:
        """Features at s."""
        straight = Straight(self.start, self.end)(s)
        positive = (self.start > 0) & (self.end > 0)
        ratio = np.divide(self.end, self.start, where=positive, out=np.ones_like(straight))
        return np.where(positive, self.start * ratio**s, straight)


@dataclass(frozen=True)
class Curve:
    """A curve through given features, monotone between them (Fritsch & Butland 1984).

    Attributes
    ----------
    nodes : (n,) float64, s from 0 to 1, increasing
    values : (n, C) float64, the features there
    """

    nodes: np.ndarray
    values: np.ndarray

    @cached_property
    def _interpolated(self) -> PchipInterpolator:
        return PchipInterpolator(self.nodes, self.values)

    def __call__(self, s: float) -> np.ndarray:
        """Features at s."""
        return np.asarray(self._interpolated(s))

    def reversed(self) -> Curve:
        """The same from its end to its start."""
        return Curve(1.0 - self.nodes[::-1], self.values[::-1])

    def between(self, start: np.ndarray, end: np.ndarray) -> Curve:
        """Bent, so that it begins and ends there exactly.

        Features that are positive everywhere stay so: they are multiplied by what grows
        geometrically along it. To others is added what grows linearly.
        """
        s, first, last = self.nodes[:, None], self.values[0], self.values[-1]
        bent = self.values + (1 - s) * (start - first) + s * (end - last)
        positive = (self.values > 0).all(axis=0) & (start > 0) & (end > 0)
        ratios = [
            np.divide(new, old, where=positive, out=np.ones_like(old))
            for new, old in ((start, first), (end, last))
        ]
        bent = np.where(positive, self.values * ratios[0] ** (1 - s) * ratios[1] ** s, bent)
        bent[0], bent[-1] = start, end
        return Curve(self.nodes, bent)

    @classmethod
    def nodes_of(cls, curves: Sequence[Curve]) -> np.ndarray:
        """The nodes of all of them, (n,)."""
        # Nodes that rounding alone tells apart would be the same ones in the curve reversed.
        return np.unique(np.round(np.concatenate([curve.nodes for curve in curves]), _DIGITS))

    @classmethod
    def mixed(cls, one: Curve, other: Curve, share: float) -> Curve:
        """(1 − share) one + share other, through the nodes of both."""
        nodes = cls.nodes_of([one, other])
        values = [(1 - share) * one(s) + share * other(s) for s in nodes]
        return cls(nodes, np.asarray(values))


class Blend:
    """Features of (1 − s) image + s noise, in float64; see the module's text.

    Parameters
    ----------
    extractor : whose features
    image, noise : (H, W, 3)
    start, end : (C,), nominal features at both ends; what the image's and the noise's own differ
        from them is made up for linearly
    """

    def __init__(
        self,
        extractor: Features,
        image: np.ndarray,
        noise: np.ndarray,
        start: np.ndarray,
        end: np.ndarray,
    ) -> None:
        # Rounding of way-points would make the multipliers jump from step to step.
        self._extractor = extractor.in_float64()
        self._image, self._noise = image, noise
        self._start, self._end = start, end
        self._short = [
            nominal - self._extractor.measure(x) for nominal, x in ((start, image), (end, noise))
        ]

    def __call__(self, s: float) -> np.ndarray:
        """Features at s."""
        if s in (0.0, 1.0):
            return self._end if s else self._start
        features = self._extractor.measure((1 - s) * self._image + s * self._noise)
        return features + (1 - s) * self._short[0] + s * self._short[1]


def extrapolation(nodes: Sequence[float], where: float) -> np.ndarray:
    """Weights of values at `nodes` in the polynomial through the latest of them, at `where`.

    As many nodes count as keep the weights bounded: a long step after short ones would multiply
    what is wrong with them.
    """
    for first in range(len(nodes)):
        used = nodes[first:]
        weights = [
            np.prod([(where - other) / (node - other) for other in used if other != node])
            for node in used
        ]
        if np.abs(weights).sum() <= _LARGEST_WEIGHTS:
            break
    return np.concatenate([np.zeros(first), weights])
