"""All features at once: descent of their distance in the unit of the image's own motion."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError

from decouple.errors import ImageError
from decouple.features.extractor import BATCH_BYTES
from decouple.features.likeness import relative_mse
from decouple.flows.descent import Seen, ended, gone_down, watched
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.optimizers import Lbfgs, Optimizer
from decouple.flows.preconditioner import Factor, factor_cost
from decouple.flows.stop import StopReason
from decouple.flows.stopping import Scale, StopRule, StopRules

if TYPE_CHECKING:
    from decouple.features.features import Features

# Of the trace of a layer's part of K. Iterations from noise to a photograph's means, to a relative
# MSE of 3e-10, with 1e-3, 3e-3, 1e-2 and 3e-2: ImageNet's filters, three layers, 96 px, 210, 197,
# 174 and 202; to bricks' and coins' at 128 px, to 1e-6: 147 and 166, 150 and 140, 168 and 152, 214
# and 217. With one share of the whole trace for all layers, relative to the squares of their sizes,
# they took 391, 142 and 126. But of five layers at 256 px the deep ones with many channels make up
# that trace nearly alone, and the first two were damped by a hundred times their own part: 700
# iterations came to 4e-8, where 300 come to 3e-9 now.
_DAMPING = 3e-3
# The longest side of a piece of an example at which K is formed, in pixels. Bricks at 256 px, five
# layers of ImageNet's filters: after 60 iterations the means were as far off with 64 as after 54
# with 128, and K takes a quarter of the time, which is that of 75 iterations less.
_PIECE = 64
# Of a piece of the image itself, along a side, as many positions of the deepest layer. With four of
# them, five layers, K formed there anew saved nothing.
_POSITIONS = 16
# Iterations in the first metric, at least; and what a new one saves of those that are left (from
# 1e-4 to 1e-6 of the squares, three layers at 128 px: bricks 58 for 110, coins 55 for 85,
# ImageNet's filters; 18 for 30 and 13 for 25, calibrated ones).
_FIRST, _SAVED = 20, 0.4
# Passes of an iteration: image to features and back.
_PASSES = 2


def share_of_middle(
    extractor: Features, image: np.ndarray, values: int, side: int = _PIECE
) -> float:
    """How large the `middle` of an image is, in units of images of so many values.

    0 where K there, a pass for each feature, is not for less than at such an image itself or does
    not tell of it, or where the middle is too small for the features.
    """
    piece = middle(image, side)
    try:
        extractor.check_size(*piece.shape[:2])
    except ImageError:
        return 0.0
    return piece.size / values if extractor.spatial_means and 3 * piece.size <= values else 0.0


def middle(image: np.ndarray, side: int = _PIECE) -> np.ndarray:
    """Of an image (H, W, 3) no more than so many pixels a side."""
    top, left = (max(pixels - side, 0) // 2 for pixels in image.shape[:2])
    return image[top : top + side, left : left + side]


def damped(matrix: np.ndarray, sizes: Sequence[int], pixels: int) -> Factor:
    """The factor of K + D, where D is of each layer a share of the trace of its part of K.

    So a feature that noise can hardly move, and whose part of K is next to nothing, counts as if it
    could be moved like others of its layer (Levenberg 1944, Marquardt 1963).

    Parameters
    ----------
    matrix : K, (C, C)
    sizes : of each layer, its number of features; C in all
    pixels : N, how many values an image has

    Raises
    ------
    numpy.linalg.LinAlgError : K is not finite.
    """
    traces = [float(own.sum()) for own in np.split(np.diag(matrix), np.cumsum(sizes)[:-1])]
    # A layer that noise does not move at all has no scale of its own.
    share = [_DAMPING * (trace or max(traces) or 1.0) for trace in traces]
    return Factor(matrix + np.diag(np.repeat(share, sizes)), pixels)


@dataclass(frozen=True)
class Matching:
    """Descend rᵀ (K + D)⁻¹ r / N, where r = end − f(x), by L-BFGS.

    That is the squared distance of the image from one with the features `end`, as K knows it; there
    its gradient −Jᵀ (K + D)⁻¹ r is the smallest motion that the features ask for, as long as they
    change in proportion. It leads to no path back. For users who only want features matched.

    At first K is that of the factor which the motion has near by. Where much is left to do when the
    descent has taken as many passes as K takes at the image itself, it is formed there, once: with
    two and three layers that saves up to half of what is left. Further ones did not pay.

    Attributes
    ----------
    optimizer : how far to go at a time; it begins anew with each K
    stop : when to end before the motion's tolerance is met; of `loss` nothing is asked
    enough : relative squared distance of the features, mean over the layers of
        ‖f − end‖² / ‖end‖², below which it ends, too; in units of `stop.scale`
    """

    optimizer: Optimizer = field(default_factory=lambda: Lbfgs(memory=20))
    stop: StopRules = field(
        default_factory=lambda: StopRules(StopRule(max_iterations=500, stagnation=5e-3))
    )
    enough: float = 0.0
    name: str = "matching"

    @property
    def stepper_name(self) -> str:
        """The optimizer's name."""
        return self.optimizer.name

    def arrived(self, reason: StopReason) -> bool:
        """Only at its target."""
        return reason is StopReason.REACHED

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion, which must have a factor near by; see `Flow.move`."""
        assert motion.nearby is not None
        try:
            distance = _Distance(motion, motion.nearby())
        except LinAlgError:  # K is not finite
            return Moved(image, StopReason.UNREACHABLE, 0)
        rule = self.stop.of(motion.stage)
        limit = self.enough * Scale.named(rule.scale).unit(distance.relative(motion.start))

        def enough(x: np.ndarray) -> bool:
            return distance.relative(distance.seen.at(x)) < limit

        watch = watched(motion, StopRules(rule), tell, distance.seen, enough)
        image = self.optimizer.feasible(image)
        first = _When(image, motion.extractor, rule.max_iterations, limit)
        for when in (first, None):
            least = max(distance.least**2, sys.float_info.min)
            watch.rule = replace(rule, loss=least, scale="absolute")

            def over(
                value: float, x: np.ndarray, when: _When | None = when, least: float = least
            ) -> bool:
                if watch.step(value, x) or when is None:
                    return watch.reason is not None
                relative = distance.relative(distance.seen.at(x))
                return when.pays(watch.iterations, value / least, relative)

            image = gone_down(image, distance, self.optimizer, watch, over)
            if when is None or watch.reason not in (None, StopReason.STAGNATED):
                break
            if not when.due(watch.iterations):
                break
            distance.renew(image)
        return ended(watch)


class _Distance:
    """The squared distance of images from those with the features that a motion ends at.

    Attributes
    ----------
    seen : the features at the image whose distance was asked for last
    """

    def __init__(self, motion: Motion, factor: Factor) -> None:
        self._end, self._extractor, self._factor = motion.end, motion.extractor, factor
        self._tolerance = motion.tolerance
        self.seen = Seen(motion.extractor)

    def __call__(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Of an image (H, W, 3), with its gradient."""
        value = np.nan

        def downhill(features: np.ndarray) -> np.ndarray:
            nonlocal value
            residual = self._end - features
            solved = self._factor.solve(residual)
            value = float(residual @ solved) / self._factor.pixels
            return -2 * solved / self._factor.pixels

        features, gradient = self._extractor.gradient(image, downhill)
        self.seen.keep(image, features)
        return value, gradient

    @property
    def least(self) -> float:
        """The distance that is asked for, or that rounding leaves."""
        rounding = self._factor.rounding(self._end, self._extractor.epsilon)
        return max(self._tolerance, rounding)

    def relative(self, features: np.ndarray) -> float:
        """Of features (C,) from the end: mean over the layers of ‖f − end‖² / ‖end‖²."""
        layers = relative_mse(self._extractor, features, self._end).values()
        return sum(layers) / len(layers)

    def renew(self, image: np.ndarray) -> None:
        """Form K at an image (H, W, 3): at its middle, where that is for less."""
        passes = self._extractor.passes
        before = passes.count
        share, side = _own_share(image, self._extractor), _own_side(self._extractor)
        piece = middle(image, side) if share < 1 else image
        # Gradients of means are spread over all pixels.
        matrix = share * self._extractor.estimated_normal_matrix(self._extractor.linearize(piece))
        if share < 1:  # counted as those over the whole image
            passes.count = before + math.ceil(share * (passes.count - before))
        # K that is not finite tells of nothing: the former does.
        with suppress(LinAlgError):
            self._factor = damped(matrix, self._extractor.sizes, image.size)


