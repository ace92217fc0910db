"""How many passes through the network a run will take, and how long they take at its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from decouple.flows import Flow, Gradient, Lift, Optimizer, Projected, StopRule
from decouple.flows.optimizers import Lbfgs
from decouple.flows.preconditioner import factor_cost
from decouple.flows.symmetric import Symmetric
from decouple.gatys import Objective
from decouple.gatys.scales import scales
from decouple.pipeline.inputs import Inputs
from decouple.record.progress import duration
from decouple.registry import function_at

# Passes of the lift in symmetric steps with tolerance=1e-4, at the first layer and at each further
# one, when a way is walked for the first time and when it is walked back, and the factors of K that
# are made the first time and kept for the way back; a factor takes a row for each feature. At the
# first layer they depend on the picture, and hardly on its size: 389 and 296 passes with 3 factors
# were measured for the astronaut at 48 px, 445 and 320 with 4 at 96 px; for brick at 64 px 474 and
# 312 with 4, for coffee and rocket at 48 px 511 and 405 with 4, 666 and 464 with 6. At the second
# layer of these they were 127 to 184 and 102 to 149, with one factor.
_FIRST_ANEW, _FIRST_BACK, _FIRST_FACTORS = 480, 350, 4
_FURTHER_ANEW, _FURTHER_BACK, _FURTHER_FACTORS = 165, 130, 1
# With ImageNet's filters errors grow more behind the first layer, and about half of the passes are
# in float64: at the second layer of three pictures 820 to 2400 passes out with all factors and 350
# to 590 back, at the third 1840 to 2300 and 420 to 810.
_TRAINED_ANEW, _TRAINED_BACK, _TRAINED_FACTORS = 450, 420, 4
_TRAINED_WORK = 1.7
# A loss with its gradient.
_EVALUATION = 2
# Evaluations of an iteration of L-BFGS, line searches included.
_LINE_SEARCH = 1.25
# Passes of an iteration of projected descent: its gradient, off the held ones, and the way back to
# where the held features were.
_PROJECTED = 30


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes
    ----------
    passes : of one image through the network
    seconds : that these take; what is done beside them is not counted
    bound : whether it is the most that stop.* allows, and not what is to be expected
    """

    passes: int
    seconds: float
    bound: bool

    def __str__(self) -> str:
        """Give it in a few words.

        >>> print(Forecast(1600, 19.2, False))
        about 1600 passes of 12 ms, 0:00:19
        """
        # Two digits, which is more than is known.
        digits = max(len(str(self.passes)) - 2, 0)
        each = 1000 * self.seconds / max(self.passes, 1)
        return (
            f"{'at most about' if self.bound else 'about'} {round(self.passes, -digits)} passes of "
            f"{float(f'{each:.2g}'):g} ms, {duration(self.seconds)}"
        )


# {stage: how often it moves the layer at a depth}, from the depth, which counts from 1.
Walks = Callable[[int], Mapping[str, int]]
BOTH = {"noisify_source": 1, "noisify_target": 1}
"""Stages that take the features off source and target."""
ROUND_TRIP = {"noisify_source": 1, "impose": 1}
"""Stages of a self-transfer."""


def forecast(inputs: Inputs) -> Forecast | None:
    """Passes and time of a run; None where they cannot be told before.

    That is so of steppers but `symmetric`, of flows that are not built in, and where the experiment
    does not say what it walks.
    """
    place = inputs.experiment.forecast
    found: Forecast | None = None if place is None else function_at(place)(inputs)
    return found


