"""A run folder for one run: a new one, or that of a run to go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decouple import files
from decouple.errors import DecoupleError
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.journal import Journal
from decouple.pipeline.provenance import check_same_run
from decouple.pipeline.state import Kept, check_fits_run, has_ended, kept_in, lengthen_history
from decouple.record.checkpoint import NAME, read_about, remove_checkpoint
from decouple.record.folder import RunFolder
from decouple.record.history import NOTHING, Extent
from decouple.record.lock import locked


@dataclass(frozen=True)
class Claim:
    """A folder that is this process's, and what an earlier one left in it.

    Attributes
    ----------
    folder : of the run
    journal : of what had ended
    known_rows : of history.csv, to go on after
    kept : what a style transfer goes on from
    changed : what metrics.json is to say of a setting that is another than it was
    """

    folder: RunFolder
    journal: Journal
    known_rows: Extent = NOTHING
    kept: Kept | None = None
    changed: dict[str, Any] = field(default_factory=dict)


@contextmanager
def claimed(inputs: Inputs, say: Callable[[str], None]) -> Iterator[Claim]:
    """Hold the folder that a run writes to, for this process alone.

    A new one is removed if the run is refused before anything was written to it.

    Raises
    ------
    RunFolderError : it is taken or cannot be made; there is nothing to go on with.
    ConfigError : the run to go on with was made with other inputs.
    """
    config = inputs.config
    if config.resume is not None:
        with locked(config.resume):
            yield _reopened(inputs, config.resume, say)
        return
    folder = RunFolder.create(config.experiment, config.run_dir)
    try:
        with locked(folder.path):
            yield Claim(folder, Journal(config.checkpoint.every_seconds))
    except DecoupleError:
        folder.remove_if_empty()
        raise


def _reopened(inputs: Inputs, run_dir: str, say: Callable[[str], None]) -> Claim:
    """The folder of the run to go on with; what does not fit is refused, and nothing written."""
    if has_ended(run_dir) and not (Path(run_dir) / NAME).exists():
        remove_checkpoint(run_dir)  # what is left of it was about to be removed
    about = read_about(run_dir)
    changed = check_same_run(inputs, about, run_dir, say)
    journal = Journal.read(run_dir, inputs.config.checkpoint.every_seconds)
    # A method's rows are the journal's to know.
    known_rows = NOTHING if inputs.experiment.of_methods else journal.rows
    kept = kept_in(run_dir) if inputs.objective else None
    if kept is not None:
        check_fits_run(inputs, kept, run_dir)
        kept = lengthen_history(inputs, kept, run_dir)
        known_rows = kept.history
    if not (inputs.objective or inputs.experiment.of_many):
        say(f"Going on after {journal.known} layers' motions")
    files.remove_left_aside(run_dir)
    return Claim(RunFolder.open(run_dir), journal, known_rows, kept, changed)
