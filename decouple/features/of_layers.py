"""Statistics of a network's layers as features, each by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from decouple.features.extractor import Extractor
from decouple.features.features import Features
from decouple.features.joined import Joined
from decouple.features.moments import Moments
from decouple.features.statistic import MOST, Statistic
from decouple.features.statistic import statistic as named
from decouple.networks.network import Network


class ChannelMeans(Extractor):
    """The spatial mean of each channel (Miralles 2022, section 3).

    Parameters
    ----------
    network, layers, alive : see `Extractor`

    Examples
    --------
    >>> import decouple as dc
    >>> dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block2_conv1"), layers=2).sizes
    (64, 128)
    """

    def __init__(
        self,
        network: Network,
        layers: int | str | Sequence[str] = 2,
        alive: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__(network, layers, Statistic(), alive)


class LayerStatistics(Extractor):
    """Means over the positions of each layer's activations, of their squares or their products.

    Parameters
    ----------
    network, layers, alive : see `Extractor`
    statistic : `means`; `moments`, means and mean squares; `covariance`, means and covariances of
        the channels; `gram`, mean products of the channels
    most : features of a layer, where products are among them: of a layer that has more, those of
        as many channels as fit are taken, evenly spread

    Raises
    ------
    ConfigError : unknown statistic or layer.

    Examples
    --------
    >>> import decouple as dc
    >>> network = dc.vgg19(weights="calibrated", last="block2_conv1")
    >>> dc.LayerStatistics(network, layers=2, statistic="moments").sizes
    (128, 256)
    """

    def __init__(
        self,
        network: Network,
        layers: int | str | Sequence[str] = 2,
        statistic: str = "means",
        most: int = MOST,
        alive: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__(network, layers, named(statistic, most), alive)


def of_layers(options: Mapping[str, Any], network: Network, layers: Sequence[str]) -> Extractor:
    """Those that `features=` names; see `decouple.families`."""
    return LayerStatistics(network, layers, options["name"], options.get("most", MOST))


def of_dists(options: Mapping[str, Any], network: Network, layers: Sequence[str]) -> Features:
    """Means of the image's colours and of the layers' channels.

    On the last convolution of each block these are the means of DISTS (Ding, Ma, Wang & Simoncelli
    2020, arXiv 2004.07728).
    """
    return Joined(Moments(orders=1), ChannelMeans(network, layers))
