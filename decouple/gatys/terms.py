"""Terms on a layer's activation: content, and the statistics that describe a style.

All are a `Distance` (a sum or a mean of squares) between something of the image's activation and
the same of another picture's, the *target*. Activations have the units of the network: with
ImageNet weights, those of Keras's VGG fed with 0–255, although images here are in [0, 1] (see
`decouple.gatys.objective`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, ImageError, NamedChoice
from decouple.features.regions import region_weights
from decouple.features.statistics import covariance, gram, means
from decouple.gatys.tree import Term


class Distance(NamedChoice):
    """How differences become one number: `sum` of their squares (Gatys, Keras) or `mean` (d2l)."""

    SUM = "sum"
    MEAN = "mean"

    def of(self, difference: tf.Tensor) -> tf.Tensor:
        """Sum or mean of the squares of all elements, a scalar."""
        squares = tf.square(difference)
        return tf.reduce_sum(squares) if self is Distance.SUM else tf.reduce_mean(squares)


class Normalization(NamedChoice):
    """What a Gram matrix FᵀF of a layer (h, w, C) is divided by.

    raw : 1 (Gatys, Ecker & Bethge 2016, equation 3); grows with the picture, so that the style
        must have the size of the image that is optimized
    hw : h·w, the mean over positions
    chw : C·h·w (Johnson, Alahi & Fei-Fei 2016, arXiv 1603.08155, equation 3; d2l.ai, section 14.12)
    keras : 6·H·W, with H, W of the *image*. The sum of squares is then the style loss of Keras's
        example, which Moreno and Sbruzzi follow, Σ(S − C)² / (4·3²·(H·W)²) with raw S and C:
        it takes an image's 3 channels and its size for those of every layer. Where style and image
        differ in size, which the example does not allow, each is divided by its own H·W.

    Gatys's own layer loss, Σ(G − A)² / (4·C²·(h·w)²), is a quarter of the sum of squares of `chw`.
    """

    RAW = "raw"
    HW = "hw"
    CHW = "chw"
    KERAS = "keras"

    def divisor(self, activation: tf.Tensor, pixels: int) -> float:
        """Of the Gram matrix of an activation (1, h, w, C) of an image of `pixels` pixels."""
        _, h, w, channels = activation.shape
        if self is Normalization.KERAS:
            return 2.0 * 3.0 * pixels
        return float({"raw": 1, "hw": h * w, "chw": channels * h * w}[self.value])


@dataclass(frozen=True, eq=False, repr=False)
class Content(Term):
    """Distance from the activation of the picture whose content is wanted.

    `sum`: Σ(F − P)², twice equation 1 of Gatys, Ecker & Bethge 2016, as in Keras's example;
    `mean`: Σ(F − P)² / (h·w·C) (d2l.ai, section 14.12; Johnson et al. 2016, equation 2).

    Parameters
    ----------
    layer : a convolution
    target : (1, h, w, C), the activation there of the content picture, which must have the size of
        the image that is optimized
    distance : `sum` or `mean`
    """

    layer: str
    target: tf.Tensor
    distance: Distance = Distance.SUM

    def __post_init__(self) -> None:
        """Take arrays and names as well."""
        _freeze(self, target=tf.convert_to_tensor(self.target))
        _freeze(self, distance=Distance.named(self.distance))

    @property
    def title(self) -> str:
        """As in the tree."""
        return f"content, {self.distance.value} of squares"

    def value(self, seen: tf.Tensor, pixels: int) -> tf.Tensor:
        """See `Term.value`; ImageError if the target has another size."""
        if seen.shape != self.target.shape:
            raise ImageError(
                f"content at {self.layer} has {_size(self.target)} positions, but the image "
                f"{_size(seen)}: the content picture must have the size of the image"
            )
        return self.distance.of(seen - tf.cast(self.target, seen.dtype))


@dataclass(frozen=True, eq=False, repr=False)
class Gram(Term):
    """Distance of the Gram matrix, which holds the products of channels summed over positions.

    Σ(G − A)² over the C·C elements, or its mean, where G and A are divided as `normalization` says.
    Gatys, Ecker & Bethge 2016 (arXiv 1508.06576, equations 3 and 4).

    Parameters
    ----------
    layer : a convolution
    target : (C, C), of the style picture, already divided; see `of`
    normalization, distance : names or members
    positions : h·w of the style picture's activation; what `raw` compares with
    within : (H, W), a region of the image, where there is one; see `features.regions`
    """

    layer: str
    target: tf.Tensor
    normalization: Normalization = Normalization.HW
    distance: Distance = Distance.SUM
    positions: int | None = None
    within: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Take arrays and names as well."""
        _freeze(self, target=tf.convert_to_tensor(self.target))
        _freeze(self, normalization=Normalization.named(self.normalization))
        _freeze(self, distance=Distance.named(self.distance))

    @classmethod
    def of(
        cls,
        layer: str,
        activation: tf.Tensor,
        pixels: int,
        normalization: Normalization | str = Normalization.HW,
        distance: Distance | str = Distance.SUM,
        mask: np.ndarray | None = None,
        within: np.ndarray | None = None,
    ) -> Gram:
        """The term whose target is the activation (1, h, w, C) of a picture of `pixels` pixels.

        Of a region of it, where there is a `mask` (H, W).
        """
        normalization = Normalization.named(normalization)
        products = gram(activation, _weights(mask, activation))[0]
        target = products / normalization.divisor(activation, pixels)
        positions = activation.shape[1] * activation.shape[2]
        return cls(layer, target, normalization, Distance.named(distance), positions, within)

    @property
    def title(self) -> str:
        """As in the tree."""
        divided = {"raw": "", "hw": " / HW", "chw": " / CHW", "keras": " / 6HW of the image"}
        of = f"Gram{divided[self.normalization.value]}{_place(self.within)}"
        return f"{of}, {self.distance.value} of squares"

    def value(self, seen: tf.Tensor, pixels: int) -> tf.Tensor:
        """See `Term.value`; ImageError if `raw` would compare pictures of different sizes."""
        positions = seen.shape[1] * seen.shape[2]
        raw = self.normalization is Normalization.RAW
        if raw and self.positions not in (None, positions):
            raise ImageError(
                f"the raw Gram matrix of {self.layer} sums over {self.positions} positions of the "
                f"style and {positions} of the image: use pictures of one size, or hw, chw or keras"
            )
        # Divided before it is squared: raw Gram matrices squared come near the end of float32.
        divided = gram(seen, _weights(self.within, seen))[0] / self.normalization.divisor(
            seen, pixels
        )
        return self.distance.of(divided - tf.cast(self.target, seen.dtype))


