"""How far apart two images are in their statistics, layer by layer.

Layers that no method has optimized (held-out ones) can be measured just as well. The images need
not have the same size: all statistics are per position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, ImageError, unknown_name
from decouple.features.regions import region_weights
from decouple.features.statistics import gram, means
from decouple.networks.chain import Chain


@dataclass(frozen=True)
class MeasuredStatistics:
    """Statistics of one image.

    Attributes
    ----------
    gram : {layer: (C, C) float64}, Gram matrices divided by the number of positions
    means : {layer: (C,) float64}, channel means
    """

    gram: Mapping[str, np.ndarray]
    means: Mapping[str, np.ndarray]

    def distance_to(self, reference: MeasuredStatistics, kind: str) -> dict[str, float]:
        """Distance per layer, ‖s − s_ref‖ / ‖s_ref‖ (Frobenius norm): dimensionless, 0 if equal.

        Parameters
        ----------
        reference : whose size is the unit; measured on the same layers
        kind : `gram` or `means`

        Raises
        ------
        ConfigError : unknown kind, or other layers.
        """
        if kind not in KINDS:
            raise ConfigError(unknown_name("kind of distance", kind, KINDS))
        own, other = getattr(self, kind), getattr(reference, kind)
        if set(own) != set(other):
            raise ConfigError(f"statistics of other layers: {', '.join(own)}; {', '.join(other)}")
        return {layer: relative_distance(own[layer], other[layer]) for layer in own}


def mean_statistics(measured: Sequence[tuple[float, MeasuredStatistics]]) -> MeasuredStatistics:
    """Σ w s of several images' statistics on the same layers, (weight, statistics) of each."""
    return MeasuredStatistics(
        *(
            {
                layer: np.sum([w * getattr(one, kind)[layer] for w, one in measured], axis=0)
                for layer in getattr(measured[0][1], kind)
            }
            for kind in KINDS
        )
    )


KINDS = ("gram", "means")


def relative_distance(values: np.ndarray, reference: np.ndarray) -> float:
    """‖s − s_ref‖ / ‖s_ref‖ of two arrays of one shape."""
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def layer_statistics(
    chain: Chain,
    image: np.ndarray,
    layers: int | str | Sequence[str],
    mask: np.ndarray | None = None,
) -> MeasuredStatistics:
    """Statistics of an image (H, W, 3) in [0, 1] on layers of a chain.

    Parameters
    ----------
    layers : a number (the first n of block{1..5}_conv1) or layer names
    mask : (h, w), of a region of the image, where only that is looked at

    Raises
    ------
    ConfigError : unknown layer, or one behind the end of the chain.
    ImageError : not an (H, W, 3) image, or too small for the layers.
    """
    names = layers if isinstance(layers, (int, str)) else list(layers)
    taps = chain.architecture.resolve_layers(names)
    activations = activations_of(chain, image, taps)
    weights = {
        layer: None if mask is None else region_weights(mask, *a.shape[1:3])
        for layer, a in activations.items()
    }
    return MeasuredStatistics(
        gram={layer: gram_per_position(a, weights[layer]) for layer, a in activations.items()},
        means={layer: channel_means(a, weights[layer]) for layer, a in activations.items()},
    )


def gram_per_position(activation: tf.Tensor, weights: tf.Tensor | None = None) -> np.ndarray:
    """FᵀF / (h·w), (C, C) float64, of an activation (1, h, w, C)."""
    positions = activation.shape[1] * activation.shape[2]
    return np.asarray(gram(activation, weights)[0].numpy().astype(np.float64) / positions)


def channel_means(activation: tf.Tensor, weights: tf.Tensor | None = None) -> np.ndarray:
    """The mean of each channel, (C,) float64, of an activation (1, h, w, C)."""
    return np.asarray(means(activation, weights)[0].numpy())


def distances(
    chain: Chain, image: np.ndarray, reference: np.ndarray, layers: int | str | Sequence[str]
) -> dict[str, dict[str, float]]:
    """Distances of an image from a reference, {`gram` or `means`: {layer: distance}}.

    See `MeasuredStatistics.distance_to`; to compare many images with one reference, measure it once
    with `layer_statistics`.

    >>> import decouple as dc
    >>> chain = dc.vgg19(weights="calibrated", last="block1_conv1")
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> distances(chain, image[:, ::-1], image, layers=1)["means"]["block1_conv1"] < 0.05
    True
    """
    measured = layer_statistics(chain, image, layers)
    of_reference = layer_statistics(chain, reference, layers)
    return {kind: measured.distance_to(of_reference, kind) for kind in KINDS}


def activations_of(chain: Chain, image: np.ndarray, layers: Sequence[str]) -> dict[str, tf.Tensor]:
    """Activations {layer: (1, h, w, C)} of an image (H, W, 3); `layers` in the network's order.

    Raises
    ------
    ConfigError : a layer lies behind the end of the chain.
    ImageError : not an (H, W, 3) image, or too small for the layers.
    """
    if np.ndim(image) != 3 or np.shape(image)[-1] != 3:
        raise ImageError(f"an image of shape {np.shape(image)} is not (height, width, 3)")
    chain.check_size(layers[-1], *np.shape(image)[:2])
    batch = tf.constant(np.asarray(image)[None], chain.dtype)
    return dict(zip(layers, chain.until(layers[-1]).forward(batch, layers), strict=True))
