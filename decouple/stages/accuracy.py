"""How exactly each layer's steps must be solved, so that a picture comes back as asked.

Let G_k be how many times larger an error is when the way back through layer k ends than when it
began, and s_k what that way adds on it. The error of a round trip is about

    Σ_k G_1 … G_{k-1} s_k,      s_k ≈ √(2 n_k) a_k G_k,

with n_k steps there and as many back, each solved to an error a_k (RMS over the image). G_k depends
on the filters, the picture and the layer, from 8 dB to more than float64 has digits, so it is
measured: once an image has been moved through a layer, its end is changed a little and walked back.
From the growths of the layers before it follows what a layer's errors may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from decouple.flows.motion import Flow, Motion, Moved, Way

# Of what an image may come back with, this part is for the errors of its own layer's way back, as
# much for those that come from the layers behind, and the rest for what a measurement by one random
# change may be wrong.
_SHARE = 1 / 3
# Expected where nothing was measured. Where more is found, steps are solved anew.
_EXPECTED, _EXPECTED_STEPS = 100.0, 20
# The change that is walked back, in units of the error of a step: far above what the steps add on
# their way, and small enough for differences to be derivatives.
_CHANGE, _CHANGE_SOLVED = 1e3, 30.0
# Steps that are solved less exactly do not follow their path.
_EXACT_ENOUGH = 1e-6
_LEAST_CHANGE, _LARGEST_CHANGE = 1e-9, 1e-5
# Of the change when it is back: more is no derivative.
_LARGEST_ERROR = 1e-2


def allowed_error(tolerance: float, ways: Iterable[Way | None]) -> float:
    """RMS error with which an image may come back behind layers that were taken off on these ways.

    Flows that know no ways measure no growth: as if there were none.
    """
    for way in ways:
        tolerance *= _SHARE / (way.growth if way is not None and way.growth is not None else 1.0)
    return tolerance


def step_error(allowed: float, growth: float | None = None, steps: int = _EXPECTED_STEPS) -> float:
    """To what a layer's steps must be solved (RMS over the image).

    Parameters
    ----------
    allowed : error with which the image may come back from this layer
    growth, steps : of the layer's way, where they are known, else of the layer before
    """
    return allowed * _SHARE / (math.sqrt(2 * steps) * (growth or _EXPECTED))


def needed_by_features(tolerance: float) -> float:
    """To what steps must be solved (RMS over the image) where nothing has to come back."""
    return min(1e-3 * tolerance, _EXACT_ENOUGH)


def too_much_growth(layer: str, way: Way | None, allowed: float) -> str:
    """One line on a layer from which an image does not come back as exactly as was asked."""
    assert way is not None
    assert way.growth is not None
    return (
        f"tolerance cannot be met: errors grow by {20 * math.log10(way.growth):.0f} dB on the way "
        f"back through {layer}, for which float64 is {expected_error(way) / allowed:.0e} times too "
        "coarse; going on to what it allows"
    )


def expected_error(way: Way) -> float:
    """RMS error that a layer's own steps make on the image that comes back from it.

    Its growth must have been measured.
    """
    assert way.growth is not None
    assert way.tolerance is not None
    return way.tolerance * math.sqrt(2 * len(way.steps)) * way.growth


def measured_growth(image: np.ndarray, moved: Moved, motion: Motion, flow: Flow) -> float:
    """By how much a small change of the moved image grows on its way back; at least 1.

    Half of the change is in the span of the features' gradients, as the errors of steps are, half
    of it anywhere. Infinite where the way back cannot be walked with it.

    Parameters
    ----------
    image : (H, W, 3), before the motion
    moved : where it ended; its way is known
    motion, flow : what moved it
    """
    way = moved.way
    assert way is not None
    rng = np.random.default_rng(0)
    multipliers = way.factors[-1][1].random_multipliers(rng)
    extractor = motion.extractor
    aligned = extractor.vjp(extractor.linearize(moved.image), multipliers)
    anywhere = rng.standard_normal(image.shape)
    change = aligned / rms(aligned) + anywhere / rms(anywhere)
    size = float(np.clip(_CHANGE * motion.tolerance, _LEAST_CHANGE, _LARGEST_CHANGE))
    while True:
        begin = moved.image + size * change / rms(change)
        back = replace(
            motion,
            start=motion.end,
            end=motion.start,
            tolerance=size / _CHANGE_SOLVED,
            way=way.reversed(),
        )
        returned = flow.move(begin, back, lambda _s, _features: None)
        error = rms(returned.image - image) if returned.stop_reason.succeeded else math.inf
        if error <= _LARGEST_ERROR or size <= _LEAST_CHANGE:
            return max(error / size, 1.0)
        size = max(size * 1e-2, _LEAST_CHANGE)


def rms(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
