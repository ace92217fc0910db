"""What a flow is asked to do, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from decouple.flows.paths import Blend, Curve, Geometric, Path, PathKind, Straight
from decouple.flows.preconditioner import Factor
from decouple.flows.stop import StopReason
from decouple.images import rms

if TYPE_CHECKING:
    from decouple.features.features import Features


# A motion that has all but this share of its way behind it has arrived: a few coarse steps of a
# fixed length are meant to pass, a method that runs off is not.
_FARTHEST = 0.2
_ROUNDING = 1e-5
# Blocks along a side of a thumbnail, and the largest difference (RMS) of the same image's.
_BLOCKS = 4
_SAME = 1e-3


def thumbnail(image: np.ndarray) -> np.ndarray:
    """The means of an image (H, W, 3) over 4 × 4 blocks, by which images are told apart."""
    rows, columns = (min(_BLOCKS, n) for n in image.shape[:2])
    height, width = image.shape[0] // rows, image.shape[1] // columns
    whole = image[: rows * height, : columns * width]
    return whole.reshape(rows, height, columns, width, -1).mean(axis=(1, 3))


@dataclass(frozen=True)
class Way:
    """How a path was walked, so that it can be walked again or back.

    Attributes
    ----------
    steps : lengths in s, summing to 1; a way that is walked again keeps them. None: not walked, but
        the factors serve
    factors : Cholesky factors of K = J Jᵀ with the s at which they were made; they only save
        time, whichever image they come from
    curve : nominal features along it; where there are steps, at the ends of each
    thumbnails : of the images at its start and end
    tolerances : the error (RMS over the image) to which each step was solved
    growth : how many times larger a small change of the image at its end is, once it has been
        carried back to its start; None where it was not measured
    growth_of_errors : the same of errors, as the layers behind must reckon with: more, if at the
        worst places much more grows
    error : RMS error to be expected of an image that was carried to the end and back; None where
        it was not measured
    least_error : the same, were each step as exact as float64 is; None where it was not measured
    multipliers : λ (C,) of each step, from which the solver of the same step starts; only the
        start: the step is where its equations hold
    drift : nominal features less those of the images at its start and end, (C,) each, as far as
        steps have made them differ; None where it was not measured
    """

    steps: tuple[float, ...]
    factors: tuple[tuple[float, Factor], ...] = ()
    curve: Curve | None = None
    thumbnails: tuple[np.ndarray, np.ndarray] | None = None
    tolerances: tuple[float, ...] = ()
    growth: float | None = None
    growth_of_errors: float | None = None
    error: float | None = None
    least_error: float | None = None
    multipliers: tuple[np.ndarray, ...] = field(default=(), repr=False)
    drift: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    def begins_at(self, image: np.ndarray) -> bool:
        """Whether it is this image's (H, W, 3), and not another's; true where that is unknown."""
        if self.thumbnails is None:
            return True
        begin, here = self.thumbnails[0], thumbnail(image)
        return begin.shape == here.shape and rms(here - begin) < _SAME

    def halved(self) -> Way:
        """In steps half as long: errors grow less, and some can be taken one way but not back."""
        return replace(
            self,
            steps=tuple(h / 2 for h in self.steps for _ in range(2)),
            tolerances=tuple(t for t in self.tolerances for _ in range(2)),
            multipliers=tuple(m / 2 for m in self.multipliers for _ in range(2)),
        )

    def solved(self, share: float) -> Way:
        """With each step to be solved to a share of its present tolerance."""
        return replace(self, tolerances=tuple(share * t for t in self.tolerances))

    def reversed(self) -> Way:
        """The way back."""
        return Way(
            steps=self.steps[::-1],
            factors=tuple((1.0 - s, factor) for s, factor in reversed(self.factors)),
            curve=None if self.curve is None else self.curve.reversed(),
            thumbnails=self.thumbnails and self.thumbnails[::-1],
            tolerances=self.tolerances[::-1],
            multipliers=tuple(-m for m in self.multipliers[::-1]),
            drift=self.drift and self.drift[::-1],
        )


@dataclass(frozen=True)
class Motion:
    """Move an image so that the features of its last layer go from `start` to `end`.

    Attributes
    ----------
    extractor : the active layer is its last, the held ones come before
    start, end : (C,), nominal features at both ends: held layers at their targets, the active
        one at its recorded value and at its target (or the other way round). Nominal, never
        measured again, so that both directions have the same way-points.
    tolerance : the error of the image, RMS over its values, that one step may make at most
    way : an earlier way to follow, reversed by the caller where needed; None to find one
    stage : the stage it belongs to, for stop rules that differ between stages
    nearby : gives a factor of K that costs nothing for this image, such as that at the noise; None
        where there is none
    noise : (H, W, 3), an image with the features `end`, with which to blend; None for no blend
    allowed : RMS error with which the image may come back from `end` by the way back; the steps are
        solved as exactly as the growth of errors asks for, which is measured. None where nothing
        has to come back
    near : distance (RMS over the image) from one with the features `end`, for a motion of which no
        step is to be taken back or once more: steps need only follow the path. None where each is
        solved to `tolerance`
    following : to what part of its length each of those steps is solved, and as much its chord may
        be off the curve; what is left of the features the next step makes up for. None where only
        the features at the end matter: steps are solved coarsely, and as long as may be
    seen : handed the image of each accepted step just before it is told; None if nobody looks
    """

    extractor: Features
    start: np.ndarray
    end: np.ndarray
    tolerance: float
    way: Way | None = None
    stage: str = ""
    nearby: Callable[[], Factor] | None = None
    noise: np.ndarray | None = None
    allowed: float | None = None
    near: float | None = None
    following: float | None = None
    seen: Callable[[np.ndarray], None] | None = field(default=None, compare=False, repr=False)

    def show(self, image: np.ndarray) -> None:
        """Let the image of a step (H, W, 3) be seen, by whoever looks."""
        if self.seen is not None:
            self.seen(image)

    def path(self, image: np.ndarray, kind: PathKind) -> tuple[Path, str]:
        """Nominal features from `start` to `end`, and what metrics.json calls their path.

        That of the way, if it knows one; else what is asked for. A blend from an image (H, W, 3) is
        geometric where layers are held, and straight where there is no noise to blend with.
        """
        if self.way is not None and self.way.curve is not None:
            return self.way.curve.between(self.start, self.end), "curve"
        if kind is PathKind.BLEND:
            if len(self.extractor.layers) > 1:
                kind = PathKind.GEOMETRIC
            elif self.noise is None:
                kind = PathKind.STRAIGHT
            else:
                blend = Blend(self.extractor, image, self.noise, self.start, self.end)
                return blend, kind.value
        between = Geometric if kind is PathKind.GEOMETRIC else Straight
        return between(self.start, self.end), kind.value

    def ended(self, features: np.ndarray) -> StopReason:
        """REACHED or OFF_TARGET, from the features (C,) at the end of all steps."""
        gap, wanted = (np.linalg.norm(v) for v in (self.end - features, self.end - self.start))
        near = gap <= _FARTHEST * wanted + _ROUNDING * np.sqrt(len(features))
        return StopReason.REACHED if near else StopReason.OFF_TARGET


@dataclass(frozen=True)
class Moved:
    """Where a motion ended: `image` (H, W, 3) float64, after `steps` steps.

    `threshold` is the loss at which a descent was to stop; None where none was descended.
    """

    image: np.ndarray
    stop_reason: StopReason
    steps: int
    way: Way | None = field(default=None, repr=False)
    threshold: float | None = None
    path: str = PathKind.STRAIGHT.value


# Told, after each accepted step, how far along s the image is and its features there.
Tell = Callable[[float, np.ndarray], None]


class Flow(Protocol):
    """Which way, and with which stepper, an image moves."""

    @property
    def name(self) -> str:
        """What metrics.json calls it."""

    @property
    def stepper_name(self) -> str:
        """What metrics.json says of how it steps."""

    def arrived(self, reason: StopReason) -> bool:
        """Whether the image of a motion that ended so may go on to the next layer."""

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion from `image` (H, W, 3) float64, which is left as it is."""
