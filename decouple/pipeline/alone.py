"""Runs that keep a record of their own, and are repeated where they were cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.pipeline.lifecycle import resume_hint
from decouple.pipeline.provenance import write_settings
from decouple.pipeline.state import has_ended
from decouple.record.folder import RunFolder
from decouple.record.interrupts import Interrupted
from decouple.record.lock import locked


def check_unfinished(config: DictConfig) -> None:
    """Refuse to go on with a run that has ended; ConfigError."""
    if config.resume is not None and has_ended(config.resume):
        raise ConfigError(f"there is nothing to go on with in '{config.resume}': the run has ended")


@contextmanager
def folder_of(config: DictConfig) -> Iterator[RunFolder]:
    """A run's folder, with its settings in it, for this process alone; that of `resume=`, if given.

    Raises
    ------
    RunFolderError : it cannot be written, or another process writes it.
    Interrupted : by a Ctrl-C; its message says how to go on.
    """
    if config.resume is None:
        folder = RunFolder.create(config.experiment, config.run_dir)
    else:
        folder = RunFolder.open(config.resume)
    try:
        with locked(folder.path):
            write_settings(folder, config)
            yield folder
    except KeyboardInterrupt as error:
        raise Interrupted(resume_hint(folder.path)) from error
