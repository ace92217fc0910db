"""Style transfer after Gatys: an image optimized for one picture's content, another's style."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from decouple.features.distances import KINDS, layer_statistics, mean_statistics
from decouple.flows import KerasOptimizer, Optimizer, StopReason, StopRule
from decouple.gatys import Objective, Optimized, State, optimize
from decouple.gatys.scales import STYLE
from decouple.parsing import optimizer_of, stop_rules
from decouple.pipeline.forecast import Forecast, of_objective
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.objective import objective_of, plain_objective, start_image
from decouple.pipeline.running import Run
from decouple.pipeline.scales import warm_start
from decouple.pipeline.state import Kept, keep
from decouple.record.progress import losses_line
from decouple.report.contact_sheet import plot_contact_sheet
from decouple.report.curves import plot_objectives
from decouple.stages import StageError


def gatys(run: Run) -> None:
    """One optimization, from `gatys.start` or from where the run that is resumed had come."""
    stylize(run, run.config.gatys.style.statistic, *_descent(run.inputs))
    lost = run.recorder.results["gatys"].get("not_finite")
    if lost is not None:
        raise StageError(
            f"optimize stopped at iteration {lost['iteration']}, where {', '.join(lost['terms'])} "
            f"became infinite or undefined. {StopReason.NOT_FINITE.value} Try another optimizer or "
            "a smaller learning rate.",
            None,
        )


def forecast(inputs: Inputs) -> Forecast:
    """Passes and time, at most."""
    objective = plain_objective(inputs, inputs.config.gatys.style.statistic)
    how, rule, count = _descent(inputs)
    return of_objective(inputs, objective, how, rule, STYLE.scales(count))


def _descent(inputs: Inputs) -> tuple[Optimizer, StopRule, int]:
    """How far to go at a time, when to end, and at how many scales."""
    config = inputs.config
    return (
        optimizer_of(config.optimizer),
        stop_rules(config.stop, inputs.weights).common,
        STYLE.number(config.gatys.scales, min(inputs.target.shape[:2])),
    )


def stylize(
    run: Run, statistic: str, how: Optimizer, rule: StopRule, scales: int = 1
) -> np.ndarray:
    """Optimize, record, and measure; returns the image (H, W, 3).

    Parameters
    ----------
    run : which moves no features
    statistic : what describes the style
    how, rule : how far to go at a time, and when to end, at each scale
    scales : how many sizes to go through, coarse to fine
    """
    settings = run.config.gatys
    kept = run.kept
    start = start_image(run.inputs)
    if kept is None:
        warm = warm_start(run, statistic, how, rule, scales)
        objective, weighting = objective_of(run.inputs, statistic, start)
        start = start if warm is None else warm
    else:
        # Not balanced anew: the very same numbers.
        tree = plain_objective(run.inputs, statistic).tree.with_weights(kept.weights)
        objective, weighting = Objective(run.inputs.chain, tree), kept.weighting
        run.recorder.go_on_after(kept.scales, kept.clipped, kept.seconds)
        run.say(f"Going on after {kept.state.iterations} iterations")
    run.say(*repr(objective).splitlines(), f"weights: {weighting}")
    # Of a picture its name alone: which it was, and its digest, stand among the run's pictures.
    name = Path(settings.start).name
    run.record(**_motion(statistic, name, how, rule, run.target.shape))
    recorder = _Iterations(run, objective, weighting, rule, kept)
    # `recorder` acts on a Ctrl-C, once the iteration has its state.
    state = None if kept is None else kept.state
    done = optimize(objective, start, how, rule, run.told, recorder.after, state)
    recorder.close(done)
    run.recorder.add_stages(done.trace)
    image = run.inputs.finished(done.image)
    run.save("result", image)
    run.record(
        gatys={
            "objective": repr(objective),
            "weighting": weighting,
            "weights": objective.weights,
            "iterations": recorder.iterations,
            "resumed_after": recorder.resumed_after,
            "scales": scales,
            **({} if recorder.not_finite is None else {"not_finite": recorder.not_finite}),
            **_distances(run.inputs, run.inputs.looked_at(image)),
        }
    )
    run.draw(plot_objectives, plot_contact_sheet)
    return image


# The record.


class _Iterations:
    """Pictures and checkpoints as an optimization goes on."""

    def __init__(
        self,
        run: Run,
        objective: Objective,
        weighting: str,
        rule: StopRule,
        kept: Kept | None,
    ) -> None:
        self._run, self._objective, self._weighting, self._rule = run, objective, weighting, rule
        # {number of iterations: loss} of the pictures that were saved.
        self.iterations: dict[str, float] = dict(kept.iterations) if kept else {}
        self.resumed_after: list[int] = list(kept.resumed_after) if kept else []
        self._forget_former_end()
        # Where it first happened, and to which terms.
        self.not_finite: dict[str, Any] | None = None
        self._written = time.monotonic()

    def _forget_former_end(self) -> None:
        """Drop the picture of an iteration that was the last then, and is one of many now."""
        for count in [count for count in self.iterations if not self._saves(int(count))]:
            del self.iterations[count]
            self._run.recorder.forget(f"iteration_{count}")

    def _saves(self, count: int) -> bool:
        """Whether the picture after so many iterations is to be saved."""
        every = self._run.config.gatys.save_every
        return every is not None and (count % every == 0 or count == self._rule.max_iterations)

    def after(
        self,
        count: int,
        image: np.ndarray,
        losses: Mapping[str, float],
        snapshot: Callable[[], State],
    ) -> None:
        """See `gatys.OnIteration`."""
        run, settings = self._run, self._run.config
        if not all(np.isfinite(value) for value in losses.values()):
            terms = [name for name, v in losses.items() if name != "total" and not np.isfinite(v)]
            self.not_finite = {"iteration": count, "terms": terms or ["total"]}
            return
        if self._saves(count) and np.isfinite(image).all():
            run.save(f"iteration_{count}", run.inputs.finished(image))
            self.iterations[str(count)] = losses["total"]
            run.say(f"iteration {count}: {losses_line(losses)}")
        waited = time.monotonic() - self._written
        if run.interrupts.pending or waited >= settings.checkpoint.every_seconds:
            self._write(snapshot())
        run.interrupts.check()

    def close(self, done: Optimized) -> None:
        """Keep a last state if there is more to do."""
        if done.trace.stop_reason is StopReason.COMPLETED:
            self._write(done.state)
            self._run.recorder.keep_checkpoint()

    def _write(self, state: State) -> None:
        if not self._run.checkpoints:
            return
        recorder = self._run.recorder
        kept = Kept(
            state=state,
            history=recorder.flush(),
            weighting=self._weighting,
            weights={name: p.weight for name, p in self._objective.tree.parts.items()},
            iterations=self.iterations,
            resumed_after=(*self.resumed_after, state.iterations),
            clipped=recorder.clipped,
            scales=recorder.stages,
        )
        keep(recorder.folder.path, self._run.inputs, kept)
        self._written = time.monotonic()


def _distances(inputs: Inputs, image: np.ndarray) -> dict[str, dict[str, float]]:
    """How far image and target are from the source, relative to its size, at the style's layers.

    Of regions each from what it takes.
    """
    layers = inputs.extractor.layers
    if inputs.regions:
        return _distances_in_regions(inputs, image)
    source = mean_statistics(
        [
            (weight, layer_statistics(inputs.chain, inputs.seen[role], layers))
            for role, weight in inputs.sources.items()
        ]
    )
    seen = {
        name: layer_statistics(inputs.chain, x, layers)
        for name, x in (("", image), ("_target", inputs.target))
    }
    return {
        f"{kind}_distance{name}_to_source": statistics.distance_to(source, kind)
        for kind in KINDS
        for name, statistics in seen.items()
    }


def _distances_in_regions(inputs: Inputs, image: np.ndarray) -> dict[str, dict[str, float]]:
    """As `_distances`, with a number for each layer and region."""
    chain, layers = inputs.chain, inputs.extractor.layers
    found: dict[str, dict[str, float]] = {}
    for number, region in enumerate(inputs.regions, start=1):
        source = layer_statistics(chain, inputs.seen[region.role], layers, region.mask)
        for name, x in (("", image), ("_target", inputs.target)):
            own = layer_statistics(chain, x, layers, region.within)
            for kind in KINDS:
                held = found.setdefault(f"{kind}_distance{name}_to_source", {})
                for layer, distance in own.distance_to(source, kind).items():
                    held[f"{layer}, region {number}"] = distance
    return found


def _motion(
    statistic: str, start: str, how: Optimizer, rule: StopRule, shape: tuple[int, ...]
) -> dict[str, Any]:
    """`flow`, `stepper` and `stop` of metrics.json."""
    stepping = asdict(how)  # type: ignore[call-overload]
    if isinstance(how, KerasOptimizer):
        stepping["learning_rate"] = how.rate(shape)
    return {
        "flow": {"name": statistic, "family": "gatys", "start": start},
        "stepper": stepping,
        "stop": asdict(rule),
    }
