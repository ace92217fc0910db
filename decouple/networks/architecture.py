"""The VGG networks as lists of layers (Simonyan & Zisserman, arXiv 1409.1556, table 1)."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from decouple.errors import ConfigError, ImageError, unknown_layer, unknown_name


@dataclass(frozen=True)
class Conv:
    """A 3×3 convolution, stride 1, zero padded, followed by the activation."""

    name: str
    filters: int


@dataclass(frozen=True)
class Pool:
    """A 2×2 pooling with stride 2; an odd last row or column is dropped, as Keras does."""

    name: str


@dataclass(frozen=True)
class Architecture:
    """A chain of convolutions and poolings, named as in `tf.keras.applications`."""

    name: str
    layers: tuple[Conv | Pool, ...]

    @property
    def convolutions(self) -> tuple[Conv, ...]:
        """The convolutions in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Conv))

    def until(self, last: str) -> tuple[Conv | Pool, ...]:
        """The layers up to and including the convolution `last`.

        Raises
        ------
        ConfigError : `last` is not a convolution of this network.
        """
        names = [layer.name for layer in self.layers]
        if last not in (conv.name for conv in self.convolutions):
            raise ConfigError(
                unknown_layer(f"layer of {self.name}", last, [c.name for c in self.convolutions])
            )
        return self.layers[: names.index(last) + 1]

    def begins_with(self, names: Set[str]) -> bool:
        """Whether these are the names of its first convolutions, however many.

        >>> VGG19.begins_with({"block1_conv1"}), VGG19.begins_with({"block1_conv2"})
        (True, False)
        """
        return names == {conv.name for conv in self.convolutions[: len(names)]}

    def check_size(self, last: str, height: int, width: int, positions: int = 1) -> None:
        """Raise ImageError if an image of this size has fewer positions left at `last` a side."""
        least = positions * 2 ** sum(isinstance(layer, Pool) for layer in self.until(last))
        if min(height, width) < least:
            raise ImageError(
                f"an image of {height}x{width} pixels is too small for {last}: its shorter side "
                f"must have at least {least}; use a larger image or fewer layers"
            )

    def resolve_layers(self, layers: int | str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
        """Layer names from a number (the first n of block{1..5}_conv1), a name or a list.

        A list is put into the network's order, since features are taken off in that order.
        """
        first_of_block = [c.name for c in self.convolutions if c.name.endswith("_conv1")]
        if isinstance(layers, str) and layers.isdigit():
            layers = int(layers)
        if isinstance(layers, bool):
            raise ConfigError(f"layers must be a number or a list of layer names, not {layers}")
        if isinstance(layers, int):
            if not 1 <= layers <= len(first_of_block):
                raise ConfigError(
                    f"layers={layers} is out of range: 1 to {len(first_of_block)} "
                    f"({', '.join(first_of_block)}), or a list of layer names"
                )
            return tuple(first_of_block[:layers])
        names = [layers] if isinstance(layers, str) else list(layers)
        if not names:
            raise ConfigError("layers is empty: give a number from 1 to 5 or layer names")
        for name in names:
            self.until(name)
        if len(set(names)) != len(names):
            raise ConfigError(f"layers names a layer twice: {', '.join(names)}")
        order = [conv.name for conv in self.convolutions]
        return tuple(sorted(names, key=order.index))


def _vgg(name: str, convolutions_per_block: tuple[int, ...]) -> Architecture:
    layers: list[Conv | Pool] = []
    for block, count in enumerate(convolutions_per_block, start=1):
        filters = min(64 * 2 ** (block - 1), 512)
        layers += [Conv(f"block{block}_conv{i}", filters) for i in range(1, count + 1)]
        layers.append(Pool(f"block{block}_pool"))
    return Architecture(name, tuple(layers))


VGG16 = _vgg("vgg16", (2, 2, 3, 3, 3))
VGG19 = _vgg("vgg19", (2, 2, 4, 4, 4))
ARCHITECTURES = {architecture.name: architecture for architecture in (VGG16, VGG19)}


def architecture(name: str) -> Architecture:
    """The architecture called `name`; ConfigError with the choices if there is none."""
    if name not in ARCHITECTURES:
        raise ConfigError(unknown_name("network", name, ARCHITECTURES))
    return ARCHITECTURES[name]
