"""What sees: VGG chains with their weights, and any Keras model."""

from __future__ import annotations

from typing import NamedTuple

from decouple.errors import ConfigError, unknown_name
from decouple.networks.activations import Activation
from decouple.networks.architecture import architecture
from decouple.networks.chain import Chain
from decouple.networks.padding import Padding
from decouple.networks.pooling import Pooling
from decouple.networks.weights import Say, load_weights


class Sight(NamedTuple):
    """What stands between the convolutions; see `Chain`."""

    activation: Activation
    pooling: Pooling
    width: float


OF_CALIBRATED = Sight(Activation.SOFTPLUS, Pooling.AVERAGE, 0.1)
# As near to ReLU and max pooling as is still smooth: what a network has learned depends on them.
OF_TRAINED = Sight(Activation.UNBIASED_SOFTPLUS, Pooling.SMOOTH_MAX, 0.1)


def network(
    name: str,
    last: str | None = None,
    weights: str = "auto",
    activation: Activation | str = "auto",
    pooling: Pooling | str = "auto",
    width: float | str = "auto",
    dtype: str = "float32",
    say: Say = print,
    preprocessing: str = "auto",
    padding: Padding | str = "zero",
) -> Chain:
    """A network with its weights loaded.

    Parameters
    ----------
    name : `vgg19` or `vgg16`
    last : the convolution at which the chain stops; by default the network's block5_conv1
    weights : `auto`, `imagenet`, `calibrated` or a file; see `load_weights`
    activation : `softplus` (smooth, reversible), `unbiased_softplus`, which has no more than
        ReLU's mean, or `relu` (as VGG was trained); `auto` is the second for trained weights and
        the first for calibrated ones
    pooling : `average`, `max` (as VGG was trained), `l2`, or `smooth_max`, which is as smooth as
        average pooling and hands on what max pooling does, within some per cent; `auto` is
        `smooth_max` for trained weights and `average` for calibrated ones
    width : of softplus, relative to each layer's pre-activation standard deviation; `auto` is 0.1
    dtype : `float32` or `float64`
    say : told in one line what `weights="auto"` chose
    preprocessing : of a file's weights; see `load_weights`
    padding : what convolutions see beyond an image's border: `zero` (as VGG was trained), `reflect`
        or `circular`, for which the image has no border

    Raises
    ------
    ConfigError, WeightsError
    """
    chosen = architecture(name)
    if dtype not in ("float32", "float64"):
        raise ConfigError(unknown_name("dtype", dtype, ("float32", "float64")))
    if width != "auto" and not (isinstance(width, int | float) and 0 < width < float("inf")):
        raise ConfigError(f"width={width} must be a positive number, or auto")
    last, padding = last or "block5_conv1", Padding.named(padding)

    def resolved(defaults: Sight) -> Sight:
        return Sight(
            defaults.activation if activation == "auto" else Activation.named(activation),
            defaults.pooling if pooling == "auto" else Pooling.named(pooling),
            defaults.width if width == "auto" else float(width),
        )

    loaded = load_weights(weights, chosen, last, *resolved(OF_CALIBRATED), say, preprocessing)
    sight = resolved(OF_TRAINED if loaded.trained else OF_CALIBRATED)
    return Chain(chosen, last, loaded, *sight, dtype, padding)


def vgg19(**options: object) -> Chain:
    """VGG-19; options as in `network`.

    Examples
    --------
    >>> import decouple as dc
    >>> network = dc.vgg19(weights="calibrated", last="block1_conv1")
    >>> [(layer.name, layer.filters) for layer in network.layers]
    [('block1_conv1', 64)]
    """
    return network("vgg19", **options)  # type: ignore[arg-type]


def vgg16(**options: object) -> Chain:
    """VGG-16; options as in `network`.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.vgg16(weights="calibrated", last="block1_conv1", activation="relu").smooth
    False
    """
    return network("vgg16", **options)  # type: ignore[arg-type]
