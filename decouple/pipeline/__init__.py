"""The experiments as compositions of stages, and what each leaves in its run folder."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from decouple.config import EXPERIMENTS
from decouple.errors import DecoupleError
from decouple.pipeline.classify import classify
from decouple.pipeline.compare import compare
from decouple.pipeline.compare_flows import compare_flows
from decouple.pipeline.gatys import gatys, resumed
from decouple.pipeline.job import Job
from decouple.pipeline.mix import mix
from decouple.pipeline.self_transfer import self_transfer
from decouple.pipeline.transfer import transfer
from decouple.record.folder import RunFolder
from decouple.stages import StageError

_COMPOSITIONS = {
    "self_transfer": self_transfer,
    "transfer": transfer,
    "mix": mix,
    "compare_flows": compare_flows,
    "compare": compare,
    "gatys": gatys,
}


def run(config: DictConfig) -> Path:
    """Carry out `config.experiment`; returns the run folder.

    Raises
    ------
    DecoupleError : anything the user can mend. Where a stage ended early, what it reached is in
        the run folder all the same.
    """
    if EXPERIMENTS[config.experiment] == "classify":
        return classify(config)
    composition = _COMPOSITIONS[EXPERIMENTS[config.experiment]]
    job = Job.of(config)
    folder = _folder(job)
    failed: StageError | None = None
    try:
        with job.recorded_in(folder):
            try:
                composition(job)
            except StageError as error:
                failed = error
    except DecoupleError:
        folder.remove_if_empty()
        raise
    job.close()
    if failed is not None:
        raise DecoupleError(f"{failed} What was reached is in {folder.path}")
    return folder.path


def _folder(job: Job) -> RunFolder:
    """A new run folder, or that of the run to go on with."""
    if job.config.resume is None:
        return RunFolder.create(job.config.experiment, job.config.run_dir)
    resumed(job)  # what does not fit is refused before anything is written
    return RunFolder.open(job.config.resume)
