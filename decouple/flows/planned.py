"""The steps of an earlier way, to be taken once more or back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from decouple.flows.motion import Way


class Planned(NamedTuple):
    """A step that is known to have a solution.

    length : in s
    target : (C,), the nominal features at its end; None for those of the path
    multipliers : (C,), about its λ; None where it is not known
    tolerance : to what it must be solved; None for what the motion asks
    """

    length: float
    target: np.ndarray | None = None
    multipliers: np.ndarray | None = None
    tolerance: float | None = None

    def halves(self) -> tuple[Planned, Planned]:
        """Two steps in its place."""
        multipliers = None if self.multipliers is None else self.multipliers / 2
        half = Planned(self.length / 2, None, multipliers, self.tolerance)
        return half, half._replace(target=self.target)


def planned_steps(way: Way, start: np.ndarray, end: np.ndarray) -> deque[Planned]:
    """The steps to take, with what is known of each; features go from `start` to `end`, (C,)."""
    unknown = [None] * len(way.steps)
    targets: Sequence[np.ndarray | None] = unknown
    # A way in half as long steps has the features of the whole ones.
    if way.curve is not None and len(way.curve.nodes) == len(way.steps) + 1:
        targets = list(way.curve.between(start, end).values[1:])
    known = (way.steps, targets, way.multipliers or unknown, way.tolerances or unknown)
    return deque(map(Planned, *known))
