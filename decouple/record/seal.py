"""Digests of what a run wrote, in its metrics.json: by them a later change is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from decouple import files
from decouple.record.plain import plain

DIGESTS = "digests"
"""Key in metrics.json: {name in the run folder: SHA-256}."""

_METRICS = "metrics.json"
# What runs of earlier versions had, too, and kept no digests of.
_SINCE = "animation.*"
# The result for other programs.
_RESULTS = ("result.png", "result.tif")
# Of each method of a comparison its metrics, which hold the digests of the rest.
_FILES = (
    *(
        "config.yaml",
        "history.csv",
        "result.npz",
        "table.csv",
        "table.json",
        "images/*.png",
        _SINCE,
    ),
    *_RESULTS,
    f"methods/*/{_METRICS}",
)
_AT_A_TIME = 2**20


def sealed(folder: Path, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics, as strict JSON has them, with the digests of themselves and of the run's files.

    Raises
    ------
    RunFolderError : a file cannot be read.
    """
    held = {**plain(metrics), DIGESTS: _of_files(folder)}
    held[DIGESTS][_METRICS] = _of_values(held)
    return held


def altered(folder: Path, metrics: Mapping[str, Any]) -> list[str]:
    """Names of the files that are not as the run wrote them; none if it has kept no digests.

    Raises
    ------
    RunFolderError : a file cannot be read.
    """
    if DIGESTS not in metrics:
        return []
    told, found = metrics[DIGESTS], {**_of_files(folder), _METRICS: _of_values(metrics)}
    if not any(fnmatch(name, _SINCE) for name in told):
        found = {name: digest for name, digest in found.items() if not fnmatch(name, _SINCE)}
    return sorted(name for name in told.keys() | found.keys() if told.get(name) != found.get(name))


def _of_files(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(path for pattern in _FILES for path in folder.glob(pattern)):
        digests[path.relative_to(folder).as_posix()] = digest_of(path)
    return digests


def digest_of(path: Path) -> str:
    """SHA-256 of a file, which may be larger than memory; RunFolderError if it cannot be read."""
    digest = hashlib.sha256()
    with files.disk_errors("read", path), files.opened_plain(path) as file:
        while some := file.read(_AT_A_TIME):
            digest.update(some)
    return digest.hexdigest()


def _of_values(metrics: Mapping[str, Any]) -> str:
    """Of all metrics, and of the digests of the other files."""
    others = {name: digest for name, digest in metrics[DIGESTS].items() if name != _METRICS}
    text = json.dumps({**metrics, DIGESTS: others}, sort_keys=True, allow_nan=False)
    return _of(text.encode())


def _of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
