"""A run from its configuration to its page: inputs, a folder, the experiment, the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from omegaconf import DictConfig

from decouple.config import EXPERIMENTS
from decouple.errors import FailedRun, RunFolderError
from decouple.memory import gib
from decouple.overrides import command, word
from decouple.pipeline.claims import Claim, claimed
from decouple.pipeline.classify import classify
from decouple.pipeline.compare import compare
from decouple.pipeline.compare_flows import compare_flows
from decouple.pipeline.gatys import check_unfinished, gatys
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.mix import mix
from decouple.pipeline.plan import estimated_peak_bytes, said, shortage
from decouple.pipeline.running import Run, begun
from decouple.pipeline.self_transfer import self_transfer
from decouple.pipeline.transfer import chosen, transfer
from decouple.record.checkpoint import NAME, remove_checkpoint
from decouple.record.interrupts import Interrupted
from decouple.record.progress import Progress
from decouple.stages import StageError

_COMPOSITIONS: dict[str, Callable[[Run], None]] = {
    "self_transfer": self_transfer,
    "transfer": transfer,
    "mix": mix,
    "compare_flows": compare_flows,
    "compare": compare,
    "gatys": gatys,
}


def run(config: DictConfig) -> Path | None:
    """Carry out `config.experiment`; returns the run folder, or None where it was only planned.

    Raises
    ------
    DecoupleError : anything the user can mend. Where a stage ended early, what it reached is in
        the run folder all the same.
    Interrupted : by a Ctrl-C; its message says how to go on.
    """
    kind = EXPERIMENTS[config.experiment]
    if kind == "classify":
        return classify(config)
    began, progress = time.perf_counter(), Progress()
    inputs = Inputs.of(config, progress.say)
    if kind == "transfer":
        chosen(inputs)
    if kind == "gatys":
        check_unfinished(inputs)
    if config.plan:
        progress.say(said(inputs))
        return None
    lacking = shortage(inputs)
    if lacking is not None:
        progress.say(lacking)
    with claimed(inputs, progress.say) as claim:
        folder = claim.folder.path
        failed = _recorded(inputs, _COMPOSITIONS[kind], claim, progress, began)
    if failed is not None:
        raise FailedRun(str(failed), folder)
    return folder


def _recorded(
    inputs: Inputs,
    experiment: Callable[[Run], None],
    claim: Claim,
    progress: Progress,
    began: float,
) -> StageError | None:
    """Carry an experiment out in its folder; returns how a stage ended early, if one did."""
    folder, failed = claim.folder.path, None
    try:
        with begun(inputs, claim, progress, began - claim.journal.seconds) as run:
            try:
                experiment(run)
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
    return f"go on with: {command(f'resume={word(str(folder))}')}"
