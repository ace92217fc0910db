"""What a finished run has left, read and checked before anything relies on it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from decouple import files
from decouple.archive import read_npz
from decouple.errors import DamagedFile, RunFolderError
from decouple.record.history import read_history, todays_columns
from decouple.record.metrics import finished_metrics
from decouple.record.seal import altered


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What is compared of a run that has ended.

    Attributes
    ----------
    folder : it lies in
    metrics : of metrics.json
    history : the header and the rows of history.csv, without times; empty where nothing was moved
    arrays : {name: array} of result.npz
    pictures : {name in `images/`: digest of its pixels}
    methods : {name: what it has left} of a comparison
    """

    folder: Path
    metrics: Mapping[str, Any]
    history: list[tuple[Any, ...]]
    arrays: Mapping[str, np.ndarray]
    pictures: Mapping[str, str]
    methods: Mapping[str, FinishedRun]

    def altered(self) -> list[str]:
        """Names of the files that are not as the run wrote them, as far as it kept digests.

        Raises
        ------
        RunFolderError : a file cannot be read.
        """
        names = {
            f"methods/{name}/{file}"
            for name, method in self.methods.items()
            for file in method.altered()
        }
        return sorted(names.union(altered(self.folder, self.metrics)))


def read_finished(folder: str | Path) -> FinishedRun:
    """Read what a run has left.

    Raises
    ------
    RunFolderError : it has not ended, or a file of it is damaged or cannot be read.
    """
    folder = Path(folder)
    metrics = finished_metrics(folder)
    path = folder / "result.npz"
    pictures, methods = (folder / "images").glob("*.png"), folder.glob("methods/*/metrics.json")
    return FinishedRun(
        folder,
        metrics,
        _history(folder / "history.csv") if metrics["stages"] else [],
        read_npz(path) if path.exists() else {},
        {path.name: _digest(saved_pixels(path)) for path in sorted(pictures)},
        {path.parent.name: read_finished(path.parent) for path in sorted(methods)},
    )


def _history(path: Path) -> list[tuple[Any, ...]]:
    """The header, and every row without its time."""
    if not path.exists():
        raise RunFolderError(f"'{path.parent}' has no {path.name}: it is no finished run")
    with files.disk_errors("read", path), files.opened_plain(path) as file:
        content = file.read()
    try:
        header = todays_columns(content.decode("utf-8").partition("\n")[0].split(","))
    except UnicodeDecodeError as error:
        raise DamagedFile(f"'{path}' is damaged: {error}") from error
    rows = read_history(path)
    # Rows that were cut short are left out there.
    if len(rows) != content.count(b"\n") - 1 or not content.endswith(b"\n"):
        raise DamagedFile(f"'{path}' is damaged: not all of its rows can be read")
    return [
        tuple(header),
        *((r.stage, r.layer, r.step, r.fraction, r.passes, r.feature_mse, r.losses) for r in rows),
    ]


def saved_pixels(path: Path) -> np.ndarray:
    """A picture that a run has saved, (H, W, 3), 8 bits.

    Raises
    ------
    DamagedFile : it is no such picture, or does not end.
    RunFolderError : it is not there, or cannot be read.
    """
    with files.disk_errors("read", path), files.opened_plain(path) as file:
        try:
            with warnings.catch_warnings(), Image.open(file, formats=["PNG"]) as picture:
                warnings.simplefilter("ignore")  # a large one
                pixels = np.asarray(picture)
        except Exception as error:  # Pillow raises many kinds on damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DamagedFile(f"'{path}' is damaged: {reason}") from error
    return pixels


def _digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
