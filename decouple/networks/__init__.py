"""What sees: VGG chains, their weights, and their linearization."""

from __future__ import annotations

from decouple.errors import ConfigError, unknown_name
from decouple.networks.activations import Activation
from decouple.networks.architecture import architecture
from decouple.networks.chain import Chain
from decouple.networks.pooling import Pooling
from decouple.networks.weights import Say, load_weights


def network(
    name: str,
    last: str | None = None,
    weights: str = "auto",
    activation: Activation | str = Activation.SOFTPLUS,
    pooling: Pooling | str = Pooling.AVERAGE,
    width: float = 0.1,
    dtype: str = "float32",
    say: Say = print,
) -> Chain:
    """A network with its weights loaded.

    Parameters
    ----------
    name : `vgg19` or `vgg16`
    last : the convolution at which the chain stops; by default the network's block5_conv1
    weights : `auto`, `imagenet`, `calibrated` or a file; see `load_weights`
    activation : `softplus` (smooth, reversible) or `relu` (as VGG was trained)
    pooling : `average`, `max` (as VGG was trained) or `l2`
    width : of softplus, relative to each layer's pre-activation standard deviation
    dtype : `float32` or `float64`
    say : told in one line what `weights="auto"` chose

    Raises
    ------
    ConfigError, WeightsError
    """
    chosen = architecture(name)
    if dtype not in ("float32", "float64"):
        raise ConfigError(unknown_name("dtype", dtype, ("float32", "float64")))
    if not 0 < width < float("inf"):
        raise ConfigError(f"width={width} must be a positive number")
    last = last or "block5_conv1"
    activation, pooling = Activation.named(activation), Pooling.named(pooling)
    loaded = load_weights(weights, chosen, last, activation, pooling, width, say)
    return Chain(chosen, last, loaded, activation, pooling, width, dtype)


def vgg19(**options: object) -> Chain:
    """VGG-19; options as in `network`."""
    return network("vgg19", **options)  # type: ignore[arg-type]


def vgg16(**options: object) -> Chain:
    """VGG-16; options as in `network`."""
    return network("vgg16", **options)  # type: ignore[arg-type]
