"""The compiled passes of a statistic of a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tensorflow as tf

from decouple.features.statistic import Statistic
from decouple.networks.network import Network

# The network's linearization, and the activations at which the statistic is linearized: none of a
# linear one.
_Map = tuple[Any, tuple[tf.Tensor, ...]]


def compiled(
    network: Network, layers: Sequence[str], statistic: Statistic, totals: Sequence[int]
) -> dict[str, Any]:
    """{name: `tf.function`} of the passes that `Extractor` takes.

    Parameters
    ----------
    network : until the last of `layers`
    totals : how many features each layer has, used or not
    """

    def concatenated(activations: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.concat([statistic.of(a) for a in activations], axis=1)

    def changes(at: Sequence[tf.Tensor], tangents: Sequence[tf.Tensor]) -> tf.Tensor:
        where = at or [None] * len(tangents)
        return tf.concat(
            [statistic.change(a, t) for a, t in zip(where, tangents, strict=True)], axis=1
        )

    def forward(images: tf.Tensor) -> tf.Tensor:
        return concatenated(network.forward(images, layers))

    def linearize(images: tf.Tensor) -> tuple[tf.Tensor, _Map, Any]:
        activations, linearization, at = network.linearize(images, layers)
        kept = () if statistic.linear else tuple(activations)
        return concatenated(activations), (linearization, kept), at

    def derivative(images: tf.Tensor) -> tuple[tf.Tensor, _Map]:
        features, linear, _ = linearize(images)
        return features, linear

    def jvp(linear: _Map, tangents: tf.Tensor) -> tf.Tensor:
        linearization, at = linear
        return changes(at, network.jvp(linearization, tangents, layers))

    def secant(linear: _Map, at: Any, change: tf.Tensor) -> tuple[tf.Tensor, _Map]:
        linearization, activations = linear
        taken, secants = network.secant(linearization, at, change, layers)
        # Of a quadratic statistic the derivative in the middle takes differences exactly.
        middle = tuple(a + t / 2 for a, t in zip(activations, taken, strict=False))
        return changes(middle, taken), (secants, middle)

    def squared_error(
        images: tf.Tensor, target: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        features, linear = derivative(images)
        cotangents = tf.cast(2 * weights * (features - target), network.dtype)
        return features, vjp(linear, cotangents)

    def rows(linear: _Map, channels: tf.Tensor) -> tf.Tensor:
        linearization, _ = linear
        size = network.positions(linearization, layers[-1:])[0]
        one = statistic.pull(None, tf.ones([1, 1], network.dtype), *size)
        return network.vjp_of_channels(linearization, channels, one)

    def vjp(linear: _Map, cotangents: tf.Tensor) -> tf.Tensor:
        linearization, at = linear
        parts = tf.split(cotangents, totals, axis=1)
        sizes = network.positions(linearization, layers)
        where = at or [None] * len(parts)
        pulled = {
            layer: statistic.pull(a, part, *size)
            for layer, a, part, size in zip(layers, where, parts, sizes, strict=True)
        }
        return network.vjp(linearization, pulled)

    # Shapes are left open, so that no other image size or batch traces a program again.
    images = tf.TensorSpec([None, None, None, 3], network.dtype)
    values = tf.TensorSpec([None], tf.float64)
    return {
        "forward": _program(forward, input_signature=[images]),
        "linearize": _program(linearize, input_signature=[images]),
        "derivative": _program(derivative, input_signature=[images]),
        "squared_error": _program(squared_error, input_signature=[images, values, values]),
        **{passes.__name__: Direct(passes) for passes in (secant, jvp, vjp, rows)},
    }


def _program(passes: Callable[..., Any], **how: Any) -> Any:
    # Nothing is to be rewritten: a user's function that fails should say so in its own words.
    # Each is wrapped, since TensorFlow counts how often one piece of code is traced, and warns.
    return tf.function(partial(passes), autograph=False, **how)


class Direct:
    """A compiled pass of a few tensors or tuples of them, nested in any way; of any size.

    What a `tf.function` compares at each call, the types of all that it is given, takes up to a
    third of a small image's iteration. Here the structure is known from the first call with as many
    tensors: it follows from the network.

    Attributes
    ----------
    function : the same as a `tf.function`, which looks at what it is given
    """

    def __init__(self, passes: Callable[..., Any]) -> None:
        self._passes = passes
        self.function = _program(passes, reduce_retracing=True)
        # By the device on which the tensors are, since it is traced where they are to stay, and by
        # their number.
        self._traced: dict[tuple[str, int], Any] = {}

    def __call__(self, *given: Any) -> Any:
        """What the pass makes of them."""
        leaves = tf.nest.flatten(given)
        # Within another program it becomes part of that one, and goes to its devices.
        if not tf.executing_eagerly() or not all(isinstance(leaf, tf.Tensor) for leaf in leaves):
            return self.function(*given)
        # What comes first is a linearization: whole numbers may lie elsewhere than it.
        key = leaves[0].device, len(leaves)
        if key not in self._traced:
            self._traced[key] = self._trace(given, leaves)
        return self._traced[key](*leaves)

    def _trace(self, given: tuple[Any, ...], leaves: Sequence[tf.Tensor]) -> Any:
        def flat(*tensors: tf.Tensor) -> Any:
            return self._passes(*tf.nest.pack_sequence_as(given, tensors))

        # Channels alone are as many at every image: heights, widths and batches are left open.
        specs = [
            tf.TensorSpec([*[None] * (leaf.shape.rank - 1), *_last(leaf)], leaf.dtype)
            for leaf in leaves
        ]
        return _program(flat).get_concrete_function(*specs)


def _last(tensor: tf.Tensor) -> list[int | None]:
    """The last side of a tensor, if it has one: open where it is the only one."""
    rank = tensor.shape.rank
    return [] if rank == 0 else [tensor.shape[-1] if rank > 1 else None]
