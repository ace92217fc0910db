"""Arrays that take long to compute and are the same in every run, kept on the disk between runs.

They lie in the folder `$DECOUPLE_CACHE`, by default `decouple` in the user's cache folder (on Linux
`$XDG_CACHE_HOME`, else `~/.cache`); `DECOUPLE_CACHE=off` keeps nothing. What cannot be read or
written is computed: the cache only ever saves time, and may be removed at any moment. Each file
holds what its arrays depend on, and their digests; one that is not as it was written is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from decouple.archive import read_archive, write_archive
from decouple.devices import described
from decouple.errors import DamagedFile, RunFolderError
from decouple.numerics import numerics
from decouple.versions import TENSORFLOW, version

# The oldest go when there is more, in bytes.
LARGEST = 2**30
# Of the files; those of another one are not looked at.
_SCHEMA = 3


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
    about = {"schema": _SCHEMA, "key": dict(key), "on": _setting()}
    told = json.dumps(about, sort_keys=True)
    path = place / f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:32]}.npz"
    try:
        found = _kept(path, json.loads(told))
    except DamagedFile as error:
        print(f"{error}: what it should hold is made anew", file=sys.stderr)
    except RunFolderError:  # it is not there, or not ours to read
        pass
    else:
        with suppress(OSError):
            os.utime(path)  # the latest used are kept longest
        return found
    made = {name: np.asarray(array) for name, array in make().items()}
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
        write_archive(path, made, about)
        _remove_oldest(place)
    return made


def _kept(path: Path, about: object) -> dict[str, np.ndarray]:
    """The arrays in a file.

    Raises
    ------
    DamagedFile : they are not those that were written there, or of another key.
    RunFolderError : it is not there, or cannot be read.
    """
    archive = read_archive(path)
    if archive.about != about:
        raise DamagedFile(f"'{path}' holds other arrays than its name says")
    return archive.arrays


def folder() -> Path | None:
    """Where arrays are kept; None where they are not."""
    told = os.environ.get("DECOUPLE_CACHE", "")
    if told.lower() == "off":
        return None
    try:
        return Path(told or user_cache_dir("decouple", appauthor=False)).expanduser()
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
