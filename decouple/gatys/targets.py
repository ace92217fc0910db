"""Groups of terms measured off a picture: what is wanted of its content, or of its style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, NamedChoice
from decouple.features.distances import activations_of
from decouple.gatys.terms import Content, Distance, Gram, MeanCovariance, Means, Normalization
from decouple.gatys.tree import Group, Term, Weighted
from decouple.networks.chain import Chain
from decouple.shares import shares_of

Layers = int | str | Sequence[str] | Mapping[str, float]


class Statistic(NamedChoice):
    """What describes a style: the terms `Gram`, `Means` and `MeanCovariance`."""

    GRAM = "gram"
    MEANS = "means"
    MEAN_COVARIANCE = "mean_covariance"


def content(
    chain: Chain, image: np.ndarray, layers: Layers, distance: Distance | str = Distance.SUM
) -> Group:
    """Content terms, one for each layer and named after it, with the image's activations there.

    Parameters
    ----------
    chain : the network
    image : (H, W, 3) in [0, 1], of the size of the image that will be optimized
    layers : {layer: weight}; or a number (the first n of block{1..5}_conv1) or names, which then
        have weight 1/n each
    distance : `sum` or `mean`; see `Content`

    Raises
    ------
    ConfigError : unknown layer or distance.
    ImageError : not an (H, W, 3) image, or too small for the layers.
    """
    distance = Distance.named(distance)
    weights, activations = _seen(chain, image, layers)
    return Group({k: Weighted(weights[k], Content(k, a, distance)) for k, a in activations.items()})


def style(
    chain: Chain,
    image: np.ndarray,
    layers: Layers = 5,
    statistic: Statistic | str = Statistic.GRAM,
    normalization: Normalization | str | None = None,
    distance: Distance | str = Distance.SUM,
    mask: np.ndarray | None = None,
    within: np.ndarray | None = None,
) -> Group:
    """Style terms, one for each layer and named after it, with the image's statistics there.

    Parameters
    ----------
    chain : the network
    image : (H, W, 3) in [0, 1], of any size (except for `normalization="raw"`)
    layers : as in `content`; the equal weights 1/n are those of Moreno and Sbruzzi
    statistic : `gram`, `means` or `mean_covariance`
    normalization : of `gram`: `raw`, `hw` (default), `chw` or `keras`
    distance : `sum` or `mean`
    mask : (h, w), a region of the style picture that is described alone, where there is one
    within : (H, W), a region of the image that is optimized, which alone is to have the style

    Raises
    ------
    ConfigError : unknown layer or name, or a normalization of what has none.
    ImageError : not an (H, W, 3) image, or too small for the layers.
    """
    statistic, distance = Statistic.named(statistic), Distance.named(distance)
    if statistic is not Statistic.GRAM and normalization is not None:
        raise ConfigError(f"normalization= has no meaning with statistic '{statistic.value}'")
    divided = Normalization.named(normalization or Normalization.HW)

    def term(layer: str, activation: tf.Tensor) -> Term:
        if statistic is Statistic.MEANS:
            return Means.of(layer, activation, distance, mask, within)
        if statistic is Statistic.MEAN_COVARIANCE:
            return MeanCovariance.of(layer, activation, distance, mask=mask, within=within)
        pixels = np.shape(image)[0] * np.shape(image)[1]
        return Gram.of(layer, activation, pixels, divided, distance, mask, within)

    weights, activations = _seen(chain, image, layers)
    return Group({k: Weighted(weights[k], term(k, a)) for k, a in activations.items()})


def texture(
    chain: Chain,
    image: np.ndarray,
    layers: int | str | Sequence[str] = 5,
    statistic: Statistic | str = Statistic.GRAM,
) -> Group:
    """Style terms, each in units of the image's own: mean over the layers of ‖s − s₀‖² / ‖s₀‖².

    So every layer counts alike, whatever the size of its activations, and 1 is as far as nothing
    at all. Of `mean_covariance` it is half of that of the means and half of the covariances'.

    Parameters
    ----------
    chain, image, layers, statistic : as of `style`

    Raises
    ------
    ConfigError, ImageError : as `style`.
    """
    statistic = Statistic.named(statistic)
    _, activations = _seen(chain, image, layers)
    share = 1.0 / len(activations)

    def term(layer: str, activation: tf.Tensor) -> Weighted:
        if statistic is Statistic.MEANS:
            means = Means.of(layer, activation)
            return Weighted(share / _square(means.target), means)
        if statistic is Statistic.GRAM:
            gram = Gram.of(layer, activation, pixels=1)
            return Weighted(share / _square(gram.target), gram)
        plain = MeanCovariance.of(layer, activation)
        of_means = _square(plain.target_means)
        factor = of_means / _square(plain.target_covariance)
        return Weighted(share / (2 * of_means), replace(plain, factor=factor))

    return Group({layer: term(layer, activation) for layer, activation in activations.items()})


def weighted_mean(groups: Sequence[tuple[float, Group]]) -> Group:
    """Terms whose targets are the weighted means of those of several groups.

    So each picture's statistics count by its weight: of `mean_covariance` its means and, apart from
    them, its covariances.

    Parameters
    ----------
    groups : (weight, group) of each picture, the same terms but for their targets; at least one
        weight is positive, none negative. They are scaled to the sum 1

    Raises
    ------
    ConfigError : no such weights, or groups of other terms.
    """
    shares = shares_of([weight for weight, _ in groups], "weights of pictures")
    first = groups[0][1].parts
    if any(group.parts.keys() != first.keys() for _, group in groups):
        raise ConfigError("pictures with other terms have no mean")

    def mean(name: str) -> Weighted:
        terms = [group.parts[name].part for _, group in groups]
        means = {
            held.name: tf.add_n(
                [s * getattr(term, held.name) for s, term in zip(shares, terms, strict=True)]
            )
            for held in fields(terms[0])  # type: ignore[arg-type]
            if held.name.startswith("target")
        }
        return Weighted(first[name].weight, replace(terms[0], **means))  # type: ignore[type-var]

    return Group({name: mean(name) for name in first})


def _square(values: tf.Tensor) -> float:
    return float(tf.reduce_sum(tf.square(tf.cast(values, tf.float64))))


def _seen(
    chain: Chain, image: np.ndarray, layers: Layers
) -> tuple[dict[str, float], dict[str, tf.Tensor]]:
    """Weights and activations of the layers, in the network's order."""
    names = layers if isinstance(layers, (int, str)) else list(layers)
    taps = chain.architecture.resolve_layers(names)
    if isinstance(layers, Mapping):
        weights = {layer: float(layers[layer]) for layer in taps}
    else:
        weights = {layer: 1.0 / len(taps) for layer in taps}
    return weights, activations_of(chain, image, taps)
