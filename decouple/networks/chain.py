"""A chain of convolutions and poolings that can be evaluated and linearized.

`Chain.linearize` stores, in one forward pass, the slopes of the activations and the routes of the
poolings. With them the Jacobian-vector product (JVP) and the vector-Jacobian product (VJP) are
plain convolutions, batched over many vectors at one point; `tape.jacobian` fails on networks of
this size, and a tape would repeat the forward pass for every batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from decouple.errors import ConfigError
from decouple.networks.activations import Activation, Kept
from decouple.networks.architecture import Architecture, Conv, Pool
from decouple.networks.convolution import Filters, convolved_scaled, side_by_side_to_batch
from decouple.networks.network import Network, Size
from decouple.networks.padding import Padding
from decouple.networks.parameters import Weights
from decouple.networks.pooling import LEVEL, Pooling, pool_jvp, pool_vjp


class Linearization(NamedTuple):
    """A linear map from images to activations: what JVP and VJP need. Shapes (1, H, W, C).

    slopes : per convolution, the activation's derivative, or the slope of a secant
    routes : per pooling, see `decouple.networks.pooling`; a scalar for average pooling
    """

    slopes: tuple[tf.Tensor, ...]
    routes: tuple[tf.Tensor, ...]


# What secants from an image need to know of it: per convolution, of its activations (1, H, W, C).
AtImage = tuple[Kept, ...]


class Chain(Network):
    """A network up to its last layer asked for.

    Parameters
    ----------
    architecture, last : which network, and the convolution at which it stops
    weights : its numbers
    activation, pooling : what stands between the convolutions
    width : of softplus, relative to each layer's pre-activation standard deviation
    dtype : `float32` or `float64`, of all computations
    padding : what convolutions see beyond the border
    """

    batches = True
    proven = True

    def __init__(
        self,
        architecture: Architecture,
        last: str,
        weights: Weights,
        activation: Activation = Activation.SOFTPLUS,
        pooling: Pooling = Pooling.AVERAGE,
        width: float = 0.1,
        dtype: str = "float32",
        padding: Padding = Padding.ZERO,
    ) -> None:
        self.architecture = architecture
        self.layers = architecture.until(last)
        self.last = last
        self.weights = weights
        self.activation = activation
        self.pooling = pooling
        self.width = width
        self.dtype = dtype
        self.padding = padding
        self._precisions = {dtype: self}
        names = self._convolutions
        self._widths = {name: width * weights.widths[name] for name in names}
        self._levels = {name: LEVEL * weights.widths[name] for name in names}
        self._offset = tf.constant(weights.offset, dtype)
        self._filters = {n: Filters(weights.kernels[n], dtype) for n in names}
        self._biases = {n: tf.constant(weights.biases[n], dtype) for n in names}

    @property
    def name(self) -> str:
        """The architecture's."""
        return self.architecture.name

    @property
    def identity(self) -> Mapping[str, str]:
        """Architecture, weights, and what stands between the convolutions."""
        return {
            "network": self.name,
            "weights": self.weights.digest,
            "activation": self.activation.value,
            "width": f"{self.width:g}",
            "pooling": self.pooling.value,
            **self.padding.identity,
        }

    @property
    def origin(self) -> str:
        """That of its weights."""
        return self.weights.origin

    @property
    def trained(self) -> bool:
        """See `Weights.trained`."""
        return self.weights.trained

    def described(self) -> dict[str, Any]:
        """See `Network.described`."""
        return {
            "name": self.name,
            "weights": self.weights.origin,
            "weights_digest": self.weights.digest,
            "preprocessing": self.weights.preprocessing,
            "activation": self.activation.value,
            "width": self.width,
            "pooling": self.pooling.value,
            "dtype": self.dtype,
            **self.padding.identity,
        }

    def size_at(self, pixels: int) -> Size:
        """See `Network.size_at`."""
        positions, activations, widest, weights, derived = float(pixels), 0.0, 0.0, 0, 0
        for layer in self.layers:
            if isinstance(layer, Conv):
                activations += layer.filters * positions
                widest = max(widest, layer.filters * positions)
                weights += self.weights.kernels[layer.name].size
                derived += self._filters[layer.name].derived
            else:
                positions /= 4
        return Size(activations, widest, weights, self.activation.kept, derived)

    def resolve_layers(self, layers: int | str | Sequence[str]) -> tuple[str, ...]:
        """See `Architecture.resolve_layers`."""
        names = layers if isinstance(layers, (int, str)) else list(layers)
        return self.architecture.resolve_layers(names)

    def channels(self, layer: str) -> int:
        """How many filters a convolution has."""
        return next(c.filters for c in self.architecture.convolutions if c.name == layer)

    def check_size(self, layer: str, height: int, width: int) -> None:
        """See `Architecture.check_size`."""
        self.architecture.check_size(layer, height, width, self.padding.least)

    @property
    def _convolutions(self) -> list[str]:
        return [layer.name for layer in self.layers if isinstance(layer, Conv)]

    @property
    def smooth(self) -> bool:
        """Whether its gradient is continuous; ReLU's and max pooling's is not."""
        return self.activation.smooth and self.pooling is not Pooling.MAX

    @property
    def row_channels(self) -> int:  # type: ignore[override]
        """Those of VGG's first convolution; where there is none behind it, the image's."""
        return 64 if len(self.layers) > 1 else 3

    @property
    def stride(self) -> int:  # type: ignore[override]
        """Pixels from one position of the last layer to the next."""
        return 2 ** sum(not isinstance(layer, Conv) for layer in self.layers)

    @property
    def reach(self) -> int:
        """How many pixels away, to each side, a position of the last layer may depend on one."""
        reach, stride = 0, 1
        for layer in self.layers:
            # A 3×3 convolution sees one position more, a pooling at most one.
            reach += stride
            stride *= 1 if isinstance(layer, Conv) else 2
        return reach

    def until(self, last: str) -> Chain:
        """The same network, stopping at `last`; shares the weights' memory."""
        if last == self.last:
            return self
        if last not in self._convolutions:
            self.architecture.until(last)
            raise ConfigError(f"this chain stops at {self.last}, before {last}: build it longer")
        shorter = Chain.__new__(Chain)
        shorter.__dict__.update(self.__dict__)
        shorter.layers = self.architecture.until(last)
        shorter.last = last
        return shorter

    def astype(self, dtype: str) -> Chain:
        """The same network in another precision; made once, for all depths."""
        if dtype not in self._precisions:
            whole = self._precisions[self.dtype]
            other = Chain(
                whole.architecture,
                whole.last,
                whole.weights,
                whole.activation,
                whole.pooling,
                whole.width,
                dtype,
                whole.padding,
            )
            other._precisions = self._precisions
            self._precisions[dtype] = other
        return self._precisions[dtype].until(self.last)

    def _convolved(self, x: tf.Tensor, layer: str) -> tf.Tensor:
        return self.padding.convolved(x, self._filters[layer].convolved)

    def _forward(
        self, images: tf.Tensor, taps: Sequence[str], store: bool
    ) -> tuple[list[tf.Tensor], Linearization, AtImage]:
        h = images - self._offset
        taken: list[tf.Tensor] = []
        routes: list[tf.Tensor] = []
        at: list[Kept] = []
        for layer in self.layers:
            if isinstance(layer, Conv):
                z = self._convolved(h, layer.name) + self._biases[layer.name]
                width, level = self._widths[layer.name], self._levels[layer.name]
                if store:
                    h, kept = self.activation.linearize(z, width)
                    at.append(kept)
                else:
                    h = self.activation.value_of(z, width)
                if layer.name in taps:
                    taken.append(h)
            else:
                if store:
                    h, route = self.pooling.linearize(h, level)
                    routes.append(route)
                else:
                    h = self.pooling.value_of(h, level)
        return taken, Linearization(tuple(kept.slope for kept in at), tuple(routes)), tuple(at)

    def forward(self, images: tf.Tensor, taps: Sequence[str]) -> list[tf.Tensor]:
        """Activations of the layers `taps`, in the network's order, of images (B, H, W, 3)."""
        return self._forward(images, taps, store=False)[0]

    def linearize(
        self, image: tf.Tensor, taps: Sequence[str]
    ) -> tuple[list[tf.Tensor], Linearization, AtImage]:
        """At one image (1, H, W, 3): activations, their derivative, and what `secant` needs."""
        return self._forward(image, taps, store=True)

    def jvp(
        self, point: Linearization, tangents: tf.Tensor, taps: Sequence[str]
    ) -> list[tf.Tensor]:
        """Changes of the activations `taps` for changes (B, H, W, 3) of the image."""
        slopes, routes = iter(point.slopes), iter(point.routes)
        h = tangents
        taken = []
        for layer in self.layers:
            if isinstance(layer, Conv):
                h = next(slopes) * self._convolved(h, layer.name)
                if layer.name in taps:
                    taken.append(h)
            else:
                h = pool_jvp(next(routes), h)
        return taken

    def secant(
        self,
        point: Linearization,
        at: AtImage,
        changes: tf.Tensor,
        taps: Sequence[str],
    ) -> tuple[list[tf.Tensor], Linearization]:
        """Activations `taps` at the image plus `changes` (B, H, W, 3), minus those at the image.

        And the linear map that takes `changes` there: with the slopes of secants in place of the
        derivatives, which is the same map for the way back. Not linearized: exact but for rounding,
        and that is relative to the difference, where the plain difference of two forward passes
        would lose what a small change makes.
        """
        h = changes
        taken: list[tf.Tensor] = []
        slopes: list[tf.Tensor] = []
        routes: list[tf.Tensor] = []
        for layer in self.layers:
            if isinstance(layer, Conv):
                kept = at[len(slopes)]
                width, level = self._widths[layer.name], self._levels[layer.name]
                change = self._convolved(h, layer.name)
                h, secant = self.activation.secant_of(kept, change, width)
                slopes.append(secant)
                if layer.name in taps:
                    taken.append(h)
            else:
                # Before a pooling comes a convolution; average pooling leaves its values unused.
                before = self.activation.value_at(kept, width)
                after = None
                if self.pooling is Pooling.MAX:  # it compares values, to the last digit
                    after = self.activation.value_of(kept.z + change, width)
                h, route = self.pooling.secant_of(before, h, level, after)
                routes.append(route)
        return taken, Linearization(tuple(slopes), tuple(routes))

    def vjp(self, point: Linearization, cotangents: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The adjoint of `jvp`: cotangents {layer: (B, h, w, C), broadcastable} to (B, H, W, 3).

        The chain must stop at the last layer that has a cotangent.
        """
        return self._pulled(self.layers, point, None, cotangents)

    def vjp_of_channels(
        self, point: Linearization, channels: tf.Tensor, value: tf.Tensor
    ) -> tf.Tensor:
        """`vjp` of B cotangents that are `value` in one of the last layer's `channels` (B,) each.

        And zero in all others, which are not computed with.
        """
        turned = self._filters[self.last].turned
        filters = tf.gather(turned, channels, axis=2)
        slopes = tf.gather(point.slopes[-1], channels, axis=3)
        g = self.padding.adjoint(
            slopes, lambda x: tf.nn.depthwise_conv2d(x, filters, [1, 1, 1, 1], "SAME")
        )
        g = value * side_by_side_to_batch(g, turned.shape[3])
        before = Linearization(point.slopes[:-1], point.routes)
        return self._pulled(self.layers[:-1], before, g, {})

    def _pulled(
        self,
        layers: Sequence[Conv | Pool],
        point: Linearization,
        g: tf.Tensor | None,
        cotangents: Mapping[str, tf.Tensor],
    ) -> tf.Tensor:
        """A cotangent `g` of the last of these layers' values, and further ones, to the image."""
        slopes, routes = list(point.slopes), list(point.routes)
        for layer in reversed(layers):
            if isinstance(layer, Conv):
                own, filters = cotangents.get(layer.name), self._filters[layer.name]
                slope = slopes.pop()
                alone = g is None and own is not None and tuple(own.shape[1:3]) == (1, 1)
                if alone and not filters.many:
                    scaled = partial(convolved_scaled, scales=own, kernel=filters.turned)
                    g = self.padding.adjoint(slope, scaled)
                else:
                    g = own if g is None else (g if own is None else g + own)
                    g = self.padding.adjoint(slope * g, filters.adjoint)
            else:
                batch = tf.shape(g)[:1]
                size = tf.shape(slopes[-1])[1:]
                g = pool_vjp(routes.pop(), g, tf.concat([batch, size], 0))
        return g

    def positions(
        self, linearization: Linearization, taps: Sequence[str]
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Height and width of the activations `taps`."""
        shapes = [tf.shape(slope) for slope in self.slopes(linearization, taps)]
        return [(shape[1], shape[2]) for shape in shapes]

    def cut(
        self, linearization: Linearization, at: AtImage, shorter: Network, taps: int
    ) -> tuple[Linearization, AtImage]:
        """See `Network.cut`."""
        assert isinstance(shorter, Chain)
        depth = len(shorter._convolutions)
        routes = linearization.routes[: len(shorter.layers) - depth]
        return Linearization(linearization.slopes[:depth], routes), at[:depth]

    def slopes(self, linearization: Linearization, taps: Sequence[str]) -> list[tf.Tensor]:
        """Of the activations of layers, (1, h, w, C), 0 to 1."""
        return [linearization.slopes[self._convolutions.index(tap)] for tap in taps]

    def window(self, point: Linearization, top: int, left: int, side: int) -> Linearization:
        """That of a square part of the image, as if there were nothing around it.

        Exact for pixels that are `reach` or more away from its border. `top`, `left` and `side` are
        multiples of `stride`.
        """
        slopes, routes = iter(point.slopes), iter(point.routes)
        cut: dict[bool, list[tf.Tensor]] = {True: [], False: []}
        stride = 1
        for layer in self.layers:
            convolution = isinstance(layer, Conv)
            whole = next(slopes if convolution else routes)
            rows, columns = (
                slice(begin // stride, (begin + side) // stride) for begin in (top, left)
            )
            # Routes of average pooling are one number.
            cut[convolution].append(whole[:, rows, columns] if whole.shape.rank else whole)
            stride *= 1 if convolution else 2
        return Linearization(tuple(cut[True]), tuple(cut[False]))
