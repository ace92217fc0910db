"""Kinds of networks: their settings, and what these must still be asked; all without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING, DictConfig

from decouple.errors import ConfigError
from decouple.parsing import is_number

CHOICES = {
    "network.activation": ("auto", "softplus", "unbiased_softplus", "relu"),
    "network.pooling": ("auto", "average", "max", "l2", "smooth_max"),
    "network.padding": ("zero", "reflect", "circular"),
    "network.dtype": ("float32", "float64"),
    "network.preprocessing": ("auto", "unit", "bytes", "caffe", "torch", "tf"),
}
"""{dotted key: the words that it may be}, for any kind."""
# Of Keras models: in place of what they have, or what they have.
_OF_KERAS = {"activation": ("auto", "softplus", "relu"), "pooling": ("auto", "average", "max")}


@dataclass
class NetworkConfig:
    """weights: auto, imagenet, calibrated or a file; width: of softplus, in standard deviations.

    preprocessing: what a file's weights were trained with, unit (0 to 1), bytes (0 to 255), caffe
    (as Keras's VGG), torch (as torchvision's) or tf (−1 to 1); auto is what the file tells.
    activation, width and pooling are auto by default, and padding is what convolutions see beyond
    the border, zero, reflect or circular: see `networks.network`.
    dtype: float32, or float64, several times slower.
    """

    name: str = MISSING
    weights: str = "auto"
    preprocessing: str = "auto"
    activation: str = "auto"
    width: Any = "auto"
    pooling: str = "auto"
    padding: str = "zero"
    dtype: str = "float32"


@dataclass
class KerasConfig:
    """model: a .keras file, or the name of a model of keras.applications, such as ResNet50.

    weights: of a named one, random or imagenet; preprocessing: what it is given of an image,
    unit (0 to 1), bytes (0 to 255), caffe, torch or tf (as keras.applications), auto for the named
    model's own and unit for a file; activation: softplus in place of ReLU, or relu for the model
    as it is, auto for the first; pooling: average in place of max pooling, or max, auto for the
    first; width: of softplus, see `networks.keras_model`; dtype: float32 or float64.
    """

    name: str = MISSING
    model: str = ""
    weights: str = "random"
    preprocessing: str = "auto"
    activation: str = "auto"
    pooling: str = "auto"
    width: Any = "auto"
    dtype: str = "float32"


def _nothing(_: DictConfig, __: Any) -> None:
    return None


@dataclass(frozen=True, eq=False)
class NetworkKind:
    """A kind of network.

    Attributes
    ----------
    name : of the kind; `network=` names one of its networks
    schema : dataclass of its settings, `network.*`
    check : of these, and of what `layers` says: raises ConfigError where they do not fit; asked
        where features are of a network's layers
    """

    name: str
    schema: type
    check: Callable[[DictConfig, Any], None] = _nothing


def check_keras(settings: DictConfig, layers: Any) -> None:
    """Refuse a model without a name, what only VGG has, and numbers of layers."""
    if not settings.model:
        raise ConfigError(
            "network=keras needs network.model=FILE.keras, or the name of a model of "
            "keras.applications, such as ResNet50"
        )
    for key, words in _OF_KERAS.items():
        if settings[key] not in words:
            raise ConfigError(f"network.{key}={settings[key]}: of a Keras model {', '.join(words)}")
    if isinstance(layers, int):
        raise ConfigError(
            f"network=keras needs names of layers in place of layers={layers}, such as "
            '"layers=[conv1_relu,conv2_block1_out]"'
        )


def check_width(width: Any) -> None:
    """Refuse what is no width of softplus; ConfigError."""
    if width != "auto" and not (is_number(width) and 0 < width < float("inf")):
        raise ConfigError(f"network.width={width} must be a positive number, or auto")


VGG = NetworkKind("vgg", NetworkConfig)
"""VGG-16 and VGG-19."""
KERAS = NetworkKind("keras", KerasConfig, check_keras)
"""Any Keras model."""


def network_kind(name: str) -> NetworkKind:
    """That of the network which `network=` names."""
    return KERAS if name == KERAS.name else VGG
