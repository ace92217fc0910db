"""The moments of pixels, decoupled in closed form (Martínez-Enríquez, González & Portilla 2022).

Of a vector x of N values, standardised to z: mean, variance, skewness mean(z³), orthokurtosis
(arXiv 2207.02132). The last is the kurtosis that z has once its skewness has been taken off along
its own gradients. Along them z moves as z / (1 − t z), standardised again; so it is mean(y⁴) of
y, that of the t₀ at which mean(y³) is zero. Its gradient is orthogonal to those of the first
three, everywhere: of these features c_k = f_k exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq

from decouple.errors import ConfigError, FeaturesError, unknown_name
from decouple.families import VECTORS, check_orders
from decouple.features.features import Features, Linear, Point

ORDERS = ("mean", "variance", "skewness", "orthokurtosis")
OF_GAUSSIAN = (0.0, 1.0, 0.0, 3.0)
"""Of a Gaussian of mean 0 and variance 1: where the authors move every vector."""

# Rec. 709's luminance of R, G, B.
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# Standard deviations, in pixels, between which the bands lie: octaves.
_BANDS = (1.0, 2.0, 4.0, 8.0)
# How near the poles 1/min and 1/max the zero of the skewness is looked for, as a share of them.
_NEAREST = 1e-13


@dataclass(frozen=True)
class Orthokurtosis:
    """Of one vector.

    Attributes
    ----------
    value : mean(y⁴)
    pole : t₀, at which z / (1 − t₀ z) has no skewness, with z the standardised vector
    gradient : (N,), of the value with respect to the vector
    """

    value: float
    pole: float
    gradient: np.ndarray


def orthokurtosis(vector: np.ndarray) -> Orthokurtosis:
    """The kurtosis of a vector (N,) once its skewness has been taken off.

    Raises
    ------
    FeaturesError : the vector is constant, or its skewness cannot be taken off: half of its
        values or more are its largest, or its smallest.

    >>> round(orthokurtosis(np.array([0.0, 1.0, 3.0, 7.0])).value, 12)
    1.595041322314
    """
    x = np.asarray(vector, np.float64).ravel()
    z, scale = _standardised(x)
    t = _pole(z)
    below = 1 - t * z
    y, scale_1 = _standardised(z / below)
    k, fifth = float(np.mean(y**4)), float(np.mean(y**5))
    slope = y**3 - k * y - fifth / (k - 1) * (y**2 - 1) if k > 1 else np.zeros_like(y)
    gradient = 4 / x.size * slope / (below**2 * scale * scale_1)
    return Orthokurtosis(k, t, gradient)


def _standardised(x: np.ndarray) -> tuple[np.ndarray, float]:
    """A vector with mean 0 and variance 1, and the standard deviation that it had."""
    centred = x - x.mean()
    scale = float(np.sqrt(np.mean(centred**2)))
    if not scale > 0:
        raise FeaturesError("a vector that is constant has no skewness")
    return centred / scale, scale


def _pole(z: np.ndarray) -> float:
    def skewness(t: float) -> float:
        return float(np.mean(_standardised(z / (1 - t * z))[0] ** 3))

    low, high = ((1 - _NEAREST) / edge for edge in (z.min(), z.max()))
    if skewness(low) >= 0 or skewness(high) <= 0:
        raise FeaturesError(
            "half of a vector's values or more are equal to its largest, or its smallest: its "
            "skewness cannot be taken off"
        )
    return float(brentq(skewness, low, high, xtol=1e-16, rtol=4 * np.finfo(float).eps))


class Moments(Features):
    """Mean, variance, skewness and orthokurtosis of vectors that are linear in the image.

    Parameters
    ----------
    orders : how many of them, from the first on, a group each
    of : `colours` (R, G, B), `luminance`, or `bands`, three octaves of the luminance, which have
        no mean to move: their first order is the variance

    Raises
    ------
    ConfigError : orders out of 1 to 4, or unknown vectors.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.Moments(orders=3).sizes
    (3, 3, 3)
    """

    proven = True

    def __init__(self, orders: int = 4, of: str = "colours") -> None:
        if of not in VECTORS:
            raise ConfigError(unknown_name("vectors of moments", of, VECTORS))
        check_orders(orders, of)
        self._taken, self._of, self._orders = _VECTORS[of], of, orders
        groups = ORDERS[self._taken.lowest : orders]
        super().__init__(dict.fromkeys(groups, self._taken.count))

    @property
    def identity(self) -> Mapping[str, str]:
        """Moments, and of what."""
        return {"moments of": self._of}

    def gaussian(self) -> dict[str, np.ndarray]:
        """{group: values} of Gaussians of mean 0 and variance 1."""
        values = dict(zip(ORDERS, OF_GAUSSIAN, strict=True))
        return {order: np.full(self._taken.count, values[order]) for order in self.layers}

    def measure(self, image: np.ndarray) -> np.ndarray:
        """See `Features.measure`."""
        self.passes.count += 1
        return self._moments(image)[0]

    def linearize(self, image: np.ndarray) -> Point:
        """See `Features.linearize`; the gradients are kept, (orders · vectors, N)."""
        self.passes.count += 1
        features, gradients = self._moments(image)
        return Point(image.shape, gradients, features, np.asarray(image, np.float64))

    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """See `Features.jvp`."""
        self.passes.count += 1
        changes = self._taken.vectors(tangent)
        gradients = point.linearization.reshape(len(self.layers), *changes.shape)
        return np.einsum("kvn,vn->kv", gradients, changes).ravel()

    def vjp(self, point: Linear, cotangent: np.ndarray) -> np.ndarray:
        """See `Features.vjp`."""
        self.passes.count += 1
        count = self._taken.count
        gradients = point.linearization.reshape(len(self.layers), count, -1)
        weights = np.asarray(cotangent, np.float64).reshape(len(self.layers), count)
        return self._taken.adjoint(np.einsum("kv,kvn->vn", weights, gradients), point.shape)

    def check_size(self, height: int, width: int) -> None:
        """Fewer than four pixels have no four moments."""
        if height * width < 4:
            raise FeaturesError(f"an image of {height}x{width} pixels has no four moments")

    def _moments(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (C,) and gradients (C, N) with respect to the vectors."""
        orders, lowest = self._orders, self._taken.lowest
        values, gradients = [], []
        for x in self._taken.vectors(np.asarray(image, np.float64)):
            n, centred = x.size, x - x.mean()
            of_one = [(float(x.mean()), np.full(n, 1 / n))]
            if orders > 1:
                of_one.append((float(np.mean(centred**2)), 2 / n * centred))
            if orders > 2:
                z, scale = _standardised(x)
                skew = float(np.mean(z**3))
                of_one.append((skew, 3 / (n * scale) * (z**2 - 1 - skew * z)))
            if orders > 3:
                last = orthokurtosis(x)
                of_one.append((last.value, last.gradient))
            values.append([value for value, _ in of_one[lowest:]])
            gradients.append([gradient for _, gradient in of_one[lowest:]])
        by_order = np.array(gradients).transpose(1, 0, 2)
        return np.array(values).T.ravel(), by_order.reshape(self.size, -1)


