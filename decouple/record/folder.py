"""The folder that one run writes, its own and nobody else's."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files, images
from decouple.errors import RunFolderError
from decouple.record.plain import plain

_ATTEMPTS = 100
_IMAGES = "images"


def new_folder(parent: Path) -> Path:
    """Make `parent/<YYYYmmdd-HHMMSS>-<6 hex>/`, which nobody else has; raises RunFolderError."""
    for _ in range(_ATTEMPTS):
        path = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        try:
            with files.disk_errors("make", path):
                parent.mkdir(parents=True, exist_ok=True)
                path.mkdir()  # exclusive: of two that draw the same name, one draws again
        except RunFolderError as error:
            if isinstance(error.__cause__, FileExistsError) and parent.is_dir():
                continue
            raise
        return path
    raise RunFolderError(f"cannot make a folder in '{parent}': every name is taken")


def claim_folder(path: Path, setting: str, first: str) -> None:
    """Take a folder that the user named; it is made unless it is there and empty.

    Parameters
    ----------
    path : the folder
    setting : which named it
    first : folder that is made in it, and shows others that it is taken

    Raises
    ------
    RunFolderError : it holds something already, or cannot be made.
    """
    taken = f"{setting} '{path}' is not empty; name a new folder or remove what is in it"
    if files.there(path) and not path.is_dir():
        raise RunFolderError(f"{setting} '{path}' is a file; name a folder")
    new = [folder for folder in (path, *path.parents) if not files.there(folder)]
    try:
        with files.disk_errors(f"use {setting}", path):
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunFolderError(taken)
            try:
                # Exclusive: of two that both saw the folder empty, one gets past here.
                (path / first).mkdir()
            except FileExistsError:
                raise RunFolderError(taken) from None
    except RunFolderError:
        for folder in new:  # as far as they were made, and nobody has put anything there
            with suppress(OSError, ValueError):
                folder.rmdir()
        raise


class RunFolder:
    """A folder with `images/` in it; every file written through it appears whole.

    Make one with `create` (new) or `open` (of a run to be resumed). Every failure of the disk
    is a RunFolderError of one line that names the file and the reason.
    """

    def __init__(self, path: Path) -> None:
        """Take `path` as it is; `create` and `open` are the ways in."""
        self.path = path

    def __repr__(self) -> str:
        """Show where it lies."""
        return f"RunFolder('{self.path}')"

    @classmethod
    def create(
        cls,
        experiment: str,
        run_dir: str | Path | None = None,
        root: Path = Path("runs"),
    ) -> RunFolder:
        """Make a new folder.

        Parameters
        ----------
        experiment : names the folder above it: `root/<experiment>/<YYYYmmdd-HHMMSS>-<6 hex>/`
        run_dir : this very folder instead; it is created unless it is there and empty
        root : where run folders are kept

        Raises
        ------
        RunFolderError
            if `run_dir` holds something already, or the folder cannot be made.
        """
        if run_dir is not None:
            claim_folder(Path(run_dir), "run_dir", _IMAGES)
            return cls(Path(run_dir))
        path = new_folder(Path(root) / experiment)
        with files.disk_errors("make", path):
            (path / _IMAGES).mkdir()
        return cls(path)

    @classmethod
    def open(cls, run_dir: str | Path) -> RunFolder:
        """Open the folder of an earlier run, to go on with it; raises RunFolderError."""
        path = Path(run_dir)
        if not path.is_dir():
            raise RunFolderError(f"run folder '{path}' does not exist")
        with files.disk_errors("use run folder", path):
            (path / _IMAGES).mkdir(exist_ok=True)
        return cls(path)

    def remove_if_empty(self) -> None:
        """Take the folder away again if nothing was written: the run never began."""
        if [entry.name for entry in self.path.rglob("*")] == [_IMAGES]:
            with files.disk_errors("remove", self.path):
                (self.path / _IMAGES).rmdir()
                self.path.rmdir()

    def write_text(self, name: str, text: str) -> None:
        """Write UTF-8 text to `name` in this folder."""
        files.write_text(self.path / name, text)

    def write_json(self, name: str, obj: Any) -> None:
        """Write `obj` as strict JSON: NaN and infinities become null, keys keep their order."""
        self.write_text(name, json.dumps(plain(obj), indent=2, allow_nan=False) + "\n")

    def save_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write `result.npz`, arrays in full precision by their names."""
        path = self.path / "result.npz"
        with files.written_aside(path) as aside, aside.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def save_image(
        self,
        name: str,
        pixels: np.ndarray,
        text: dict[str, str] | None = None,
        profile: bytes | None = None,
    ) -> float:
        """Save a picture as `images/<name>`, rounded to 8 bits.

        Parameters
        ----------
        name : file name, with or without `.png`
        pixels : (H, W, 3), values from 0 to 1; what is outside is clipped
        text : PNG text entries
        profile : an ICC profile of sRGB, to go with it

        Returns
        -------
        The share of values that were clipped, 0 to 1.
        """
        path = self.path / _IMAGES / (name if name.endswith(".png") else f"{name}.png")
        return images.save(pixels, path, text, profile)