@dataclass(frozen=True, eq=False, repr=False)
class Means(Term):
    """Distance of the channel means, Σ(μ − μ*)² over the C channels, or its mean.

    The features that noisification decouples, here held all at once; the mean half of the
    statistics of Li et al. 2017 (arXiv 1701.01036).

    Parameters
    ----------
    layer : a convolution
    target : (C,), of the style picture, of any size; see `of`
    distance : `sum` or `mean`
    within : as of `Gram`
    """

    layer: str
    target: tf.Tensor
    distance: Distance = Distance.SUM
    within: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Take arrays and names as well."""
        _freeze(self, target=tf.convert_to_tensor(self.target))
        _freeze(self, distance=Distance.named(self.distance))

    @classmethod
    def of(
        cls,
        layer: str,
        activation: tf.Tensor,
        distance: Distance | str = Distance.SUM,
        mask: np.ndarray | None = None,
        within: np.ndarray | None = None,
    ) -> Means:
        """The term whose target is the activation (1, h, w, C) of a picture, or in its `mask`."""
        target = means(activation, _weights(mask, activation))[0]
        return cls(layer, target, Distance.named(distance), within)

    @property
    def title(self) -> str:
        """As in the tree."""
        return f"channel means{_place(self.within)}, {self.distance.value} of squares"

    def value(self, seen: tf.Tensor, pixels: int) -> tf.Tensor:
        """See `Term.value`."""
        own = means(seen, _weights(self.within, seen))[0]
        difference = own - tf.cast(self.target, tf.float64)
        return tf.cast(self.distance.of(difference), seen.dtype)


@dataclass(frozen=True, eq=False, repr=False)
class MeanCovariance(Term):
    """Distance of channel means plus distance of their covariance over the positions.

    Σ(μ − μ*)² + factor·Σ(Σ_ij − Σ*_ij)², or the sum of both means. As FᵀF/hw = Σ + μμᵀ, this tells
    apart what the Gram matrix mixes. Means have the unit of the activations and covariances its
    square, so `factor` has their unit to the power -2. After Li et al. 2017 (arXiv 1701.01036),
    who take means and standard deviations, and no correlations.

    Parameters
    ----------
    layer : a convolution
    target_means, target_covariance : (C,) and (C, C), of the style picture, of any size; see `of`
    distance : `sum` or `mean`
    factor : of the covariances, finite and not negative
    within : as of `Gram`
    """

    layer: str
    target_means: tf.Tensor
    target_covariance: tf.Tensor
    distance: Distance = Distance.SUM
    factor: float = 1.0
    within: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Take arrays and names as well."""
        _freeze(self, target_means=tf.convert_to_tensor(self.target_means))
        _freeze(self, target_covariance=tf.convert_to_tensor(self.target_covariance))
        _freeze(self, distance=Distance.named(self.distance))
        if not 0 <= self.factor < math.inf:
            raise ConfigError(f"factor={self.factor:g} must be a finite number, not negative")

    @classmethod
    def of(
        cls,
        layer: str,
        activation: tf.Tensor,
        distance: Distance | str = Distance.SUM,
        factor: float = 1.0,
        mask: np.ndarray | None = None,
        within: np.ndarray | None = None,
    ) -> MeanCovariance:
        """The term whose target is the activation (1, h, w, C) of a picture, or in its `mask`."""
        weights = _weights(mask, activation)
        statistics = means(activation, weights)[0], covariance(activation, weights)[0]
        return cls(layer, *statistics, Distance.named(distance), factor, within)

    @property
    def title(self) -> str:
        """As in the tree."""
        factor = "" if self.factor == 1 else f"{self.factor:g} × "
        of = f"channel means + {factor}covariance{_place(self.within)}"
        return f"{of}, {self.distance.value} of squares"

    def value(self, seen: tf.Tensor, pixels: int) -> tf.Tensor:
        """See `Term.value`."""
        weights = _weights(self.within, seen)
        of_means = means(seen, weights)[0] - tf.cast(self.target_means, tf.float64)
        of_covariance = covariance(seen, weights)[0] - tf.cast(self.target_covariance, seen.dtype)
        first = tf.cast(self.distance.of(of_means), seen.dtype)
        return first + self.factor * self.distance.of(of_covariance)


def _freeze(term: Term, **values: object) -> None:
    """Set what a frozen dataclass was given in another form."""
    for name, value in values.items():
        object.__setattr__(term, name, value)


def _weights(mask: np.ndarray | None, activation: tf.Tensor) -> tf.Tensor | None:
    """Those of a region at an activation (1, h, w, C)."""
    if mask is None:
        return None
    return region_weights(mask, activation.shape[1], activation.shape[2])


def _place(within: np.ndarray | None) -> str:
    return "" if within is None else " in a region"


def _size(activation: tf.Tensor) -> str:
    return f"{activation.shape[1]}x{activation.shape[2]}"
