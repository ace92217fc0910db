"""Arrays that take long to compute and are the same in every run, kept on the disk between runs.

They lie in the folder `$DECOUPLE_CACHE`, by default `decouple` in the user's cache folder
(`$XDG_CACHE_HOME`, else `~/.cache`); `DECOUPLE_CACHE=off` keeps nothing. What cannot be read or
written is computed: the cache only ever saves time, and may be removed at any moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from decouple.devices import described
from decouple.errors import RunFolderError
from decouple.files import written_aside
from decouple.numerics import numerics
from decouple.versions import TENSORFLOW, version

# The oldest go when there is more, in bytes.
LARGEST = 2**30


def cached(
    kind: str, key: Mapping[str, object], make: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Arrays by name: those of an earlier run with the same key, or those that `make` returns.

    Parameters
    ----------
    kind : what they are, in a word; part of the file's name
    key : all that they depend on, as JSON. What the last bits depend on is added: the device, the
        versions of numpy and TensorFlow, and `decouple.numerics`.
    make : computes them
    """
    place = folder()
    if place is None:
        return dict(make())
    told = json.dumps({"key": dict(key), "on": _setting()}, sort_keys=True)
    path = place / f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:32]}.npz"
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        os.utime(path)  # the latest used are kept longest
        return found
    made = dict(make())
    with suppress(OSError, RunFolderError):
        place.mkdir(parents=True, exist_ok=True)
        with written_aside(path) as aside, aside.open("wb") as file:
            np.savez(file, **made)  # type: ignore[arg-type]
        _remove_oldest(place)
    return made


def folder() -> Path | None:
    """Where arrays are kept; None where they are not."""
    told = os.environ.get("DECOUPLE_CACHE", "")
    if told.lower() == "off":
        return None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        if told:
            return Path(told).expanduser()
        return (Path(base) if base else Path.home() / ".cache") / "decouple"
    except RuntimeError:  # there is no home
        return None


def _remove_oldest(place: Path) -> None:
    by_age = sorted(place.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in by_age:
        total += path.stat().st_size
        if total > LARGEST:
            path.unlink()


def _setting() -> dict[str, object]:
    """What the same computation's last bits depend on."""
    versions = {"numpy": version("numpy"), "tensorflow": version(*TENSORFLOW)}
    return {**versions, "device": described(), **numerics()}