@dataclass(frozen=True)
class _Vectors:
    """Linear maps from an image to vectors of its values.

    count : how many
    lowest : the first order that there is something of, from 0 for the mean
    vectors : image (H, W, 3) to (count, N)
    adjoint : (count, N) to an image of a shape
    """

    count: int
    lowest: int
    vectors: Callable[[np.ndarray], np.ndarray]
    adjoint: Callable[[np.ndarray, tuple[int, ...]], np.ndarray]


def _of_luminance(vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return vectors.reshape(*shape[:2], 1) * _LUMINANCE


def _bands(image: np.ndarray) -> np.ndarray:
    return _filtered([image @ _LUMINANCE] * (len(_BANDS) - 1)).reshape(len(_BANDS) - 1, -1)


def _of_bands(vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    # Filters that are symmetric on a torus are their own adjoints.
    planes = vectors.reshape(-1, *shape[:2])
    return _of_luminance(_filtered(list(planes)).sum(axis=0), shape)


def _filtered(planes: list[np.ndarray]) -> np.ndarray:
    """Each plane (H, W) between its own two scales."""
    return np.stack(
        [
            gaussian_filter(plane, fine, mode="wrap") - gaussian_filter(plane, coarse, mode="wrap")
            for plane, fine, coarse in zip(planes, _BANDS, _BANDS[1:], strict=False)
        ]
    )


_VECTORS = {
    "colours": _Vectors(
        3,
        0,
        lambda image: image.reshape(-1, 3).T,
        lambda vectors, shape: vectors.T.reshape(shape),
    ),
    "luminance": _Vectors(1, 0, lambda image: (image @ _LUMINANCE).reshape(1, -1), _of_luminance),
    "bands": _Vectors(len(_BANDS) - 1, 1, _bands, _of_bands),
}


def of_pixels(options: Mapping[str, Any], network: None, layers: None) -> Moments:
    """Those of `features=pixel_moments`; see `decouple.families`."""
    return Moments(options["orders"], options["of"])
