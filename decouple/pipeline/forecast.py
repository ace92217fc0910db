"""How many passes through the network a run will take, and how long they take at its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from decouple.flow_kinds import FLOWS
from decouple.flows import Flow, Optimizer, StopRule
from decouple.flows.cost import EVALUATION, Task, passes_of_descent
from decouple.gatys import Objective
from decouple.pipeline.inputs import Inputs
from decouple.record.progress import duration
from decouple.registry import function_at


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


@dataclass(frozen=True)
class Untold:
    """Why there is no forecast.

    Attributes
    ----------
    reason : in a few words
    """

    reason: str

    def __str__(self) -> str:
        """Give it in a few words.

        >>> print(Untold("flow=legs does not say what it takes"))
        passes cannot be told before: flow=legs does not say what it takes
        """
        return f"passes cannot be told before: {self.reason}"


# {stage: how often it moves the layer at a depth}, from the depth, which counts from 1.
Walks = Callable[[int], Mapping[str, int]]
BOTH = {"noisify_source": 1, "noisify_target": 1}
"""Stages that take the features off source and target."""
ROUND_TRIP = {"noisify_source": 1, "impose": 1}
"""Stages of a self-transfer."""


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time of a run, or why they cannot be told before."""
    place = inputs.experiment.forecast
    if place is None:
        return Untold(f"{inputs.config.experiment} does not say what it takes")
    found: Forecast | Untold = function_at(place)(inputs)
    return found


def of_walks(
    inputs: Inputs, walks: Walks, flow: Flow | None = None, methods: int | None = None
) -> Forecast | Untold:
    """Passes and time of stages, by what the flow's kind says (`FlowKind.cost`).

    In a comparison every further method is given the passes of the first. A pass is timed on the
    source, at every depth.

    Parameters
    ----------
    walks : how often which stage moves a layer
    flow : how; that of the inputs by default
    methods : of a comparison, how many there are
    """
    flow = inputs.flow if flow is None else flow
    told = FLOWS.named(flow.name).cost if flow.name in FLOWS else None
    if told is None:
        return Untold(f"flow={flow.name} does not say what it takes")
    times, bound = (1, False) if methods is None else (methods, True)
    passes = seconds = 0.0
    trained = inputs.network is not None and inputs.network.trained
    for depth in range(1, len(inputs.extractor.layers) + 1):
        part = inputs.extractor.first(depth)
        cost = told(flow, Task(part, walks(depth), inputs.source[..., 0].size, trained))
        if cost is None:
            return Untold(f"flow={flow.name} does not know with stepper {flow.stepper_name}")
        passes += times * cost.passes
        seconds += times * cost.weight * _seconds_of_pass(inputs, depth)
        bound = bound or cost.bound
    return Forecast(round(passes), seconds, bound)


def of_objective(
    inputs: Inputs,
    objective: Objective,
    how: Optimizer,
    rule: StopRule,
    scales: Sequence[float],
    image: np.ndarray | None = None,
) -> Forecast:
    """Passes and time of descending an objective, at these scales; by default the target."""
    passes = passes_of_descent(rule, how)
    timed = tf.constant((inputs.target if image is None else image)[None], inputs.chain.dtype)
    evaluation = _timed(lambda: objective.loss_and_gradient(timed)[1].numpy())
    # A pass takes as long as the image has pixels.
    weight = sum(scale**2 for scale in scales)
    return Forecast(round(len(scales) * passes), weight * passes * evaluation / EVALUATION, True)


def of_passes(inputs: Inputs, passes: int, bound: bool) -> Forecast:
    """So many passes through all layers, with the time that they take."""
    seconds = passes * _seconds_of_pass(inputs, len(inputs.extractor.layers))
    return Forecast(passes, seconds, bound)


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
