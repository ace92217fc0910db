"""Features of regions in a transfer: of the target all at once, of each source those it gives.

A target's features are, layer by layer, the means in its first region, then those in its second.
Each source has those of the regions that it gives, with masks of its own; both are moved to the
same values, those of the noise in the target's regions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from decouple.errors import ConfigError
from decouple.features import Features, alive_on
from decouple.features.extractor import Extractor
from decouple.features.region_means import RegionMeans, check_apart
from decouple.flows import Way
from decouple.flows.paths import Curve
from decouple.networks.network import Network
from decouple.pipeline.regions import Region
from decouple.stages import DecoupledFeatures

if TYPE_CHECKING:
    from decouple.pipeline.inputs import Inputs
    from decouple.pipeline.running import Run


def of_target(
    network: Network, layers: Sequence[str], regions: Sequence[Region], image: np.ndarray
) -> RegionMeans:
    """Features of the target's regions.

    Raises
    ------
    ConfigError : regions that a layer cannot tell apart.
    """
    features = _of_masks(network, layers, [region.within for region in regions], image)
    _check(features, image, "target")
    return features


def check_sources(inputs: Inputs) -> None:
    """Raise ConfigError if a layer cannot tell the regions of a source apart."""
    for part in _parts(inputs):
        _check(part.features, inputs.seen[part.role], inputs.pictures[part.role].origin)


def movable(inputs: Inputs) -> Features:
    """The target's features, without those that a source cannot move in its own regions."""
    alive = {layer: kept.copy() for layer, kept in inputs.extractor.alive.items()}
    for part in _parts(inputs):
        own = alive_on(
            part.features, [inputs.seen[part.role].astype(np.float64)], inputs.config.mask.min_slope
        )
        for layer, kept in own.items():
            rows = alive[layer].reshape(len(inputs.regions), -1)
            rows[part.places] &= kept.reshape(len(part.places), -1)
    return inputs.extractor.masked(alive)


def taken(run: Run) -> DecoupledFeatures:
    """Step 1: the decoupled features that each region takes, in the target's order."""
    parts = _in_use(run)
    noise = _spread(run)
    done = []
    for part in parts:
        features = part.picked(noise)
        reference = replace(
            run.reference, features=features, signature=part.features.signature, _normal_matrices={}
        )
        assert run.prepared is not None
        prepared = replace(run.prepared, extractor=part.features, reference=reference)
        one = replace(run, prepared=prepared)
        name = f"noisified_{part.role}"
        stage = f"noisify_{part.role}"
        done.append(one.noisify(run.inputs.seen[part.role], stage, saved_as=name).features)
    values = _gathered(run.extractor, parts, [features.values for features in done])
    ways = {
        layer: Way((), (), _joined(run.extractor.first(depth), parts, curves))
        for depth, layer in enumerate(run.extractor.layers, start=1)
        if all(curves := [_curve(features, layer) for features in done])
    }
    return DecoupledFeatures(values, ways, run.extractor.signature)


def measured(run: Run) -> np.ndarray:
    """Raw features (C,) of what each region takes, in the target's order."""
    parts = _in_use(run)
    values = [p.features.split(p.features.measure(run.inputs.seen[p.role])) for p in parts]
    return run.extractor.join(_gathered(run.extractor, parts, values))


def by_region(
    features: Features, count: int, values: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Features {layer: (C_k,)} of each layer and region, with a name for both."""
    for layer, kept in features.alive.items():
        sizes = kept.reshape(count, -1).sum(axis=1)
        for number, own in enumerate(np.split(values[layer], np.cumsum(sizes)[:-1]), start=1):
            yield f"{layer}, region {number}", own


@dataclass(frozen=True)
class _Part:
    """What one source gives.

    Attributes
    ----------
    role : of the source
    places : of its regions, among the target's
    features : theirs
    """

    role: str
    places: list[int]
    features: Extractor

    def picked(self, full: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Its own of {layer: (R, C)}, those in use."""
        return {
            layer: full[layer][self.places].ravel()[kept]
            for layer, kept in self.features.alive.items()
        }


def _parts(inputs: Inputs) -> list[_Part]:
    """One for each source, of all features."""
    assert inputs.network is not None
    found = []
    for role in dict.fromkeys(region.role for region in inputs.regions):
        places = [n for n, region in enumerate(inputs.regions) if region.role == role]
        masks = [inputs.regions[n].mask for n in places]
        layers, image = inputs.extractor.layers, inputs.seen[role]
        found.append(_Part(role, places, _of_masks(inputs.network, layers, masks, image)))
    return found


def _in_use(run: Run) -> list[_Part]:
    """One for each source, of those features that are moved."""
    count = len(run.inputs.regions)
    found = []
    for part in _parts(run.inputs):
        alive = {
            layer: kept.reshape(count, -1)[part.places].ravel()
            for layer, kept in run.extractor.alive.items()
        }
        found.append(replace(part, features=part.features.masked(alive)))
    return found


def _of_masks(
    network: Network,
    layers: Sequence[str],
    masks: Sequence[np.ndarray | None],
    image: np.ndarray,
) -> RegionMeans:
    whole = np.ones(image.shape[:2])
    return RegionMeans(network, layers, [whole if mask is None else mask for mask in masks])


def _check(features: Extractor, image: np.ndarray, name: str) -> None:
    height, width = image.shape[:2]
    features.check_size(height, width)
    try:
        check_apart(features, height, width)
    except ConfigError as error:
        raise ConfigError(f"regions of {name}: {error}") from error


# Between a layer's features in use and (regions, channels).


def _spread(run: Run) -> dict[str, np.ndarray]:
    """{layer: (R, C)}, the noise's features in the target's regions, 0 where one is not in use."""
    spread = {}
    for layer, kept in run.extractor.alive.items():
        full = np.zeros(kept.size)
        full[kept] = run.reference.features[layer]
        spread[layer] = full.reshape(len(run.inputs.regions), -1)
    return spread


def _gathered(
    features: Features, parts: Sequence[_Part], values: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What the parts have, {layer: (C_k,)} each, in the target's order."""
    found, count = {}, sum(len(part.places) for part in parts)
    for layer, kept in features.alive.items():
        full = np.zeros(kept.size).reshape(count, -1)
        for part, own in zip(parts, values, strict=True):
            used = part.features.alive[layer]
            rows = np.zeros(used.size)
            rows[used] = own[layer]
            full[part.places] = rows.reshape(len(part.places), -1)
        found[layer] = full.ravel()[kept]
    return found


def _curve(features: DecoupledFeatures, layer: str) -> Curve | None:
    way = features.ways.get(layer)
    return None if way is None else way.curve


def _joined(features: Features, parts: Sequence[_Part], curves: Sequence[Curve | None]) -> Curve:
    """One curve through the features of all parts, in the target's order."""
    known = [curve for curve in curves if curve is not None]
    splits: list[Callable[[np.ndarray], dict[str, np.ndarray]]] = [
        part.features.first(len(features.layers)).split for part in parts
    ]
    nodes = Curve.nodes_of(known)
    values = [
        features.join(
            _gathered(
                features,
                parts,
                [split(curve(s)) for split, curve in zip(splits, known, strict=True)],
            )
        )
        for s in nodes
    ]
    return Curve(nodes, np.asarray(values))
