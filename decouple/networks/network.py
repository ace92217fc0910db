"""What a network must do so that statistics of its layers can be decoupled.

`Chain` does it for VGG with slopes that are stored once, `AutodiffNetwork` for any other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf


class Size(NamedTuple):
    """How much an image of some size asks of a network, in numbers; 0 where that is not known.

    activations : of all layers together
    widest : of the largest one
    weights : of the network
    kept : for each activation, at an image, for what depends linearly on it and for secants
    derived : made of the weights when they are first used
    """

    activations: float
    widest: float
    weights: int
    kept: int = 2
    derived: int = 0


class Network(ABC):
    """Activations of layers, and their linear dependence on the image.

    All methods that take tensors can be traced into a `tf.function`. Images are (B, H, W, 3) in
    `dtype`, nominally in [0, 1]; activations (B, h, w, C). A linearization is any nest of tensors.

    Attributes
    ----------
    dtype : `float32` or `float64`, of all computations
    batches : whether `jvp` and `vjp` take several changes of one image at once, and there is
        `vjp_of_channels`
    proven : whether its derivatives are known to be right, whatever its numbers, and its secants
        round relative to the change
    stride : pixels from one position of the last layer to the next, where `window` can cut a part
        of an image; 1 where it cannot
    row_channels : how many channels of an image's size one cotangent takes on its way back
    """

    dtype: str
    batches: ClassVar[bool] = False
    proven: ClassVar[bool] = False
    stride: int = 1
    row_channels: int = 64

    @property
    @abstractmethod
    def name(self) -> str:
        """What a user calls it."""

    @property
    @abstractmethod
    def identity(self) -> Mapping[str, str]:
        """What its activations depend on but for the image and the precision."""

    @property
    def origin(self) -> str:
        """Where its numbers come from, in a word or as a file's name."""
        return self.name

    @property
    def trained(self) -> bool:
        """Whether they were learned from pictures, as far as is known."""
        return False

    def described(self) -> dict[str, Any]:
        """What metrics.json says of it."""
        return {"name": self.name, "weights": self.origin, **self.identity, "dtype": self.dtype}

    def size_at(self, pixels: int) -> Size:
        """What an image of so many pixels asks of it."""
        return Size(0, 0, 0)

    @property
    @abstractmethod
    def smooth(self) -> bool:
        """Whether its gradient is continuous; ReLU's and max pooling's is not."""

    @abstractmethod
    def resolve_layers(self, layers: int | str | Sequence[str]) -> tuple[str, ...]:
        """Names of layers, in the network's order; ConfigError if there is no such layer."""

    @abstractmethod
    def channels(self, layer: str) -> int:
        """How many a layer has."""

    @abstractmethod
    def check_size(self, layer: str, height: int, width: int) -> None:
        """Raise ImageError if an image of this size has nothing left at a layer."""

    @abstractmethod
    def until(self, last: str) -> Network:
        """The same network, of which nothing behind `last` is asked."""

    @abstractmethod
    def astype(self, dtype: str) -> Network:
        """The same network in another precision."""

    @abstractmethod
    def forward(self, images: tf.Tensor, taps: Sequence[str]) -> list[tf.Tensor]:
        """Activations of the layers `taps`, in the network's order."""

    @abstractmethod
    def linearize(self, image: tf.Tensor, taps: Sequence[str]) -> tuple[list[tf.Tensor], Any, Any]:
        """At one image (1, H, W, 3): activations, a linearization, and what `secant` needs."""

    @abstractmethod
    def jvp(self, linearization: Any, tangents: tf.Tensor, taps: Sequence[str]) -> list[tf.Tensor]:
        """Changes of the activations `taps` for changes (B, H, W, 3) of the image."""

    @abstractmethod
    def vjp(self, linearization: Any, cotangents: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The adjoint of `jvp`: {layer: (B, h, w, C), broadcastable} to (B, H, W, 3)."""

    @abstractmethod
    def secant(
        self, linearization: Any, at: Any, changes: tf.Tensor, taps: Sequence[str]
    ) -> tuple[list[tf.Tensor], Any]:
        """Activations at the image plus `changes`, minus those at the image.

        And a linearization that takes `changes` there, exactly or to the second order, which is
        the same for the way back.
        """

    @abstractmethod
    def positions(self, linearization: Any, taps: Sequence[str]) -> list[tuple[Any, Any]]:
        """Height and width of the activations `taps`."""

    @abstractmethod
    def cut(self, linearization: Any, at: Any, shorter: Network, taps: int) -> tuple[Any, Any]:
        """Those of the network `until` an earlier layer, the last of so many taps: no pass."""

    def vjp_of_channels(
        self, linearization: Any, channels: tf.Tensor, value: tf.Tensor
    ) -> tf.Tensor:
        """`vjp` of B cotangents that are `value` in one of the last layer's `channels` (B,) each.

        Where the network `batches`.
        """
        raise NotImplementedError

    def slopes(self, linearization: Any, taps: Sequence[str]) -> list[tf.Tensor] | None:
        """Slopes (1, h, w, C) of the activations of layers, 0 to 1; None where there are none."""
        return None