def of_walks(
    inputs: Inputs, walks: Walks, flow: Flow | None = None, methods: int | None = None
) -> Forecast | None:
    """Passes and time of stages; None where they cannot be told before.

    The lift's passes are what it took elsewhere (`_FIRST_ANEW` and what follows it): they depend on
    the picture, by a factor of up to two either way on those that were tried. Of descents,
    stop.max_iterations are counted, before which they may end. In a comparison every further
    method is given the passes of the first. A pass is timed on the source, at every depth.

    Parameters
    ----------
    walks : how often which stage moves a layer
    flow : how; that of the inputs by default
    methods : of a comparison, how many there are
    """
    flow = inputs.flow if flow is None else flow
    if not isinstance(flow, Lift | Gradient | Projected):
        return None  # one of the user's
    if isinstance(flow, Lift) and not isinstance(flow.stepper, Symmetric):
        return None
    times = 1 if methods is None else methods
    passes = seconds = 0.0
    for depth in range(1, len(inputs.extractor.layers) + 1):
        count, weight = _passes(inputs, flow, depth, walks(depth))
        passes += times * count
        seconds += times * weight * _seconds_of_pass(inputs, depth)
    bound = methods is not None or not isinstance(flow, Lift)
    return Forecast(round(passes), seconds, bound)


def _passes(
    inputs: Inputs, flow: Flow, depth: int, walks: Mapping[str, int]
) -> tuple[float, float]:
    """All passes at a depth, and how many single ones take as long: rows go side by side."""
    if isinstance(flow, Lift):
        anew, back, factors, work = _of_lift(
            depth, inputs.network is not None and inputs.network.trained
        )
        # A picture's own features go back in the steps in which they were taken off.
        known = "impose" if "noisify_target" not in walks else "noisify_result"
        new = sum(n for stage, n in walks.items() if stage != known)
        single = new * anew + walks.get(known, 0) * back
        part = inputs.extractor.first(depth)
        pixels = inputs.source[..., 0].size
        rows = part.size * part.share_estimated(pixels)
        made = new * factors
        return single + made * rows, work * single + made * factor_cost(part, pixels)
    assert isinstance(flow, Gradient | Projected)
    projected = isinstance(flow, Projected) and depth > 1
    passes = sum(
        n * _of_descent(flow.stop.of(stage), flow.optimizer, _PROJECTED if projected else 0)
        for stage, n in walks.items()
    )
    return passes, passes


def _of_lift(depth: int, trained: bool) -> tuple[int, int, int, float]:
    """Passes there and back, factors, and what a pass takes, of those in float32."""
    if depth == 1:
        return _FIRST_ANEW, _FIRST_BACK, _FIRST_FACTORS, 1.0
    if trained:
        return _TRAINED_ANEW, _TRAINED_BACK, _TRAINED_FACTORS, _TRAINED_WORK
    return _FURTHER_ANEW, _FURTHER_BACK, _FURTHER_FACTORS, 1.0


def _of_descent(rule: StopRule, how: Optimizer, beside: float = 0) -> float:
    """The most passes of a descent; `beside` a loss with its gradient, so many an iteration."""
    evaluations = 1.0
    if isinstance(how, Lbfgs):
        evaluations = how.evaluations or _LINE_SEARCH
    passes = rule.max_iterations * (evaluations * _EVALUATION + beside)
    return passes if rule.max_passes is None else min(passes, rule.max_passes)


def of_objective(
    inputs: Inputs, objective: Objective, how: Optimizer, rule: StopRule, count: int
) -> Forecast:
    """Passes and time of descending an objective, at so many scales."""
    passes = _of_descent(rule, how)
    image = tf.constant(inputs.target[None], inputs.chain.dtype)
    evaluation = _timed(lambda: objective.loss_and_gradient(image)[1].numpy())
    # A pass takes as long as the image has pixels.
    weight = sum(scale**2 for scale in scales(count))
    return Forecast(round(count * passes), weight * passes * evaluation / _EVALUATION, True)


def _seconds_of_pass(inputs: Inputs, depth: int) -> float:
    """Of one image forward or backward through the network, down to a layer; three are timed."""
    extractor, image = inputs.extractor.first(depth), inputs.source.astype(np.float64)
    cotangent = np.ones(extractor.size)

    def passes() -> None:
        point = extractor.linearize(image)
        extractor.secant(point, extractor.vjp(point, cotangent))

    return _timed(passes) / 3


def _timed(action: Callable[[], object]) -> float:
    """Seconds, once everything is compiled."""
    action()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
