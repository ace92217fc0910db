"""What stands beside the frames of an interpolation: images of the same shares, made otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from decouple.errors import ConfigError
from decouple.experiments.interpolate import GRAM, NOISE
from decouple.flows import StopRules
from decouple.flows.cost import passes_of_descent
from decouple.flows.matching import Matching
from decouple.flows.trace import Observer, StepReport
from decouple.gatys import Objective, Weighted, optimize, texture
from decouple.gatys.targets import weighted_mean
from decouple.images.noise import noise_start
from decouple.networks import Chain
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.pipeline.texture_makers import Made, as_near, descent
from decouple.record.observers import fan_out
from decouple.stages.interpolate import Line

Make = Callable[[float, int, Observer], Made]
"""From a share of the way, a seed and who is told of steps to an image."""


def check_beside(inputs: Inputs) -> None:
    """Refuse Gram matrices of what has none; ConfigError."""
    if GRAM in inputs.config.interpolate.beside and not isinstance(inputs.network, Chain):
        raise ConfigError(
            f"interpolate.beside: {GRAM} needs vgg16 or vgg19, the layers of whose network have "
            "Gram matrices"
        )


def most_passes_beside(inputs: Inputs, frames: int) -> int:
    """Passes that all images of `interpolate.beside` may take; Newton steps take fewer."""
    how, rule = descent(inputs)
    return round(len(inputs.config.interpolate.beside) * frames * passes_of_descent(rule, how))


def made_beside(run: Run, frames: int) -> dict[str, list[Made]]:
    """{kind: its images}, each of noise of its own, for every kind of `interpolate.beside`."""
    found = {}
    for kind in run.config.interpolate.beside:
        make = _MAKERS[kind](run)
        found[kind] = [
            run.once(f"{kind}_{number}", partial(_made, run, make, kind, number, frames))
            for number in range(frames)
        ]
    return found


def _made(run: Run, make: Make, kind: str, number: int, frames: int) -> Made:
    def show(report: StepReport) -> None:
        run.show(f"{kind} {number + 1} of {frames}: {report.passes} passes")

    observer = fan_out(show, run.interrupts.check)
    return make(number / (frames - 1), run.config.seed + number, observer)


def _begin(inputs: Inputs, share: float, seed: int) -> np.ndarray:
    """Noise with the colours of both pictures, by the share."""
    noise = [noise_start("colours", inputs.size, seed, x) for x in (inputs.source, inputs.target)]
    return (1 - share) * noise[0] + share * noise[1]


def _of_noise(run: Run) -> Make:
    """Noise whose features are moved to those of the line, all layers at once."""
    how, rule = descent(run.inputs)
    flow = Matching(how, StopRules(rule), enough=rule.loss)
    line = Line.between(run.source, run.target, run.extractor)

    def make(share: float, seed: int, observer: Observer) -> Made:
        done = as_near(
            _begin(run.inputs, share, seed),
            run.extractor,
            run.extractor.split(line.at(share)),
            run.reference,
            flow,
            run.config.tolerance,
            NOISE,
            observer,
        )
        return Made(done.image, [_cost(done.trace)])

    return make


def _of_gram(run: Run) -> Make:
    """Noise that descends its distance from the weighted mean of both pictures' Gram matrices."""
    inputs, (how, rule) = run.inputs, descent(run.inputs)
    ends = [texture(inputs.chain, x, run.extractor.layers) for x in (inputs.source, inputs.target)]

    def make(share: float, seed: int, observer: Observer) -> Made:
        wanted = weighted_mean([(1 - share, ends[0]), (share, ends[1])])
        objective = Objective(inputs.chain, {"style": Weighted(1.0, wanted)})
        begin = how.feasible(_begin(inputs, share, seed))
        done = optimize(objective, begin, how, rule, observer, stage=GRAM)
        return Made(done.image, [_cost(done.trace)])

    return make


def _cost(trace: Any) -> dict[str, Any]:
    return {"passes": trace.passes, "seconds": trace.seconds}


_MAKERS: Mapping[str, Callable[[Run], Make]] = {NOISE: _of_noise, GRAM: _of_gram}
