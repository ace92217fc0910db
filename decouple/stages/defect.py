"""How far the decoupled features are from being decoupled.

Two features are decoupled where their gradients are orthogonal: then moving the image along the
gradients of one leaves the other as it is. Raw features are not: moving it along layer i's
gradients changes f_j. Of the decoupled features c_j of a later layer this is hoped for, and holds
exactly where the gradient fields close under brackets, which channel means of a deep network do
not. What remains is measured here, as a ratio:

    D_ij = sqrt( Σ_u ‖c_j(x + h u) − c_j(x)‖² / Σ_u ‖f_j(x + h u) − f_j(x)‖² ),    i < j

over random directions u = J_i(x)ᵀ λ in the span of layer i's gradients, with λ standard normal
and u of RMS 1 over the image's values. They favour what layer i sees best; `isotropic` ones, all
equally likely in that span, are a harder test. 0 is decoupled; 1 is as coupled as the raw
features, which c_j = f_j gives. Nothing keeps it below 1: a way of noisifying whose arrival
depends erratically on its start can be worse than doing nothing. c_j(x + h u) is found by
noisifying x + h u.

The same ratio *along layer j's own directions*, the part of u = J_jᵀ λ that is orthogonal to the
gradients of all earlier layers, tells a small D_ij from a c_j that answers to nothing: it should
be near 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from decouple.errors import ConfigError
from decouple.features.features import Features, Point
from decouple.flows.motion import Flow, Way
from decouple.flows.preconditioner import Factor
from decouple.images import rms
from decouple.stages.layerwise import DEFAULT_TOLERANCE, checked_image
from decouple.stages.noisify import noisify
from decouple.stages.reference import Reference

ONE_LEVEL = 1 / 255
"""Of 8 bits, in units of the image's range."""


@dataclass(frozen=True)
class Change:
    """How one layer's features change when the image moves by a certain size.

    Attributes
    ----------
    size : RMS of the motion, in units of the image's range
    raw, decoupled : (directions, C_j) float64, differences of f_j and of c_j over `size`
    """

    size: float
    raw: np.ndarray
    decoupled: np.ndarray

    @property
    def ratio(self) -> float:
        """Of the decoupled features' change to the raw ones', over all directions: D_ij."""
        return float(np.linalg.norm(self.decoupled) / np.linalg.norm(self.raw))

    @property
    def ratios(self) -> np.ndarray:
        """The same for each direction, (directions,)."""
        return np.linalg.norm(self.decoupled, axis=1) / np.linalg.norm(self.raw, axis=1)

    def nonlinearity(self, smaller: Change) -> float:
        """‖Δc_j / h − Δc_j' / h'‖ relative to ‖Δc_j / h‖: 0 where both sizes tell one derivative.

        Parameters
        ----------
        smaller : of the same directions, by another size h'
        """
        difference = np.linalg.norm(self.decoupled - smaller.decoupled)
        return float(difference / np.linalg.norm(self.decoupled))


@dataclass(frozen=True)
class DecouplingDefect:
    """What `decoupling_defect` measured.

    Attributes
    ----------
    layers : in the network's order
    along : {(layer i, layer j): (change by the size, change by half of it)}, for i < j
    own : {layer j: change by the size along its own directions}, from the second layer on
    """

    layers: tuple[str, ...]
    along: Mapping[tuple[str, str], tuple[Change, Change]]
    own: Mapping[str, Change]

    def matrix(self) -> np.ndarray:
        """D, (n, n): row i for the gradients moved along, column j for the features; else NaN."""
        result = np.full((len(self.layers),) * 2, np.nan)
        for (moved, seen), (change, _) in self.along.items():
            result[self.layers.index(moved), self.layers.index(seen)] = change.ratio
        return result


