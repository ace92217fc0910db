"""Style transfer after Gatys: an image optimized for one picture's content, another's style."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from decouple.checks import stop_rules
from decouple.errors import ConfigError
from decouple.features.distances import KINDS, layer_statistics
from decouple.flows import KerasOptimizer, Optimizer, StopReason, StopRule, optimizer
from decouple.gatys import Objective, Optimized, State, optimize
from decouple.gatys.scales import number_of_scales
from decouple.pipeline.asked import options_of
from decouple.pipeline.job import Job
from decouple.pipeline.objective import objective_of, plain_objective, start_image
from decouple.pipeline.provenance import check_same_run, provenance
from decouple.pipeline.scales import warm_start
from decouple.record.checkpoint import read_checkpoint, write_checkpoint
from decouple.record.metrics import stage_row
from decouple.record.progress import losses_line
from decouple.report.contact_sheet import plot_contact_sheet
from decouple.report.curves import plot_objectives
from decouple.stages import StageError


def gatys(job: Job) -> None:
    """One optimization, from `gatys.start` or from where the run that is resumed had come."""
    how = optimizer(**options_of(job.config.optimizer))
    rule = stop_rules(job.config.stop, job.chain.weights.origin).common
    settings = job.config.gatys
    count = number_of_scales(settings.scales, min(job.target.shape[:2]))
    stylize(job, settings.style.statistic, how, rule, count)
    lost = job.results["gatys"].get("not_finite")
    if lost is not None:
        raise StageError(
            f"optimize stopped at iteration {lost['iteration']}, where {', '.join(lost['terms'])} "
            f"became infinite or undefined. {StopReason.NOT_FINITE.value} Try another optimizer or "
            "a smaller learning rate.",
            None,
        )


def stylize(
    job: Job, statistic: str, how: Optimizer, rule: StopRule, scales: int = 1
) -> np.ndarray:
    """Optimize, record, and measure; returns the image (H, W, 3).

    Parameters
    ----------
    job : within `recorded_in`, with `losses`
    statistic : what describes the style
    how, rule : how far to go at a time, and when to end, at each scale
    scales : how many sizes to go through, coarse to fine
    """
    settings = job.config.gatys
    state, about = resumed(job)
    start = start_image(job)
    if state is None:
        warm = warm_start(job, statistic, how, rule, scales)
        objective, weighting = objective_of(job, statistic, start)
        start = start if warm is None else warm
    else:
        # Not balanced anew: the very same numbers.
        tree = plain_objective(job, statistic).tree.with_weights(about["weights"])
        objective, weighting = Objective(job.chain, tree), about["weighting"]
        coarser = about.get("scales", [])
        job.stages += coarser
        job.began -= state.seconds + sum(row["seconds"] for row in coarser)
        job.clipped.update(about["clipped"])
        job.progress.say(f"Going on after {state.iterations} iterations")
    job.progress.say(f"{objective!r}\nweights: {weighting}")
    # Of a picture its name alone: which it was, and its digest, stand among the run's pictures.
    job.motion = _motion(statistic, Path(settings.start).name, how, rule, job.target.shape)
    recorder = _Recorder(job, objective, weighting, rule, about)
    # `recorder` acts on a Ctrl-C, once the iteration has its state.
    done = optimize(objective, start, how, rule, job.told, recorder.after, state)
    recorder.close(done)
    job.stages.append(stage_row(done.trace))
    job.save("result", done.image)
    job.results["gatys"] = {
        "objective": repr(objective),
        "weighting": weighting,
        "weights": objective.weights,
        "iterations": recorder.iterations,
        "resumed_after": recorder.resumed_after,
        "scales": scales,
        **({} if recorder.not_finite is None else {"not_finite": recorder.not_finite}),
        **_distances(job, done.image),
    }
    job.figures += [plot_objectives, plot_contact_sheet]
    return done.image


# The record.


class _Recorder:
    """Pictures and checkpoints as an optimization goes on."""

    def __init__(
        self,
        job: Job,
        objective: Objective,
        weighting: str,
        rule: StopRule,
        about: Mapping[str, Any],
    ) -> None:
        self._job, self._objective, self._weighting, self._rule = job, objective, weighting, rule
        # {number of iterations: loss} of the pictures that were saved.
        self.iterations: dict[str, float] = dict(about.get("iterations", {}))
        self.resumed_after: list[int] = list(about.get("resumed_after", []))
        # Where it first happened, and to which terms.
        self.not_finite: dict[str, Any] | None = None
        self._written = time.monotonic()

    def after(
        self,
        count: int,
        image: np.ndarray,
        losses: Mapping[str, float],
        snapshot: Callable[[], State],
    ) -> None:
        """See `gatys.OnIteration`."""
        settings = self._job.config
        if not all(np.isfinite(value) for value in losses.values()):
            terms = [name for name, v in losses.items() if name != "total" and not np.isfinite(v)]
            self.not_finite = {"iteration": count, "terms": terms or ["total"]}
            return
        every = settings.gatys.save_every
        due = every is not None and (count % every == 0 or count == self._rule.max_iterations)
        if due and np.isfinite(image).all():
            self._job.save(f"iteration_{count}", image)
            self.iterations[str(count)] = losses["total"]
            self._job.progress.say(f"iteration {count}: {losses_line(losses)}")
        interrupts = self._job.interrupts
        stops = interrupts is not None and interrupts.pending
        if stops or time.monotonic() - self._written >= settings.checkpoint.every_seconds:
            self._write(snapshot())
        if interrupts is not None:
            interrupts.check()

    def close(self, done: Optimized) -> None:
        """Keep a last state if there is more to do."""
        if done.trace.stop_reason is StopReason.COMPLETED:
            self._write(done.state)
            self._job.unfinished = True

    def _write(self, state: State) -> None:
        if not self._job.resumable:
            return
        arrays = {
            "image": state.image,
            "start": state.start,
            **{f"watch_{name}": value for name, value in state.watch.items()},
            **{f"optimizer_{k:03d}": value for k, value in enumerate(state.optimizer)},
        }
        about = {
            **provenance(self._job),
            "history": self._job.flush(),
            "weighting": self._weighting,
            "weights": {name: p.weight for name, p in self._objective.tree.parts.items()},
            "losses": state.losses,
            "passes": state.passes,
            "seconds": state.seconds,
            "iterations": self.iterations,
            "resumed_after": [*self.resumed_after, state.iterations],
            "clipped": self._job.clipped,
            "scales": self._job.stages,
        }
        write_checkpoint(self._job.folder.path, arrays, about)
        self._written = time.monotonic()


def resumed(job: Job) -> tuple[State | None, dict[str, Any]]:
    """The state to go on from, if this run is to, and what else its checkpoint holds.

    Raises
    ------
    ConfigError : the run was made with other inputs, or has nothing left to do.
    RunFolderError : there is no checkpoint that can be read.
    """
    # A comparison that goes on has no checkpoint of a single method's iterations.
    if job.config.resume is None or not job.resumable:
        return None, {}
    arrays, about = read_checkpoint(job.config.resume)
    check_same_run(job, about, job.config.resume)
    if not arrays:  # it was cut before the first state at full size: from its beginning
        return None, {}
    watch = {k.removeprefix("watch_"): v for k, v in arrays.items() if k.startswith("watch_")}
    state = State(
        image=arrays["image"],
        start=arrays["start"],
        losses=about["losses"],
        optimizer=[arrays[k] for k in sorted(arrays) if k.startswith("optimizer_")],
        watch=watch,
        passes=about["passes"],
        seconds=about["seconds"],
    )
    ended = (Path(job.config.resume) / "metrics.json").exists()
    if ended and state.iterations >= job.config.stop.max_iterations:
        raise ConfigError(
            f"the run in '{job.config.resume}' has all its {state.iterations} iterations behind "
            f"it: give stop.max_iterations above {state.iterations}"
        )
    return state, about


def _distances(job: Job, image: np.ndarray) -> dict[str, dict[str, float]]:
    """How far image and target are from the source, relative to its size, at the style's layers."""
    layers = job.extractor.layers
    source = layer_statistics(job.chain, job.source, layers)
    seen = {
        name: layer_statistics(job.chain, x, layers)
        for name, x in (("", image), ("_target", job.target))
    }
    return {
        f"{kind}_distance{name}_to_source": statistics.distance_to(source, kind)
        for kind in KINDS
        for name, statistics in seen.items()
    }


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
