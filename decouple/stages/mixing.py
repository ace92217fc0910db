"""Decoupled features between those of two images, chosen layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from decouple.errors import ConfigError, unknown_layer
from decouple.flows.motion import Way
from decouple.flows.paths import Curve
from decouple.shares import shares_of
from decouple.stages.layerwise import DecoupledFeatures


def mix(
    source: DecoupledFeatures, target: DecoupledFeatures, strengths: Mapping[str, float]
) -> DecoupledFeatures:
    """Features (1 − t) c_target + t c_source, with a strength t for each layer.

    Since the layers are decoupled, each may come from either image without regard to the others.
    Layers that keep the target's own features keep the way on which they were taken off, as long
    as no layer behind them is changed: along it they come back exactly. Of the other layers' ways
    the features along them are mixed, too, so that the way back leads through what images can have.

    Parameters
    ----------
    source, target : of the same layers and channels
    strengths : {layer: 0 to 1}; 0, the target's own, for layers that are not named

    Raises
    ------
    ConfigError : a layer that there is not, a strength out of its range, or features of different
        kinds.

    Examples
    --------
    >>> import numpy as np
    >>> import decouple as dc
    >>> source = dc.DecoupledFeatures({"mean": np.array([0.5]), "variance": np.array([0.25])})
    >>> target = dc.DecoupledFeatures({"mean": np.array([1.0]), "variance": np.array([0.75])})
    >>> dc.mix(source, target, {"mean": 1.0, "variance": 0.5}).values
    {'mean': array([0.5]), 'variance': array([0.5])}
    """
    if source.signature and target.signature and source.signature != target.signature:
        raise ConfigError("source and target have features of different networks or kinds")
    for layer, strength in strengths.items():
        if layer not in target.values:
            raise ConfigError(unknown_layer("layer", layer, target.values))
        if not 0 <= strength <= 1:
            raise ConfigError(f"strength={strength} of {layer} must be from 0 to 1")
    values, ways = {}, {}
    untouched = True
    for layer in reversed(list(target.values)):
        t = strengths.get(layer, 0.0)
        values[layer] = (1 - t) * target.values[layer] + t * source.values[layer]
        untouched = untouched and t == 0
        if layer in target.ways:
            way = target.ways[layer]
            ways[layer] = way if untouched else _led(source.ways.get(layer), way, t)
    return DecoupledFeatures(dict(reversed(values.items())), ways, target.signature)


def weighted_mean(features: Sequence[tuple[float, DecoupledFeatures]]) -> DecoupledFeatures:
    """Σ w c of the features of several images; their ways are mixed as by `mix`.

    Parameters
    ----------
    features : (weight, features) of each, of the same layers and channels; at least one weight is
        positive, none negative. They are scaled to the sum 1

    Raises
    ------
    ConfigError : no such weights, or features of different kinds.
    """
    shares = shares_of([weight for weight, _ in features], "weights of features")
    used = [(share, one) for share, (_, one) in zip(shares, features, strict=True) if share > 0]
    total, mean = used[0]
    for weight, one in used[1:]:
        total += weight
        mean = mix(one, mean, dict.fromkeys(mean.values, weight / total))
    return mean


def _led(source: Way | None, target: Way, share: float) -> Way:
    """No steps, but the features along the way; and the target's factor nearest the noise."""
    curve = target.curve
    if curve is not None and source is not None and source.curve is not None:
        curve = Curve.mixed(curve, source.curve, share)
    return Way((), target.factors[-1:], curve)
