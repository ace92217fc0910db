"""How near the features of a smooth network are to those of the network as it was trained."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from decouple.features.extractor import Extractor
from decouple.features.features import Features
from decouple.networks.activations import Activation
from decouple.networks.chain import Chain
from decouple.networks.pooling import Pooling


class Fidelity(NamedTuple):
    """Of one layer's features.

    relative_difference : norm of the difference over that of the trained network's
    correlation : Pearson's, over the features
    """

    relative_difference: float
    correlation: float


def fidelity(extractor: Features, image: np.ndarray) -> dict[str, Fidelity]:
    """{layer: Fidelity} to ReLU and max pooling with the same weights, at an image.

    Parameters
    ----------
    extractor : of VGG, whose features in use are compared
    image : (H, W, 3), nominally in [0, 1]

    >>> import decouple as dc
    >>> from decouple.features import fidelity
    >>> network = dc.vgg19(weights="calibrated", last="block2_conv1", pooling="max", width=0.01)
    >>> coffee = dc.load("sample:coffee", size=32).pixels
    >>> found = fidelity(dc.ChannelMeans(network, layers=2), coffee)
    >>> min(layer.correlation for layer in found.values()) > 0.99
    True
    """
    assert isinstance(extractor, Extractor)
    chain = extractor.network
    assert isinstance(chain, Chain)
    trained = Chain(
        chain.architecture,
        chain.last,
        chain.weights,
        Activation.RELU,
        Pooling.MAX,
        dtype=chain.dtype,
        padding=chain.padding,
    )
    other = extractor.seen_by(trained)
    own, there = (e.split(e.measure(image)) for e in (extractor, other))
    return {layer: _compared(own[layer], there[layer]) for layer in own}


def _compared(own: np.ndarray, there: np.ndarray) -> Fidelity:
    size = float(np.linalg.norm(there))
    far = float(np.linalg.norm(own - there))
    a, b = own - own.mean(), there - there.mean()
    spread = float(np.linalg.norm(a) * np.linalg.norm(b))
    return Fidelity(
        far / size if size > 0 else float("inf"), float(a @ b) / spread if spread > 0 else 0.0
    )