def decoupling_defect(
    image: np.ndarray,
    extractor: Features,
    reference: Reference,
    flow: Flow | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    directions: int = 3,
    size: float = ONE_LEVEL,
    seed: int = 0,
    isotropic: bool = False,
) -> DecouplingDefect:
    """Measure D_ij and its controls at one image; see the module's text.

    Along layer i every difference is taken at `size` and at half of it: where they disagree, c_j
    has no derivative that could be measured at that size. With the lift, moved images take the
    steps of the unmoved one, so that what its steps leave as an error changes smoothly, too.

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]
    extractor, reference, flow, tolerance : as in `noisify`; two layers at least
    directions : how many u for each layer
    size : h, RMS over the image's values in units of its range; by default one level of 8 bits
    seed : of the directions
    isotropic : draw them equally likely in the span of layer i's gradients, instead of as Jᵀ λ

    Raises
    ------
    ConfigError : fewer than two layers, no direction, or a size that is not positive.
    ImageError : the image cannot be used.
    StageError : a layer of one of the images did not reach the reference.
    numpy.linalg.LinAlgError : gradients are dependent (see `features.alive_on`).

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=2)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> dc.decoupling_defect(image, features, reference, directions=1).layers
    ('mean', 'variance')
    """
    if len(extractor.layers) < 2:
        raise ConfigError("a decoupling defect is between layers: use at least two")
    if directions < 1 or not 0 < size < float("inf"):
        raise ConfigError(f"directions={directions} and size={size} must be above 0")
    x = checked_image(image, extractor)
    point = extractor.linearize(x)
    raw = extractor.split(point.features)
    taken = noisify(x, extractor, reference, flow, tolerance, features_only=True).features
    # Without their ends, which are the features of this very image.
    ways = {layer: Way(way.steps, way.factors) for layer, way in taken.ways.items()}

    def change(u: np.ndarray, h: float, depth: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """{layer: (change of f, change of c) over h}, of the first `depth` layers."""
        part, moved = extractor.first(depth), x + h * u
        there = part.split(part.measure(moved))
        values = noisify(
            moved, part, reference, flow, tolerance, ways, features_only=True
        ).features.values
        return {
            layer: ((there[layer] - raw[layer]) / h, (values[layer] - taken.values[layer]) / h)
            for layer in part.layers
        }

    def changes(us: list[np.ndarray], h: float, depth: int) -> dict[str, Change]:
        seen = [change(u, h, depth) for u in us]
        return {
            layer: Change(h, *(np.stack([one[layer][k] for one in seen]) for k in (0, 1)))
            for layer in seen[0]
        }

    rng = np.random.default_rng(seed)
    draw = partial(
        gradient_directions, rng, extractor, point, count=directions, isotropic=isotropic
    )
    along: dict[tuple[str, str], tuple[Change, Change]] = {}
    own: dict[str, Change] = {}
    for depth, layer in enumerate(extractor.layers, start=1):
        if depth > 1:
            us = list(draw(depth, only_own=True))
            own[layer] = changes(us, size, depth)[layer]
        if depth < len(extractor.layers):
            us = list(draw(depth))
            full, half = (changes(us, h, len(extractor.layers)) for h in (size, size / 2))
            for later in extractor.layers[depth:]:
                along[layer, later] = full[later], half[later]
    return DecouplingDefect(extractor.layers, along, own)


def gradient_directions(
    rng: np.random.Generator,
    extractor: Features,
    point: Point,
    depth: int,
    count: int,
    only_own: bool = False,
    isotropic: bool = False,
) -> Iterator[np.ndarray]:
    """Random directions (H, W, 3), RMS 1, in the span of the gradients of layer number `depth`.

    With `only_own` their part that is orthogonal to the gradients of all earlier layers, of which
    there must be one; with `isotropic` no direction of the span is likelier than another.
    """
    part, here = extractor.part(point, depth)
    size = part.sizes[-1]
    if only_own:
        earlier, before = extractor.part(point, depth - 1)
        factor = Factor.at(earlier, before)
    if isotropic:
        # With K = L Lᵀ the columns of Jᵀ L⁻ᵀ are orthonormal.
        root = cholesky(part.normal_matrix(here)[-size:, -size:], lower=True)
    for _ in range(count):
        weights = rng.standard_normal(size)
        if isotropic:
            weights = solve_triangular(root, weights, lower=True, trans="T")
        multipliers = np.concatenate([np.zeros(part.size - size), weights])
        u = part.vjp(here, multipliers)
        if only_own:
            u = u - earlier.vjp(before, factor.solve(earlier.jvp(before, u)))
        yield u / rms(u)
