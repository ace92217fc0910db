"""checkpoint.npz: the state from which a run that was cut short goes on.

A state may grow instead of being replaced: then `checkpoint.npz` holds how it began, and
`checkpoint.1.npz`, `checkpoint.2.npz`, ... what was added. Each of them appears whole or not at
all, and is on the disk before anything relies on it. Each knows its number, its run and, by a
digest, the part that it follows: none can be left out, exchanged, or taken from another run.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files
from decouple.archive import Archive, read_archive, write_archive
from decouple.errors import RunFolderError
from decouple.record.compounds import Fields
from decouple.record.forms import Count, Held, Misfit, Text

NAME = "checkpoint.npz"
SCHEMA = 3
_ADDED = re.compile(r"checkpoint\.([1-9][0-9]*)\.npz")
# `run` is the digest of what the run began with; that itself has a name drawn by chance, as two
# runs may begin alike.
_LINK = Fields({"schema": Count(), "part": Count(), "run": Text(), "follows": Text()})


def write_checkpoint(
    folder: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], part: int = 0
) -> None:
    """Write `checkpoint.npz`, which appears whole and replaces the one before.

    Parameters
    ----------
    folder : the run folder
    arrays : {name: array} of numbers
    about : what is no array, and what must be the same when the run goes on; plain values
    part : 0, or the number of what is added to the parts that are there

    Raises
    ------
    RunFolderError : the file cannot be written, or what it is to follow cannot be read.
    """
    run, follows = secrets.token_hex(16), ""
    if part:
        run, follows = (_read(folder, before, False).digest for before in (0, part - 1))
    link = {"schema": SCHEMA, "part": part, "run": run, "follows": follows}
    write_archive(_path(folder, part), arrays, {**link, "held": about})


def read_checkpoint(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the rest of a folder's checkpoint; floats come back bit for bit.

    Raises
    ------
    RunFolderError : there is none, it cannot be read, or it is of another version.
    """
    archive = _read(folder, 0)
    return archive.arrays, archive.about["held"]


def read_about(folder: str | Path) -> dict[str, Any]:
    """What `read_checkpoint` reads beside arrays, which are not read; raises as it does."""
    held: dict[str, Any] = _read(folder, 0, with_arrays=False).about["held"]
    return held


def read_parts(folder: str | Path) -> list[tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """What was added to a checkpoint, in the order in which it was.

    Raises
    ------
    RunFolderError : as `read_checkpoint`; or a part is missing, of another run, or in another's
        place.
    """
    first = before = _read(folder, 0, with_arrays=False)
    parts = []
    for part in range(1, max(_added(folder), default=0) + 1):
        path = _path(folder, part)
        if not path.exists():
            raise RunFolderError(
                f"'{path}' is missing, on which those after it build: put it back, or remove them"
            )
        archive = _read(folder, part)
        if archive.about["run"] != first.digest:
            raise RunFolderError(f"'{path}' is of another run")
        if archive.about["follows"] != before.digest:
            raise RunFolderError(f"'{path}' does not follow '{_path(folder, part - 1)}'")
        parts.append((archive.arrays, archive.about["held"]))
        before = archive
    return parts


def remove_checkpoint(folder: str | Path) -> None:
    """Take it away, once there is nothing to go on with; raises RunFolderError.

    `checkpoint.npz` goes first: what is left of the others, if this is cut short, is a run's that
    has ended, and goes when it is called again.
    """
    for part in (0, *_added(folder)):
        path = _path(folder, part)
        with files.disk_errors("remove", path):
            path.unlink(missing_ok=True)


def _read(folder: str | Path, part: int, with_arrays: bool = True) -> Archive:
    """A part, which says that it is that part."""
    path = _path(folder, part)
    if not part and not path.exists():
        ended = (Path(folder) / "metrics.json").exists()
        why = "the run has ended" if ended else "it is no run that can be gone on with"
        raise RunFolderError(f"there is no '{path}' to go on from: {why}")
    archive = read_archive(path, with_arrays)
    held = archive.about.pop("held", None)
    if archive.about.get("schema") != SCHEMA:
        raise RunFolderError(f"'{path}' was written by another version of decouple")
    try:
        link = _LINK.read(archive.about, "", Held({}))
    except Misfit as error:
        raise RunFolderError(f"'{path}' is damaged: {error}") from error
    if not isinstance(held, dict):
        raise RunFolderError(f"'{path}' is damaged: it holds nothing")
    if link["part"] != part:
        raise RunFolderError(f"'{path}' is part {link['part']} of a checkpoint")
    return Archive({**link, "held": held}, archive.arrays, archive.digest)


def _added(folder: str | Path) -> list[int]:
    """Numbers of the parts that are there."""
    with files.disk_errors("read", folder):
        found = [_ADDED.fullmatch(path.name) for path in Path(folder).iterdir()]
    return sorted(int(name[1]) for name in found if name)


def _path(folder: str | Path, part: int) -> Path:
    return Path(folder) / (f"checkpoint.{part}.npz" if part else NAME)
