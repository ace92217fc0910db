"""A run from its configuration to its page: inputs, a folder, the experiment, the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from omegaconf import DictConfig

from decouple.errors import FailedRun, RunFolderError
from decouple.experiments import experiment_named
from decouple.memory import gib
from decouple.overrides import command, word
from decouple.pipeline.claims import Claim, claimed
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.plan import estimated_peak_bytes, said, shortage
from decouple.pipeline.running import Run, begun
from decouple.record.checkpoint import NAME, remove_checkpoint
from decouple.record.interrupts import Interrupted
from decouple.record.progress import Progress
from decouple.registry import function_at
from decouple.report.live import LivePage
from decouple.stages import StageError


def run(config: DictConfig) -> Path | None:
    """Carry out `config.experiment`; returns the run folder, or None where it was only planned.

    Raises
    ------
    DecoupleError : anything the user can mend. Where a stage ended early, what it reached is in
        the run folder all the same.
    Interrupted : by a Ctrl-C; its message says how to go on.
    """
    experiment = experiment_named(config.experiment)
    carry_out = function_at(experiment.run)
    if experiment.stands_alone:
        return carry_out(config)
    began, progress = time.perf_counter(), Progress()
    inputs = Inputs.of(config, progress.say)
    if experiment.check_inputs is not None:
        function_at(experiment.check_inputs)(inputs)
    if config.plan:
        progress.say(said(inputs))
        return None
    lacking = shortage(inputs)
    if lacking is not None:
        progress.say(lacking)
    with claimed(inputs, progress.say) as claim:
        folder = claim.folder.path
        failed = _recorded(inputs, carry_out, claim, progress, began)
    if failed is not None:
        raise FailedRun(str(failed), folder)
    return folder


def _recorded(
    inputs: Inputs,
    carry_out: Callable[[Run], object],
    claim: Claim,
    progress: Progress,
    began: float,
) -> StageError | None:
    """Carry an experiment out in its folder; returns how a stage ended early, if one did."""
    folder, failed = claim.folder.path, None
    try:
        with LivePage(folder, _resuming(folder), progress.say) as live:
            with begun(inputs, claim, progress, live, began - claim.journal.seconds) as run:
                try:
                    carry_out(run)
                except StageError as error:
                    failed = error
            run.close()
        if not run.recorder.keeps_checkpoint:
            remove_checkpoint(folder)
    except RunFolderError as error:
        if (folder / NAME).exists():
            raise RunFolderError(f"{error}; once that is mended, {resume_hint(folder)}") from error
        raise
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise FailedRun(
            f"out of memory, of which this run takes about {gib(estimated_peak_bytes(inputs))}: "
            "give a smaller image.size or fewer layers.",
            folder,
        ) from error
    except KeyboardInterrupt as error:
        raise Interrupted(resume_hint(folder)) from error
    return failed


def resume_hint(folder: Path) -> str:
    """The command that goes on with a run."""
    return f"go on with: {_resuming(folder)}"


def _resuming(folder: Path) -> str:
    return command(f"resume={word(str(folder))}")
