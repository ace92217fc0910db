"""Families of features by their names, which need no TensorFlow before one is built.

A module of the user's adds one in the same way: see docs/extending.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from decouple.errors import ConfigError
from decouple.registry import Registry, check_place

if TYPE_CHECKING:
    from decouple.networks.architecture import Architecture


def _nothing(_: Mapping[str, Any]) -> None:
    return None


@dataclass(frozen=True, eq=False)
class Family:
    """A family of features: its settings, and what builds them.

    Attributes
    ----------
    name : by which it is known, `features=<name>`
    build : `module:function` of (options, network, layers): its settings by their names, the
        network and names of its layers, or None twice; returns `decouple.features.Features`
    schema : dataclass of its settings, `features.*`; its `name` is this one by default
    of_network : whether they are features of a network's layers; else `network` and `layers` have
        no meaning
    check : of its settings: raises ConfigError, which begins with a setting's name, where they do
        not fit
    choices : {dotted key: the words that it may be}
    unit : of all its features, in a word; by default they have several, or none that has a name
    layers : of `layers=` and VGG's architecture: the names of the layers; by default those that it
        says
    """

    name: str
    build: str
    schema: type
    of_network: bool = True
    check: Callable[[Mapping[str, Any]], object] = _nothing
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = ""
    layers: Callable[[Any, Architecture], tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        """Check that the function is named as it must be; ConfigError where not."""
        check_place(self.build)

    @property
    def home(self) -> str:
        """The module that builds them."""
        return self.build.partition(":")[0]


FAMILIES: Registry[Family] = Registry("features")
"""All of them."""


def register(family: Family) -> Family:
    """Make a family known, which is returned; ConfigError if its name is another's."""
    return FAMILIES.add(family)


@dataclass
class MeansConfig:
    """The mean of each channel."""

    name: str = "means"


@dataclass
class MomentsConfig:
    """The mean of each channel, and of its square."""

    name: str = "moments"


@dataclass
class CovarianceConfig:
    """most: features of a layer; of one that has more, as many channels as fit are taken."""

    name: str = "covariance"
    most: int = 1024


@dataclass
class GramConfig(CovarianceConfig):
    """most: as of covariance."""

    name: str = "gram"


@dataclass
class DistsConfig:
    """Means of the image's colours and of the last convolution of each block."""

    name: str = "dists"


@dataclass
class PixelMomentsConfig:
    """orders: how many of mean, variance, skewness, orthokurtosis; of: whose.

    colours (R, G, B), luminance, or bands (three octaves of the luminance).
    """

    name: str = "pixel_moments"
    orders: int = 4
    of: str = "colours"


VECTORS = ("colours", "luminance", "bands")
"""Whose pixel moments there are."""


def check_most(most: int) -> None:
    """Refuse a layer without features; ConfigError."""
    if most < 1:
        raise ConfigError(f"most={most} is too small: at least 1")


def check_orders(orders: int, of: str) -> None:
    """Refuse moments that there are not; ConfigError."""
    if not 1 <= orders <= 4:
        raise ConfigError(f"orders={orders} must be from 1 to 4")
    if of == "bands" and orders == 1:
        raise ConfigError(f"orders={orders} leaves nothing of bands: their mean is always 0")


def _check_products(options: Mapping[str, Any]) -> None:
    check_most(options["most"])


def _check_moments(options: Mapping[str, Any]) -> None:
    check_orders(options["orders"], options["of"])


def last_of_blocks(value: Any, arch: Architecture) -> tuple[str, ...]:
    """The last convolutions of VGG's first blocks, as many as a number says; else those named.

    >>> from decouple.networks.architecture import VGG16
    >>> last_of_blocks(3, VGG16)
    ('block1_conv2', 'block2_conv2', 'block3_conv3')
    """
    firsts = arch.resolve_layers(value)
    if not isinstance(value, int):
        return firsts
    names = [convolution.name for convolution in arch.convolutions]
    blocks = [first.partition("_")[0] for first in firsts]
    return tuple(max(n for n in names if n.startswith(f"{block}_")) for block in blocks)


_OF_LAYERS = "decouple.features.of_layers:of_layers"
for _family in (
    Family("means", _OF_LAYERS, MeansConfig, unit="activation"),
    Family("moments", _OF_LAYERS, MomentsConfig),
    Family("covariance", _OF_LAYERS, CovarianceConfig, check=_check_products),
    Family("gram", _OF_LAYERS, GramConfig, check=_check_products),
    Family(
        "dists",
        "decouple.features.of_layers:of_dists",
        DistsConfig,
        layers=last_of_blocks,
    ),
    Family(
        "pixel_moments",
        "decouple.features.moments:of_pixels",
        PixelMomentsConfig,
        of_network=False,
        check=_check_moments,
        choices={"features.of": VECTORS},
    ),
):
    register(_family)
