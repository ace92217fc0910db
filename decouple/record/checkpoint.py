"""checkpoint.npz: the state from which a run that was cut short goes on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files
from decouple.errors import RunFolderError
from decouple.record.plain import plain

NAME = "checkpoint.npz"
SCHEMA = 1
_ABOUT = "about"


def write_checkpoint(
    folder: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Write `checkpoint.npz`, which appears whole and replaces the one before.

    Parameters
    ----------
    folder : the run folder
    arrays : {name: array} of numbers; no name is `about`
    about : what is no array, and what must be the same when the run goes on; plain values

    Raises
    ------
    RunFolderError : the file cannot be written.
    """
    text = json.dumps({"schema": SCHEMA, **plain(about)}, allow_nan=False)
    with files.written_aside(Path(folder) / NAME) as aside, aside.open("wb") as file:
        np.savez(file, **{**arrays, _ABOUT: np.array(text)})  # type: ignore[arg-type]


def read_checkpoint(folder: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the rest of a folder's checkpoint; floats come back bit for bit.

    Raises
    ------
    RunFolderError : there is none, it cannot be read, or it is of another version.
    """
    path = Path(folder) / NAME
    if not path.exists():
        raise RunFolderError(
            f"there is no '{path}' to go on from: the run ended by itself, or had not begun "
            "at its full size"
        )
    try:
        # Opened here: np.load leaves a damaged file open.
        with (
            files.disk_errors("read", path),
            path.open("rb") as file,
            np.load(file, allow_pickle=False) as held,
        ):
            arrays = {name: held[name] for name in held.files}
        about = json.loads(str(arrays.pop(_ABOUT)))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunFolderError(f"'{path}' is damaged, or is no checkpoint: {error}") from error
    if about.get("schema") != SCHEMA:
        raise RunFolderError(f"'{path}' was written by another version of decouple")
    return arrays, about


def remove_checkpoint(folder: str | Path) -> None:
    """Take it away, once there is nothing to go on with; raises RunFolderError."""
    path = Path(folder) / NAME
    with files.disk_errors("remove", path):
        path.unlink(missing_ok=True)