class _When:
    """When K is to be formed at the image itself.

    After as many iterations as take as many passes, and when what is left, at the pace of the last
    ones, is so much that a share of it makes up for them.

    Parameters
    ----------
    image : (H, W, 3), such as those that move
    most : iterations that there are
    enough : see `Matching`
    """

    def __init__(self, image: np.ndarray, extractor: Features, most: int, enough: float) -> None:
        self._cost, self._most = _iterations_of_metric(image, extractor), most
        self._enough = enough
        self._logs: list[float] = []

    def pays(self, iterations: int, beyond: float, relative: float) -> bool:
        """Whether to form it now.

        Parameters
        ----------
        iterations : so far
        beyond : the loss, in units of that at which the descent ends
        relative : squared distance of the features, as `enough`
        """
        if self._enough > 0:
            beyond = min(beyond, relative / self._enough)
        self._logs.append(math.log(max(beyond, 1.0)))
        return self.due(iterations) and self._saved(iterations) > self._cost

    def due(self, iterations: int) -> bool:
        """Whether so many took as many passes."""
        return iterations >= max(_FIRST, self._cost)

    def _saved(self, iterations: int) -> float:
        half = len(self._logs) // 2
        fallen = (self._logs[-1 - half] - self._logs[-1]) / half
        left = float(self._most - iterations)
        if fallen > 0:
            left = min(left, self._logs[-1] / fallen)
        return _SAVED * left


def passes_of_metric(image: np.ndarray, extractor: Features) -> int:
    """Passes over an image (H, W, 3) that `Matching` takes to form K there, if it does."""
    share = _own_share(image, extractor)
    return math.ceil(share * extractor.size) if _fits(image, extractor) else 0


def _iterations_of_metric(image: np.ndarray, extractor: Features) -> float:
    """As many as take as many passes as K at an image (H, W, 3); infinite where it is too large."""
    if not _fits(image, extractor):
        return math.inf
    share = _own_share(image, extractor)
    return share * factor_cost(extractor, int(share * image[..., 0].size)) / _PASSES


def _fits(image: np.ndarray, extractor: Features) -> bool:
    """Whether its Jacobian takes no more memory than a batch of passes."""
    values = _own_share(image, extractor) * image.size * extractor.size
    return bool(values * np.dtype(extractor.dtype).itemsize <= BATCH_BYTES)


def _own_side(extractor: Features) -> int:
    return max(_PIECE, _POSITIONS * extractor.stride)


def _own_share(image: np.ndarray, extractor: Features) -> float:
    """Of an image (H, W, 3) that moves, as much as K is formed at."""
    return share_of_middle(extractor, image, image.size, _own_side(extractor)) or 1.0
