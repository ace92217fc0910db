"""Which numbers of a layer's activations are features: a statistic with its derivative.

All are means over the positions, of the activations or of products of two of them. The second kind
is quadratic, so that its derivative at the middle of two activations takes their difference exactly
to that of the statistics: the secant of such features is as exact as the network's own.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, unknown_name
from decouple.families import check_most
from decouple.features.statistics import means

# Of a layer's features, where products of channels are among them.
MOST = 1024


class Statistic:
    """Numbers of activations (B, h, w, C); here the spatial mean of each channel.

    Attributes
    ----------
    name : what `features=` calls it
    linear : whether it is linear in the activations, so that its derivative needs none
    uniform : whether it is one number a channel, of which all positions have the same share
    """

    name: ClassVar[str] = "means"
    linear: ClassVar[bool] = True
    uniform: ClassVar[bool] = True

    @property
    def identity(self) -> str:
        """What tells it from others."""
        return self.name

    def count(self, channels: int) -> int:
        """How many features a layer of so many channels has."""
        return channels

    def of(self, activation: tf.Tensor) -> tf.Tensor:
        """Features (B, F) in float64."""
        return means(activation)

    def alive(self, slope: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Mean slope of each feature's channel, and of how many positions it is the mean, (F,).

        Parameters
        ----------
        slope : (1, h, w, C), of the activations, 0 to 1; of a linear statistic
        """
        slopes = tf.reduce_mean(slope, axis=(0, 1, 2)).numpy()
        return slopes, np.full(len(slopes), slope.shape[1] * slope.shape[2])

    def change(self, at: tf.Tensor | None, tangent: tf.Tensor) -> tf.Tensor:
        """Derivative at an activation (1, h, w, C), of changes (B, h, w, C): (B, F) float64."""
        return means(tangent)

    def pull(
        self, at: tf.Tensor | None, cotangent: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """The adjoint of `change`: cotangents (B, F), broadcastable to (B, h, w, C)."""
        # Constant in space: each position holds 1 / (h·w) of the mean. No division: by a size that
        # is known when the program is traced it would be compiled to this product, and results
        # would depend in their last bit on which sizes came before.
        share = tf.math.reciprocal(tf.cast(height * width, cotangent.dtype))
        return (cotangent * share)[:, None, None, :]


class SecondMoments(Statistic):
    """The mean of each channel, and then the mean of its square."""

    name = "moments"
    linear = uniform = False

    def count(self, channels: int) -> int:
        """See `Statistic.count`."""
        return 2 * channels

    def of(self, activation: tf.Tensor) -> tf.Tensor:
        """See `Statistic.of`."""
        return tf.concat([means(activation), means(tf.square(activation))], axis=1)

    def change(self, at: tf.Tensor | None, tangent: tf.Tensor) -> tf.Tensor:
        """See `Statistic.change`."""
        return tf.concat([means(tangent), 2 * means(at * tangent)], axis=1)

    def pull(
        self, at: tf.Tensor | None, cotangent: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """See `Statistic.pull`."""
        assert at is not None
        first, second = (
            super(SecondMoments, self).pull(None, part, height, width)
            for part in tf.split(cotangent, 2, axis=1)
        )
        return first + 2 * at * second


class Covariance(Statistic):
    """The mean of each channel, and then the covariances of the channels over the positions.

    The second are the upper triangle with its diagonal, row by row. Of a layer with more than
    `most` of both, covariances are those of as many of its channels as fit, evenly spread.

    Gatys, Ecker & Bethge 2015 (arXiv 1505.07376) take the uncentred products.

    Parameters
    ----------
    most : features of a layer
    """

    name = "covariance"
    linear = uniform = False
    centred: ClassVar[bool] = True

    def __init__(self, most: int = MOST) -> None:
        check_most(most)
        self.most = most

    @property
    def identity(self) -> str:
        """Its name and `most`."""
        return f"{self.name}, at most {self.most}"

    def _chosen(self, channels: int) -> np.ndarray:
        """Whose products are taken."""
        left = self.most - (channels if self.centred else 0)
        fit = int((np.sqrt(1 + 8 * max(left, 0)) - 1) / 2)  # fit (fit + 1) / 2 <= left
        return np.unique(np.linspace(0, channels - 1, min(max(fit, 1), channels)).astype(np.int32))

    def count(self, channels: int) -> int:
        """See `Statistic.count`."""
        chosen = len(self._chosen(channels))
        return (channels if self.centred else 0) + chosen * (chosen + 1) // 2

    def of(self, activation: tf.Tensor) -> tf.Tensor:
        """See `Statistic.of`."""
        first = [means(activation)] if self.centred else []
        some = self._some(activation)
        return tf.concat([*first, self._triangle(self._products(some, some))], axis=1)

    def change(self, at: tf.Tensor | None, tangent: tf.Tensor) -> tf.Tensor:
        """See `Statistic.change`."""
        first = [means(tangent)] if self.centred else []
        products = self._products(self._some(at), self._some(tangent))
        both = products + tf.linalg.matrix_transpose(products)
        return tf.concat([*first, self._triangle(both)], axis=1)

    def pull(
        self, at: tf.Tensor | None, cotangent: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """See `Statistic.pull`."""
        assert at is not None
        channels = at.shape[3]
        chosen = self._chosen(channels)
        rows, columns = np.triu_indices(len(chosen))
        of_means = channels if self.centred else 0
        # Of each pair's number among the triangle's: twice on the diagonal, as in A Cᵀ + A C.
        place = np.zeros((len(chosen), len(chosen)), np.int32)
        place[rows, columns] = place[columns, rows] = np.arange(len(rows))
        scale = tf.constant(1 + np.eye(len(chosen)), cotangent.dtype)
        symmetric = scale * tf.gather(cotangent[:, of_means:], place, axis=1)
        some = self._some(at)
        pulled = tf.einsum("hwi,bij->bhwj", some[0], symmetric)
        share = tf.math.reciprocal(tf.cast(height * width, cotangent.dtype))
        # To all channels, the others' are zero.
        spread = tf.constant(np.eye(channels)[chosen], cotangent.dtype)
        pulled = share * tf.einsum("bhwj,jc->bhwc", pulled, spread)
        if not self.centred:
            return pulled
        return pulled + super().pull(None, cotangent[:, :channels], height, width)

    def _some(self, activation: tf.Tensor | None) -> tf.Tensor:
        """(B, h, w, K), the chosen channels, without their means where covariances are wanted."""
        assert activation is not None
        some = tf.gather(activation, self._chosen(activation.shape[3]), axis=3)
        if not self.centred:
            return some
        return some - tf.cast(means(some), some.dtype)[:, None, None, :]

    def _products(self, one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        """Means over the positions of products of channels, (B, K, K)."""
        shape = tf.shape(one)
        positions = tf.cast(shape[1] * shape[2], one.dtype)
        if one.shape[0] != other.shape[0]:
            one = tf.broadcast_to(one, tf.shape(other))
        return tf.einsum("bhwi,bhwj->bij", one, other) / positions

    def _triangle(self, products: tf.Tensor) -> tf.Tensor:
        rows, columns = np.triu_indices(products.shape[1])
        picked = tf.gather_nd(
            tf.transpose(products, [1, 2, 0]), np.stack([rows, columns], axis=1).astype(np.int32)
        )
        return tf.cast(tf.transpose(picked), tf.float64)


class Gram(Covariance):
    """The mean products of all pairs of channels, a Gram matrix over the number of positions.

    Its upper triangle with its diagonal; of a layer with more than `most`, of as many channels as
    fit. Gatys, Ecker & Bethge 2015 (arXiv 1505.07376, equation 1).
    """

    name = "gram"
    centred = False


STATISTICS: dict[str, type[Statistic]] = {
    kind.name: kind for kind in (Statistic, SecondMoments, Covariance, Gram)
}


def statistic(name: str, most: int = MOST) -> Statistic:
    """The statistic of a name.

    Parameters
    ----------
    name : `means`, `moments`, `covariance` or `gram`
    most : features of a layer, where products of channels are among them

    Raises
    ------
    ConfigError : there is none of this name, or `most` is below 1.
    """
    if name not in STATISTICS:
        raise ConfigError(unknown_name("statistic", name, STATISTICS))
    kind = STATISTICS[name]
    return kind(most) if issubclass(kind, Covariance) else kind()
