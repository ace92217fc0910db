"""How exactly each layer's steps must be solved, so that a picture comes back as asked.

Let G_k be how many times larger an error is when the way back through layer k ends than when it
began, and s_k what that way adds on it. The error of a round trip is about

    Σ_k G_1 … G_{k-1} s_k.

G_k depends on the filters, the picture and the layer, from 8 dB to more than float64 has digits, so
it is found while the image moves (`flows.growth`). From the growths of the layers before it follows
what a layer may add; within a layer, each step is solved as exactly as the growth over the steps
before it asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from decouple.flows.motion import Way

# Of what an image may come back with, the errors of each layer behind the first may make this part:
# they add up in squares, and growth by one random change may be wrong.
_SHARE = 1 / 3
# Steps that are solved less exactly do not follow their path.
_EXACT_ENOUGH = 1e-6
# However loose the tolerance: coarser steps leave what pictures can have.
_NEAR_ENOUGH = 1e-5
# Of the tolerance, what an image may differ by from one that has the features asked for: the mean
# square by which features miss them is then 1e-8 to 1e-10 of their own.
_NEAR = 0.1
# The same where only decoupled features are wanted, in units of what each step is solved to: what
# the first steps leave has grown a thousandfold by the end (brick, ImageNet's filters).
_FEATURES = 1e-4
# What a layer leaves, in units of what it may, where rounding holds its steps up; and by how much
# what is told may be too careful (30 times, of the astronaut's five layers, ImageNet's filters).
_COARSE, _CAREFUL = 3.0, 100.0


def allowed_error(tolerance: float, ways: Iterable[Way | None]) -> float:
    """RMS error with which an image may come back behind layers that were taken off on these ways.

    Flows that know no ways measure no growth: as if there were none.
    """
    growths = [
        1.0 if way is None or way.growth_of_errors is None else way.growth_of_errors for way in ways
    ]
    return tolerance * (_SHARE if growths else 1.0) / math.prod(growths)


def beyond_float64(tolerance: float, ways: Sequence[Way | None]) -> bool:
    """Whether no exactness of the steps on these ways, the first layer's first, meets a tolerance.

    One of them alone leaves more than it may where each step is as exact as float64.
    """
    return any(
        way is not None
        and way.least_error is not None
        and way.least_error > allowed_error(tolerance, ways[:layers_before])
        for layers_before, way in enumerate(ways)
    )


def needed_by_retracing(tolerance: float) -> float:
    """To what steps must be solved at least (RMS over the image) to be taken back or once more."""
    return min(1e-3 * tolerance, _EXACT_ENOUGH)


def needed_by_features(tolerance: float) -> float:
    """How near (RMS) to an image with the features asked for, where nothing has to come back."""
    return min(_NEAR * tolerance, _NEAR_ENOUGH)


def needed_by_following(following: float) -> float:
    """How near (RMS) to an image with the reference's features, where only features are wanted.

    Parameters
    ----------
    following : to what part of its length each step is solved
    """
    return _FEATURES * following


def too_much_growth(
    layer: str, way: Way, allowed: float, tolerance: float, seconds: float
) -> str | None:
    """One line on a layer from which an image does not come back as exactly as was asked, or None.

    Parameters
    ----------
    layer, way : the layer and how it was walked; its growth and error are known
    allowed : RMS error with which the image may come back from it
    tolerance : of the round trip
    seconds : that the ways out took so far: what the ways back will take at least
    """
    assert way.growth is not None
    assert way.error is not None
    # Steps that were solved as exactly as asked for leave less.
    if way.error <= _COARSE * allowed:
        return None
    best = tolerance * way.error / allowed
    sure = "cannot" if way.error > _CAREFUL * allowed else "may not"
    return (
        f"tolerance={tolerance:g} {sure} be met: errors grow by {20 * math.log10(way.growth):.0f} "
        f"dB on the way back through {layer}, which is too much for float64; about {best:.0e} can, "
        f"and takes at least {seconds:.0f} s more"
    )
