"""checkpoint.npz: the state from which a run that was cut short goes on.

A state may grow instead of being replaced: then `checkpoint.npz` holds how it began, and
`checkpoint.1.npz`, `checkpoint.2.npz`, ... what was added. Each of them appears whole or not at
all, and is on the disk before anything relies on it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files
from decouple.errors import RunFolderError
from decouple.record.plain import plain

NAME = "checkpoint.npz"
SCHEMA = 2
_ABOUT = "about"


def write_checkpoint(
    folder: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], part: int = 0
) -> None:
    """Write `checkpoint.npz`, which appears whole and replaces the one before.

    Parameters
    ----------
    folder : the run folder
    arrays : {name: array} of numbers; no name is `about`
    about : what is no array, and what must be the same when the run goes on; plain values
    part : 0, or the number of what is added to it

    Raises
    ------
    RunFolderError : the file cannot be written.
    """
    text = json.dumps({"schema": SCHEMA, **plain(about)}, allow_nan=False)
    path = _path(folder, part)
    with files.written_aside(path, durable=True) as aside, aside.open("wb") as file:
        np.savez(file, **{**arrays, _ABOUT: np.array(text)})  # type: ignore[arg-type]


def read_checkpoint(
    folder: str | Path, part: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the rest of a folder's checkpoint; floats come back bit for bit.

    Raises
    ------
    RunFolderError : there is none, it cannot be read, or it is of another version.
    """
    path = _path(folder, part)
    if not path.exists():
        ended = (Path(folder) / "metrics.json").exists()
        why = "the run has ended" if ended else "it is no run that can be gone on with"
        raise RunFolderError(f"there is no '{path}' to go on from: {why}")
    try:
        # Opened here: np.load leaves a damaged file open.
        with (
            files.disk_errors("read", path),
            path.open("rb") as file,
            np.load(file, allow_pickle=False) as held,
        ):
            arrays = {name: held[name] for name in held.files}
        about = json.loads(str(arrays.pop(_ABOUT)))
        schema = about.get("schema")
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile,
            zlib.error, NotImplementedError, RuntimeError, SyntaxError) as error:  # fmt: skip
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunFolderError(f"'{path}' is damaged, or is no checkpoint: {reason}") from error
    if schema != SCHEMA:
        raise RunFolderError(f"'{path}' was written by another version of decouple")
    return arrays, about


def read_parts(folder: str | Path) -> Iterator[tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """What was added to a checkpoint, in the order in which it was; as `read_checkpoint`."""
    for part in count(1):
        if not _path(folder, part).exists():
            return
        yield read_checkpoint(folder, part)


def remove_checkpoint(folder: str | Path) -> None:
    """Take it away, once there is nothing to go on with; raises RunFolderError."""
    for part in count():
        path = _path(folder, part)
        with files.disk_errors("remove", path):
            if part and not path.exists():
                return
            path.unlink(missing_ok=True)


def _path(folder: str | Path, part: int) -> Path:
    return Path(folder) / (f"checkpoint.{part}.npz" if part else NAME)
