"""Networks that are linearized by automatic differentiation, one image at a time.

Reverse mode for pulling back, forward mode for pushing forward; each takes the forward pass again,
which `Chain` spares VGG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from decouple.networks.network import Network


class AtImage(NamedTuple):
    """Where a network is linearized.

    image : (1, H, W, 3)
    positions : of each layer that was asked for, height and width, (layers, 2) int32
    """

    image: tf.Tensor
    positions: tf.Tensor


class AutodiffNetwork(Network):
    """A network that says no more than its activations; see `Network`."""

    def linearize(
        self, image: tf.Tensor, taps: Sequence[str]
    ) -> tuple[list[tf.Tensor], AtImage, tuple[tf.Tensor, ...]]:
        """See `Network.linearize`."""
        taken = self.forward(image, taps)
        return taken, AtImage(image, _positions(taken)), tuple(taken)

    def jvp(
        self, linearization: AtImage, tangents: tf.Tensor, taps: Sequence[str]
    ) -> list[tf.Tensor]:
        """See `Network.jvp`."""
        image = linearization.image
        with tf.autodiff.ForwardAccumulator(
            image, tf.ensure_shape(tangents, image.shape)
        ) as forward:
            taken = self.forward(image, taps)
        return [
            forward.jvp(activation, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            for activation in taken
        ]

    def vjp(self, linearization: AtImage, cotangents: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """See `Network.vjp`."""
        image = linearization.image
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            taken = self.forward(image, list(cotangents))
        given = [
            tf.broadcast_to(cotangent, tf.shape(activation))
            for cotangent, activation in zip(cotangents.values(), taken, strict=True)
        ]
        return tape.gradient(
            taken, image, given, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    def secant(
        self,
        linearization: AtImage,
        at: tuple[tf.Tensor, ...],
        changes: tf.Tensor,
        taps: Sequence[str],
    ) -> tuple[list[tf.Tensor], AtImage]:
        """See `Network.secant`: the plain difference, and the derivative in the middle."""
        image = linearization.image
        after = self.forward(image + changes, taps)
        taken = [a - b for a, b in zip(after, at, strict=True)]
        return taken, AtImage(image + changes / 2, linearization.positions)

    def positions(self, linearization: AtImage, taps: Sequence[str]) -> list[tuple[Any, Any]]:
        """See `Network.positions`; of the taps with which it was linearized, or the last ones."""
        sizes = linearization.positions[-len(taps) :]
        return [(sizes[k, 0], sizes[k, 1]) for k in range(len(taps))]

    def cut(
        self, linearization: AtImage, at: tuple[tf.Tensor, ...], shorter: Network, taps: int
    ) -> tuple[AtImage, tuple[tf.Tensor, ...]]:
        """See `Network.cut`."""
        return AtImage(linearization.image, linearization.positions[:taps]), at[:taps]


def _positions(activations: Sequence[tf.Tensor]) -> tf.Tensor:
    sizes = [
        tf.shape(a)[1:3] if a.shape.rank == 4 else tf.constant([1, 1], tf.int32)
        for a in activations
    ]
    return tf.stack(sizes)
