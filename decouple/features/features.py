"""What describes an image: a vector in named groups, and how it changes with the image.

Flows and stages ask a `Features` for nothing else; they see float64 vectors (C,) and images
(H, W, 3), and never a tensor. A family of features gives its groups, `identity`, `measure`,
`linearize`, `jvp` and `vjp`; all else follows from these, and a family that can do better says how.
`check_features` tells whether it does what is promised here.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from decouple.errors import ConfigError, FeaturesError
from decouple.memory import total_bytes

# The largest Jacobian that is kept whole while K = J Jᵀ is formed: this share of all memory
# that there is, and not of what is free, so that a run that is resumed does the same; in bytes,
# where the system does not tell.
_JACOBIAN_SHARE, _JACOBIAN_BYTES = 1 / 8, 1024 * 2**20


def jacobian_limit() -> int:
    """The most bytes of a Jacobian that is kept whole while the normal matrix is formed."""
    there = total_bytes()
    return _JACOBIAN_BYTES if there is None else int(there * _JACOBIAN_SHARE)


@dataclass
class PassCounter:
    """Passes of one image: features, a JVP or a VJP count one each."""

    count: int = 0


@dataclass(frozen=True)
class Linear:
    """A linear map from images to features, what `jvp` and `vjp` take.

    Attributes
    ----------
    shape : (H, W, 3) of the images
    linearization : what the family of features needs to apply it
    """

    shape: tuple[int, int, int]
    linearization: Any


@dataclass(frozen=True)
class Point(Linear):
    """Features linearized at one image: the map is the derivative there.

    Attributes
    ----------
    features : (C,) float64, the features there
    at : what `secant` needs to know of the point; of the general one, the image
    """

    features: np.ndarray
    at: Any = None


@dataclass(frozen=True)
class Secant(Linear):
    """Features between two images: the map takes their difference to that of the features.

    Exactly, or to the second order; in both cases it is the same map for the way back.

    Attributes
    ----------
    change : (C,) float64, how the features differ
    """

    change: np.ndarray


class Features(ABC):
    """Numbers that describe an image, in groups that are decoupled in their order.

    Parameters
    ----------
    groups : {name: how many numbers}, in the order in which they are taken off; of a network's
        features, its layers

    Attributes
    ----------
    layers : the groups' names
    alive : {group: (F,) bool}, which of its numbers are used; all, unless `masked`
    passes : how many passes have been taken; shared with what `first`, `masked` and `in_float64`
        give
    dtype : in which they are computed
    smooth : whether their gradients are continuous, without which no motion can be retraced
    exact_secant : whether `secant` rounds relative to the change, and not to the features
    proven : whether they are known to do what is promised here; others are tried on an image
        before they are used
    row_channels : how many channels of an image's size a row of the Jacobian takes on its way
    spatial_means : whether they are means over positions, so that a gradient's size goes with
        1 / (H · W), and noise of any size has the same J Jᵀ but for that
    stride : pixels from one of these positions to the next, in the deepest layer; 1 where unknown

    Raises
    ------
    FeaturesError : no groups, or an empty one.
    """

    dtype: str = "float64"
    smooth: bool = True
    spatial_means: bool = False
    stride: int = 1
    row_channels: int = 3
    exact_secant: bool = False
    proven: bool = False

    def __init__(self, groups: Mapping[str, int]) -> None:
        if not groups or any(int(size) < 1 for size in groups.values()):
            raise FeaturesError(f"features need groups of at least one number each, not {groups}")
        self.layers = tuple(groups)
        self.alive = {name: np.ones(int(size), bool) for name, size in groups.items()}
        self.passes = PassCounter()

    # What a family must say.

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """What they are features of: two that differ in it are not each other's.

        Of all groups together, whichever are used; precision is no part of it. Words for a
        message: {"network": "vgg19", ...}.
        """

    @abstractmethod
    def measure(self, image: np.ndarray) -> np.ndarray:
        """Features (C,), float64, of an image (H, W, 3)."""

    @abstractmethod
    def linearize(self, image: np.ndarray) -> Point:
        """Features and their linear dependence on the image, at an image (H, W, 3)."""

    @abstractmethod
    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """Change (C,) of the features for a change (H, W, 3) of the image."""

    @abstractmethod
    def vjp(self, point: Linear, cotangent: np.ndarray) -> np.ndarray:
        """The adjoint of `jvp`: Jᵀλ, (H, W, 3) float64, for λ of shape (C,)."""

    @property
    def signature(self) -> dict[str, str]:
        """`identity`, and which numbers of each group are used."""
        used = {
            f"channels of {layer}": f"{kept.sum()} of {kept.size} ({_digest(kept)})"
            for layer, kept in self.alive.items()
        }
        return {**self.identity, **used}

    @property
    def origin(self) -> str:
        """Where their numbers come from, in a word or as a file's name."""
        return "none"

    # Shape of the feature vector.

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many features of each group are used."""
        return tuple(int(self.alive[layer].sum()) for layer in self.layers)

    @property
    def size(self) -> int:
        """How many features are used in all."""
        return sum(self.sizes)

    @property
    def epsilon(self) -> float:
        """Of the precision in which they are computed."""
        return float(np.finfo(self.dtype).eps)

    def split(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """A feature vector (C,) as {group: (C_k,)}."""
        parts = np.split(features, np.cumsum(self.sizes)[:-1])
        return dict(zip(self.layers, parts, strict=True))

    def join(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The inverse of `split`; entries of other groups are ignored."""
        return np.concatenate([features[layer] for layer in self.layers])

    def mean_square(self, residual: np.ndarray) -> dict[str, float]:
        """Mean square of a residual (C,) in each group."""
        return {k: float(np.mean(np.square(v))) for k, v in self.split(residual).items()}

    # Fewer of them, or more exactly.

    def first(self, count: int) -> Features:
        """Those of the first `count` groups; they share the counter."""
        if count == len(self.layers):
            return self
        return Selected(self, {layer: self.alive[layer] for layer in self.layers[:count]})

    def masked(self, alive: Mapping[str, np.ndarray]) -> Features:
        """Only those of each group that `alive`, {group: (F,) bool}, names."""
        return Selected(self, {layer: np.asarray(alive[layer], bool) for layer in self.layers})

    def part(self, point: Point, count: int) -> tuple[Features, Point]:
        """Those of the first `count` groups, linearized at the same image: no pass."""
        shorter = self.first(count)
        if shorter is self:
            return self, point
        return shorter, Point(point.shape, point, point.features[: shorter.size], point.at)

    def in_float64(self) -> Features:
        """The same features, computed in double precision; they share the counter."""
        if self.dtype == "float64":
            return self
        raise FeaturesError(f"{type(self).__name__} has no float64: define in_float64")

    def movable(self, image: np.ndarray, least: float) -> dict[str, np.ndarray]:
        """{group: (F,) bool}, which features an image (H, W, 3) can move.

        Those whose gradient is not lost in rounding beside the largest of its group. A family that
        can tell how alive each feature is, from 0 to 1, takes those above `least`.
        """
        rows = np.concatenate(list(self.jacobian_rows(self.linearize(image))))
        lengths = self.split(np.linalg.norm(rows, axis=1))
        moved = {}
        for layer, kept in self.alive.items():
            moved[layer] = kept.copy()
            own = lengths[layer]
            moved[layer][kept] = np.isfinite(own) & (own > self.epsilon * own.max())
        return moved

    def check_size(self, height: int, width: int) -> None:  # noqa: B027
        """Raise ImageError if an image of this size is too small for them; none is, by default."""

    # What follows from the derivative.

    def secant(self, point: Point, change: np.ndarray) -> Secant:
        """How the features change when `change` (H, W, 3) is added to the point's image.

        In general the plain difference, with the derivative in the middle: the same map for the
        way back, so that symmetric steps retrace themselves, and exact to the second order.
        """
        middle = self.linearize(point.at + change / 2)
        difference = self.measure(point.at + change) - point.features
        return Secant(point.shape, middle.linearization, difference)

    def squared_error(
        self, image: np.ndarray, target: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (C,) at an image, and the gradient (H, W, 3) of Σ w (f − target)² there."""
        return self.gradient(image, lambda features: 2 * weights * (features - target))

    def gradient(
        self, image: np.ndarray, cotangent: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (C,) at an image, and the gradient (H, W, 3) there of a function of them.

        Parameters
        ----------
        cotangent : from features to the function's gradient, both (C,)
        """
        point = self.linearize(image)
        return point.features, self.vjp(point, cotangent(point.features))

    def vjp_batch(self, point: Linear, cotangents: np.ndarray) -> np.ndarray:
        """Jᵀλ, (B, H, W, 3), for λ of shape (B, C)."""
        return np.stack([self.vjp(point, cotangent) for cotangent in cotangents])

    def jvp_batch(self, point: Linear, tangents: np.ndarray) -> np.ndarray:
        """J t, (B, C), for t of shape (B, H, W, 3)."""
        return np.stack([self.jvp(point, tangent) for tangent in tangents])

    def jacobian_rows(self, point: Point) -> Iterator[np.ndarray]:
        """The Jacobian in chunks of rows (B, H·W·3), from the first feature to the last."""
        for unit in np.eye(self.size):
            yield self.vjp(point, unit).reshape(1, -1)

    def rows_at_a_time(self, pixels: int) -> int:
        """How many rows of the Jacobian are formed in one batch, at an image of so many pixels."""
        return 1

    def normal_matrix(self, point: Point) -> np.ndarray:
        """The normal matrix K = J Jᵀ, (C, C) float64.

        The Jacobian is formed in chunks; where it would not fit into memory as a whole, each
        chunk of rows is pushed forward instead of being multiplied, at about twice the time.
        """
        pixels = int(np.prod(point.shape))
        dtype = np.dtype(self.dtype)
        if self.size * pixels * dtype.itemsize <= jacobian_limit():
            jacobian = np.empty((self.size, pixels), dtype)
            row = 0
            for rows in self.jacobian_rows(point):
                jacobian[row : row + len(rows)] = rows
                row += len(rows)
            return (jacobian @ jacobian.T).astype(np.float64)
        matrix = np.concatenate(
            [
                self.jvp_batch(point, rows.reshape(len(rows), *point.shape))
                for rows in self.jacobian_rows(point)
            ]
        )
        return (matrix + matrix.T) / 2

    def estimated_normal_matrix(self, point: Point) -> np.ndarray:
        """K as far as parts of a large image tell, for what it only preconditions."""
        return self.normal_matrix(point)

    def share_estimated(self, pixels: int) -> float:
        """Of an image of so many pixels, the share that `estimated_normal_matrix` looks at."""
        return 1.0


class Derived(Features):
    """Linear functions of other features, which are computed whole.

    Parameters
    ----------
    whole : whose functions they are
    groups : {name: how many numbers}
    """

    def __init__(self, whole: Features, groups: Mapping[str, int]) -> None:
        super().__init__(groups)
        self._whole = whole
        self.passes, self.dtype, self.smooth = whole.passes, whole.dtype, whole.smooth
        self.spatial_means, self.stride = whole.spatial_means, whole.stride
        self.proven = whole.proven
        self.exact_secant = whole.exact_secant

    @abstractmethod
    def _taken(self, features: np.ndarray) -> np.ndarray:
        """They themselves (C,), of the whole's features or of a change of these."""

    @abstractmethod
    def _given_back(self, cotangent: np.ndarray) -> np.ndarray:
        """The adjoint of `_taken`."""

    @property
    def identity(self) -> Mapping[str, str]:
        """See `Features.identity`."""
        return self._whole.identity

    @property
    def origin(self) -> str:
        """See `Features.origin`."""
        return self._whole.origin

    def measure(self, image: np.ndarray) -> np.ndarray:
        """See `Features.measure`."""
        return self._taken(self._whole.measure(image))

    def linearize(self, image: np.ndarray) -> Point:
        """See `Features.linearize`."""
        point = self._whole.linearize(image)
        return Point(point.shape, point, self._taken(point.features), point.at)

    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """See `Features.jvp`."""
        return self._taken(self._whole.jvp(point.linearization, tangent))

    def vjp(self, point: Linear, cotangent: np.ndarray) -> np.ndarray:
        """See `Features.vjp`."""
        return self._whole.vjp(point.linearization, self._given_back(cotangent))

    def secant(self, point: Point, change: np.ndarray) -> Secant:
        """See `Features.secant`."""
        secant = self._whole.secant(point.linearization, change)
        return Secant(point.shape, secant, self._taken(secant.change))

    def check_size(self, height: int, width: int) -> None:
        """See `Features.check_size`."""
        self._whole.check_size(height, width)


class Selected(Derived):
    """Some numbers of other features.

    Parameters
    ----------
    whole : whose they are
    alive : {group: (F,) bool} of the first groups, in their order
    """

    def __init__(self, whole: Features, alive: Mapping[str, np.ndarray]) -> None:
        super().__init__(whole, {layer: kept.size for layer, kept in alive.items()})
        self.alive = {layer: kept & whole.alive[layer] for layer, kept in alive.items()}
        used = [whole.alive[layer] for layer in self.layers]
        kept = [self.alive[layer][own] for layer, own in zip(self.layers, used, strict=True)]
        self._kept = np.flatnonzero(np.concatenate(kept))

    def _taken(self, features: np.ndarray) -> np.ndarray:
        return features[self._kept]

    def _given_back(self, cotangent: np.ndarray) -> np.ndarray:
        full = np.zeros(self._whole.size)
        full[self._kept] = cotangent
        return full

    def in_float64(self) -> Features:
        """See `Features.in_float64`."""
        return self if self.dtype == "float64" else Selected(self._whole.in_float64(), self.alive)


def _digest(kept: np.ndarray) -> str:
    return hashlib.sha256(np.packbits(kept).tobytes()).hexdigest()[:8]


def check_same(what: str, signature: Mapping[str, str], features: Features) -> None:
    """Refuse what was measured with other features.

    Parameters
    ----------
    what : that was measured, for the message
    signature : of what it was measured with, which may have more groups; empty where that is not
        known, which passes
    features : what it is to be used with

    Raises
    ------
    ConfigError : they are not the same, with both named.
    """
    own = features.signature
    differ = [name for name, value in own.items() if signature.get(name) != value]
    if not signature or not differ:
        return
    theirs = ", ".join(f"{name} {signature.get(name, 'unknown')}" for name in differ)
    asked = ", ".join(f"{name} {own[name]}" for name in differ)
    raise ConfigError(f"{what} belong to other features: to those of {theirs}; not of {asked}")
