"""Factors of K that were formed elsewhere, and what makes them fit here.

A factor takes a pass for each row of the Jacobian, so that few are formed and all others had from
them. K changes along a way above all where a channel's features do: its gradient grows with the
share of positions at which it answers. Where that is an activation's exponential tail, the gradient
is as much larger as the mean; where the channel answers everywhere, it stays. So between the two

    K ≈ D K₀ D,    D = diag(f / f₀)^p,    0 ≤ p ≤ 1,

with the features f here and f₀ where K₀ was formed. Which p is told by the steps themselves: each
has found λ with K λ = change of the features. It was 0 to 0.3 at the first layer of VGG-16 and
0.5 to 0.8 behind it; without it a factor of three layers serves for a third of the way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from decouple.flows.preconditioner import Factor

if TYPE_CHECKING:
    from decouple.features.features import Features, Point
    from decouple.flows.motion import Way

# From how many of the latest steps p is told.
_STEPS = 3
_PRECISION = 0.03
# For how many steps a factor is new: what they take it would not save to form it again.
_NEW = 2
# Of the logarithm of a ratio; what changes more says little of K.
_LARGEST = 7.0


@dataclass(frozen=True)
class Adapted:
    """A factor of K₀ as one of D K₀ D.

    Attributes
    ----------
    factor : of K₀
    scale : (C,), the diagonal of D
    """

    factor: Factor
    scale: np.ndarray

    def solve(self, residual: np.ndarray) -> np.ndarray:
        """K⁻¹ r for r of shape (C,)."""
        return self.factor.solve(residual / self.scale) / self.scale

    def distance(self, residual: np.ndarray, solved: np.ndarray | None = None) -> float:
        """See `Factor.distance`."""
        solved = self.solve(residual) if solved is None else solved
        return self.factor.distance(residual, solved)

    def rounding(self, change: np.ndarray, epsilon: float) -> float:
        """See `Factor.rounding`."""
        return self.factor.rounding(change, epsilon)


class _Made(NamedTuple):
    """A factor, the s at which it was made, and the features (C,) there, where they are known."""

    s: float
    factor: Factor
    features: np.ndarray | None


class _Told(NamedTuple):
    """What a step tells of K: K λ = change, with logarithms of f / f₀; each (C,)."""

    factor: Factor
    ratios: np.ndarray
    multipliers: np.ndarray
    change: np.ndarray

    def missed(self, exponent: float) -> float:
        """Squared error of D K₀ D λ in its own metric, as a share of the step's squared length."""
        scale = np.exp(exponent * self.ratios)
        scaled, change = scale * self.multipliers, self.change / scale
        length = self.change @ self.multipliers
        squares = change @ self.factor.solve(change) + scaled @ self.factor.product(scaled)
        return float(squares / length - 2)


class Factors:
    """The factors of a way under way; the nearest is adapted to where it is asked for.

    Attributes
    ----------
    excess : work of steps since the last one was made, in passes, beyond what they took when it was
        new: what one more would have saved
    """

    def __init__(self, known: list[_Made]) -> None:
        self._made = known
        self._told: deque[_Told] = deque(maxlen=_STEPS)
        self._exponent = 0.0
        self.excess = 0.0
        self._when_new: list[float] = []

    @classmethod
    def of(cls, way: Way) -> Factors:
        """Those that are known of a way."""
        curve = way.curve
        return cls(
            [_Made(s, factor, None if curve is None else curve(s)) for s, factor in way.factors]
        )

    @property
    def made(self) -> tuple[tuple[float, Factor], ...]:
        """Each with the s at which it was made."""
        return tuple((made.s, made.factor) for made in self._made)

    def make(self, s: float, extractor: Features, point: Point) -> None:
        """Form one more."""
        self._made.append(_Made(s, Factor.near(extractor, point), point.features))
        self.excess, self._when_new = 0.0, []

    @property
    def new(self) -> bool:
        """Whether the last one was made so lately that another would not be better."""
        return len(self._when_new) < _NEW

    def worked(self, work: float, converged: bool) -> float:
        """Of a step's work, in passes, what it would not have taken with a new factor."""
        if self.new and converged:
            self._when_new.append(work)
        excess = max(0.0, work - min(self._when_new, default=0.0))
        self.excess += excess
        return excess

    def at(self, s: float, features: np.ndarray) -> Adapted:
        """The one made nearest to s, of equally near ones the latest, for features (C,) there."""
        made = self._nearest(s)
        return Adapted(made.factor, np.exp(self._exponent * _ratios(made, features)))

    def learn(
        self, s: float, features: np.ndarray, change: np.ndarray, multipliers: np.ndarray
    ) -> None:
        """From a step about s, with features (C,) there: their change is K λ."""
        if not change @ multipliers > 0:  # one that went nowhere
            return
        made = self._nearest(s)
        if self._told and self._told[-1].factor is not made.factor:
            self._told.clear()
        self._told.append(_Told(made.factor, _ratios(made, features), multipliers, change))
        told = tuple(self._told)
        found = minimize_scalar(
            lambda exponent: sum(step.missed(exponent) for step in told),
            bounds=(0.0, 1.0),
            method="bounded",
            options={"xatol": _PRECISION},
        )
        self._exponent = float(found.x)

    def _nearest(self, s: float) -> _Made:
        return min(reversed(self._made), key=lambda made: abs(made.s - s))


def _ratios(made: _Made, features: np.ndarray) -> np.ndarray:
    """Logarithms of f / f₀, 0 where one is not positive or not known."""
    if made.features is None:
        return np.zeros_like(features)
    positive = (features > 0) & (made.features > 0)
    ratios = np.divide(features, made.features, where=positive, out=np.ones_like(features))
    return np.clip(np.log(ratios), -_LARGEST, _LARGEST)
