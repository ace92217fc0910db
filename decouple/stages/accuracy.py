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

import numpy as np

from decouple.flows.motion import Way

# Of what an image may come back with, this part is for the errors of its own layer's way back, as
# much for those that come from the layers behind, and the rest for what a measurement by one random
# change may be wrong.
_SHARE = 1 / 3
# Expected where nothing was measured. Where more is found, steps are solved anew.
_EXPECTED, _EXPECTED_STEPS = 100.0, 20
# Steps that are solved less exactly do not follow their path.
_EXACT_ENOUGH = 1e-6


def allowed_error(tolerance: float, ways: Iterable[Way | None]) -> float:
    """RMS error with which an image may come back behind layers that were taken off on these ways.

    Flows that know no ways measure no growth: as if there were none.
    """
    for way in ways:
        tolerance *= _SHARE / (way.growth if way is not None and way.growth is not None else 1.0)
    return tolerance


def needed_by_features(tolerance: float) -> float:
    """To what steps must be solved (RMS over the image) where nothing has to come back."""
    return min(1e-3 * tolerance, _EXACT_ENOUGH)


def too_much_growth(layer: str, way: Way | None, allowed: float) -> str:
    """One line on a layer from which an image does not come back as exactly as was asked."""
    assert way is not None
    assert way.growth is not None
    assert way.error is not None
    return (
        f"tolerance cannot be met: errors grow by {20 * math.log10(way.growth):.0f} dB on the way "
        f"back through {layer}, for which float64 is {way.error / allowed:.0e} times too "
        "coarse; going on to what it allows"
    )


def rms(values: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
