"""The experiments as compositions of stages, and what each leaves in its run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from omegaconf import DictConfig

from decouple.config import EXPERIMENTS
from decouple.errors import DecoupleError, FailedRun, RunFolderError
from decouple.memory import gib
from decouple.overrides import command, word
from decouple.pipeline.classify import classify
from decouple.pipeline.compare import compare
from decouple.pipeline.compare_flows import compare_flows
from decouple.pipeline.gatys import gatys, resumed
from decouple.pipeline.job import Job
from decouple.pipeline.journal import Journal
from decouple.pipeline.mix import mix
from decouple.pipeline.plan import estimated_peak_bytes, said, shortage
from decouple.pipeline.provenance import check_same_run
from decouple.pipeline.self_transfer import self_transfer
from decouple.pipeline.transfer import chosen, transfer
from decouple.record.checkpoint import NAME, read_checkpoint, remove_checkpoint
from decouple.record.folder import RunFolder
from decouple.record.interrupts import Interrupted
from decouple.record.lock import locked
from decouple.stages import StageError

_COMPOSITIONS = {
    "self_transfer": self_transfer,
    "transfer": transfer,
    "mix": mix,
    "compare_flows": compare_flows,
    "compare": compare,
    "gatys": gatys,
}

# Those whose methods have a folder, and thereby a history, each.
OF_METHODS = ("compare_flows", "compare")


def run(config: DictConfig) -> Path | None:
    """Carry out `config.experiment`; returns the run folder, or None where it was only planned.

    Raises
    ------
    DecoupleError : anything the user can mend. Where a stage ended early, what it reached is in
        the run folder all the same.
    Interrupted : by a Ctrl-C; its message says how to go on.
    """
    if EXPERIMENTS[config.experiment] == "classify":
        return classify(config)
    kind = EXPERIMENTS[config.experiment]
    composition = _COMPOSITIONS[kind]
    job = Job.of(config)
    if kind == "transfer":
        chosen(job)
    if config.plan:
        job.progress.say(said(job))
        return None
    lacking = shortage(job)
    if lacking is not None:
        job.progress.say(lacking)
    job.resumable = True
    with _claimed(job) as folder:
        failed = _recorded(job, composition, folder)
    if failed is not None:
        raise FailedRun(str(failed), folder.path)
    return folder.path


def _recorded(job: Job, composition: Callable[[Job], None], folder: RunFolder) -> StageError | None:
    """Carry a job out in its folder; returns how a stage ended early, if one did."""
    failed: StageError | None = None
    try:
        with job.recorded_in(folder):
            try:
                composition(job)
            except StageError as error:
                failed = error
        job.close()
        if not job.unfinished:
            remove_checkpoint(folder.path)
    except RunFolderError as error:
        if (folder.path / NAME).exists():
            raise RunFolderError(
                f"{error}; once that is mended, {resume_hint(folder.path)}"
            ) from error
        raise
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise FailedRun(
            f"out of memory, of which this run takes about {gib(estimated_peak_bytes(job))}: give "
            "a smaller image.size or fewer layers.",
            folder.path,
        ) from error
    except KeyboardInterrupt as error:
        raise Interrupted(resume_hint(folder.path)) from error
    return failed


@contextmanager
def _claimed(job: Job) -> Iterator[RunFolder]:
    """The folder of the run, for this process alone; removed if nothing was written to it."""
    resumed_dir = job.config.resume
    if resumed_dir is not None:
        with locked(resumed_dir):
            yield _reopened(job, resumed_dir)
        return
    if not job.losses:
        job.journal = Journal(job.config.checkpoint.every_seconds, [])
    folder = RunFolder.create(job.config.experiment, job.config.run_dir)
    try:
        with locked(folder.path):
            yield folder
    except DecoupleError:
        folder.remove_if_empty()
        raise


def _reopened(job: Job, run_dir: str) -> RunFolder:
    """The folder of the run to go on with; what does not fit is refused, and nothing written."""
    if job.losses:
        _, about = resumed(job)
        job.history_length = about.get("history", 0)
        return RunFolder.open(run_dir)
    _, about = read_checkpoint(run_dir)
    check_same_run(job, about, run_dir)
    job.journal = journal = Journal.read(run_dir, job.config.checkpoint.every_seconds)
    if EXPERIMENTS[job.config.experiment] not in OF_METHODS:
        job.history_length = journal.length
    job.began -= journal.seconds
    job.progress.say(f"Going on after {journal.known} layers' motions")
    return RunFolder.open(run_dir)


def resume_hint(folder: Path) -> str:
    """The command that goes on with a run."""
    return f"go on with: {command(f'resume={word(str(folder))}')}"
