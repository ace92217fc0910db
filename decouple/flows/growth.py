"""How much an error grows on the way back, found while the way out is walked.

A symmetric step from x₀ to x₁ = x₀ + J̄ᵀλ takes a small change of x₁ to one of x₀. With H the second
derivative of λ·f and P the projection on what the features do not see, that is
(1 − PHP/2)⁻¹ (1 + PHP/2) for the way out and its inverse for the way back: where λ presses pixels
against a bend of their activations, H is negative there, and the way back spreads what lies on
either side of it. The way back as a whole is a product of such matrices in the order of the way
back. Its transpose is a product in the order of the way *out*, and as large; so a random change
that each step multiplies by its matrix tells, when the way out ends, how much changes grow on the
way back: its mean square what becomes of changes anywhere, and its largest values what becomes of
those at the few places where they grow most, by up to 50 dB more than elsewhere.

That costs two secants and two pull-backs a step in the network's own precision, and as many for
each round of P, where the way back itself would take several times as much. H is had as a
difference: J̄ᵀλ with x₀ changed by a little, less J̄ᵀλ. It matters that P stands on both sides of
it: what the features see of H is many times as large where channels hardly answer (38 against 4.5
per unit of s at the astronaut's fifth layer, ImageNet's filters), and makes nothing grow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter

if TYPE_CHECKING:
    from decouple.features.features import Features, Point
    from decouple.flows.nearby import Adapted

# Largest value of a change that is made to see how J̄ differs with it, in units of the image's
# range: small beside the bend of an activation, and large beside rounding.
_CHANGE = 3e-3
# Of a step, the largest bend that is told from a larger one.
_LARGEST_BEND = 0.8
# Of the logarithm of growth: nothing comes back long before, and its square is a number still.
_MOST = 300.0
# Pixels on a side of a place, and how large a change must be there, of the largest anywhere.
_WINDOW, _NOTICEABLE = 5, 1e-3
# A change at the place where it grows most reaches over some pixels: its size is about so many
# times its largest value.
_REACH = 3.0
# How many times the RMS error an error at the worst place may be: where an image is to come back to
# 1e-4, half a level of 8 bits.
_PEAK = 20.0


def _largest_ratio(after: np.ndarray, before: np.ndarray) -> float:
    """By how much a matrix makes larger what it makes larger most, from what it made of a change.

    Where that is differs from where the change is largest, and is told long before power iteration
    gets there: place by place, since the matrix is local. By the largest values it was told up to
    1.8 times too small after two iterations (coffee, ImageNet's filters, layer 2).
    """
    was, became = (
        uniform_filter(np.square(change).sum(-1), _WINDOW, mode="nearest")
        for change in (before, after)
    )
    there = was > _NOTICEABLE**2 * was.max()
    return float(np.sqrt((became[there] / was[there]).max()))


@dataclass(frozen=True)
class Growth:
    """What becomes, on the way back, of changes of the image at the steps so far.

    Attributes
    ----------
    taken : (H, W, 3), the change that is carried along, in a unit of which `log` is the logarithm
    bend : of the last step, how far its matrix 1 ± ½H is from 1 where most grows; at 1 a step is
        no longer told from its neighbours
    """

    taken: np.ndarray
    log: float = 0.0
    bend: float = 0.0

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Growth:
        """Before the first step."""
        # Of one size everywhere: what has grown is told by its largest value.
        return cls(np.random.default_rng(0).choice([-1.0, 1.0], shape))

    @property
    def anywhere(self) -> float:
        """By how much a change that is as large everywhere has grown when it is back."""
        size = float(np.linalg.norm(self.taken)) / math.sqrt(self.taken.size)
        return max(size * math.exp(self.log), 1.0)

    @property
    def most(self) -> float:
        """By how much a change has grown that is where changes grow most."""
        return max(_REACH * float(np.abs(self.taken).max()) * math.exp(self.log), 1.0)

    @property
    def of_errors(self) -> float:
        """By how much errors grow, as steps must reckon with: neither those anywhere nor those at
        the worst place are to be more than was asked for."""
        return max(self.anywhere, self.most / _PEAK)

    def after(
        self,
        extractor: Features,
        end: Point,
        change: np.ndarray,
        multipliers: np.ndarray,
        factor: Adapted,
        rounds: int = 1,
    ) -> Growth:
        """With one more step.

        Parameters
        ----------
        extractor, end : linearized at x₁
        change : x₁ − x₀, (H, W, 3)
        multipliers : λ, (C,)
        factor : of K, near by
        rounds : of preconditioned conjugate gradients, two passes each, for what the features see
            of a direction; one is enough with a factor that was made here
        """

        def seen(direction: np.ndarray) -> np.ndarray:
            """J of a direction, as a difference: by the program that the steps have compiled."""
            size = _CHANGE / np.abs(direction).max()
            return extractor.secant(end, size * direction).change / size

        def unseen(direction: np.ndarray) -> np.ndarray:
            """P of a direction, as far as rounds and factor can tell.

            What is seen is taken off along lines whose lengths are found anew: a factor made
            elsewhere would take off too much, and all would grow wherever K has.
            """
            towards, before = np.zeros_like(multipliers), 1.0
            for _ in range(rounds):
                if not direction.any():
                    break
                left = seen(direction)
                solved = factor.solve(left)
                size = float(left @ solved)
                towards = solved + size / before * towards
                along = extractor.vjp(end, towards).astype(float)
                length = np.vdot(along, along)
                if not (size > 0 and length > 0):
                    break
                direction = direction - np.vdot(along, direction) / length * along
                before = size
            return direction

        def pressed(direction: np.ndarray) -> np.ndarray:
            """½PH of a direction: of the step from x₁ back, from a little farther along it."""
            size = _CHANGE / np.abs(direction).max()
            # From x₁ back to x₀: all signs are turned.
            secant = extractor.secant(end, size * direction - change)
            return unseen((extractor.vjp(secant, multipliers) - change) / size)

        # The rest of what goes with H: what else the features see of the change neither grows nor
        # counts, for it is no more than they are of all.
        once = pressed(self.taken)
        if not once.any():
            return self
        twice = pressed(once)
        bend = _largest_ratio(twice, once)
        # (1 + a) / (1 − a) = 1 + 2a + 2a² + …, the rest as if all of it were as at the largest.
        rest = 1 / (1 - min(bend, _LARGEST_BEND))
        taken = self.taken - 2 * once + 2 * rest * twice
        unit = float(np.abs(taken).max())
        return Growth(taken / unit, min(self.log + math.log(unit), _MOST), bend)
