"""Why decoupled features are not decoupled all the way: Lie brackets of the features' gradients.

Motions along the gradients of the layers up to j reach images that lie on one surface, to which
decoupled features of the layers behind give one value, only where the span of these gradients holds
all their brackets (Frobenius):

    [∇f_a, ∇f_b] = H_b ∇f_a − H_a ∇f_b,    H the Hessians.

What of a bracket lies outside that span leads off the surface: to other decoupled features, without
any change of the features up to j. Its share is 0 where gradients are constant, or f of one feature
only.
"""

from __future__ import annotations

import numpy as np

from decouple.errors import ConfigError
from decouple.features.features import Features
from decouple.flows.preconditioner import Factor
from decouple.images import rms
from decouple.stages.layerwise import checked_image

# RMS of the motion over which gradients are differentiated, from both sides, in float64: what is
# left of the third derivative and of rounding is 1e-6 and less of the Hessian.
_STEP = 1e-5
# A bracket that is no more than the first of its two parts is their error; one that changes
# gradients by no more than the second over the range of an image is rounding (1e-11).
_OF_PARTS, _OF_GRADIENTS = 1e-6, 1e-8


def bracket_shares(
    image: np.ndarray, extractor: Features, directions: int = 8, seed: int = 0
) -> np.ndarray:
    """How much of the brackets of two layers' gradients lies outside the span of all up to them.

    sqrt(Σ ‖outside‖² / Σ ‖bracket‖²) over brackets of random combinations λᵀ∇f_i, μᵀ∇f_j with
    standard normal λ, μ: an estimate of the ratio of Frobenius norms over all pairs of channels.

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]
    extractor : twice differentiable: softplus, and average or smooth maximum pooling
    directions : how many combinations of each pair of layers
    seed : of them

    Returns
    -------
    (n, n), in row i and column j ≥ i the share of layers i and j, in [0, 1]; else NaN.

    Raises
    ------
    ConfigError : no direction.
    ImageError : the image cannot be used.
    numpy.linalg.LinAlgError : gradients are dependent (see `features.alive_on`).

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> dc.bracket_shares(image, dc.Moments(orders=2), directions=1)
    array([[ 0.,  0.],
           [nan,  0.]])
    """
    if directions < 1:
        raise ConfigError(f"directions={directions} is too small: at least 1")
    x = checked_image(image, extractor)
    exact = extractor.in_float64()
    point, count = exact.linearize(x), len(exact.layers)
    rng = np.random.default_rng(seed)
    shares = np.full((count, count), np.nan)

    def combined(layer: int) -> np.ndarray:
        """Multipliers (C,) of one layer's features."""
        own = {
            name: rng.standard_normal(size) if place == layer else np.zeros(size)
            for place, (name, size) in enumerate(zip(exact.layers, exact.sizes, strict=True))
        }
        return exact.join(own)

    def curved(multipliers: np.ndarray, along: np.ndarray) -> np.ndarray:
        """H of a combination of features, times a direction (H, W, 3)."""
        size = rms(along)
        if size == 0:
            return np.zeros_like(along)
        step = _STEP / size * along
        ends = [exact.vjp(exact.linearize(x + way * step), multipliers) for way in (1, -1)]
        return np.asarray(size / (2 * _STEP) * (ends[0] - ends[1]))

    for j in range(count):
        part, here = exact.part(point, j + 1)
        factor = Factor.at(part, here)
        for i in range(j + 1):
            whole = outside = 0.0
            for _ in range(directions):
                pair = combined(i), combined(j)
                one, other = (exact.vjp(point, multipliers) for multipliers in pair)
                parts = curved(pair[1], one), curved(pair[0], other)
                bracket = parts[0] - parts[1]
                least = max(_OF_PARTS * rms(parts[0]), _OF_GRADIENTS * rms(one) * rms(other))
                if rms(bracket) <= least:
                    continue
                left = bracket - part.vjp(here, factor.solve(part.jvp(here, bracket)))
                whole, outside = whole + rms(bracket) ** 2, outside + rms(left) ** 2
            shares[i, j] = np.sqrt(outside / whole) if whole else 0.0
    return shares
