"""Whether two run folders hold the same run, and where they part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from decouple import files
from decouple.errors import RunFolderError
from decouple.record.history import read_history
from decouple.record.metrics import CHANGED, read_metrics

# What a repetition measures anew, and what it calls a picture, whose digest counts.
# Of metrics.json, what runs had before it was said.
_BEFORE = {"features": {"name": "means"}}
_ITS_OWN = frozenset(
    {
        *("seconds", "peak_memory_bytes", "versions", "device", "numerics", CHANGED),
        *("resumed_after", "origin"),
    }
)
# Half of an 8-bit level: what differs by more is another picture.
_LARGEST = 1 / 510


@dataclass(frozen=True)
class Verdict:
    """How alike two runs are.

    Attributes
    ----------
    identical : to the bit, times aside: images, features, history and metrics
    largest : absolute difference of any value of the result (units of the image's range) or of a
        decoupled feature (activation); infinite where they cannot be compared
    parts_at : the first stage and layer whose images differ, or what else does; None if nothing
    """

    identical: bool
    largest: float
    parts_at: str | None

    @property
    def same(self) -> bool:
        """Whether the runs are identical or equal."""
        return self.identical or self.largest <= _LARGEST

    def __str__(self) -> str:
        """Give the grade in one line.

        >>> print(Verdict(False, 3e-7, "impose, block1_conv1"))
        equal to 1e-6; they part at impose, block1_conv1
        """
        if self.identical:
            return "identical"
        where = f"; they part at {self.parts_at}"
        if not self.same:
            return f"different (by {self.largest:.1e}){where}"
        if self.largest == 0:
            return f"equal results{where}"
        return f"equal to 1e{math.ceil(math.log10(self.largest))}{where}"


def compare_runs(first: str | Path, second: str | Path) -> Verdict:
    """Compare two finished runs.

    Raises
    ------
    RunFolderError : one of them is not finished, or cannot be read.
    """
    first, second = Path(first), Path(second)
    for folder in (first, second):
        for name in ("metrics.json", "history.csv"):
            if not (folder / name).is_file():
                raise RunFolderError(f"'{folder}' has no {name}: it is no finished run")
    parts = next(_differences(first, second), None)
    return Verdict(parts is None, _largest(first, second), parts)


def _differences(first: Path, second: Path) -> Iterator[str]:
    """What differs, beginning with what came first."""
    ours, theirs = read_metrics(first), read_metrics(second)
    for one, other in zip(ours["stages"], theirs["stages"], strict=False):
        if _timeless(one) != _timeless(other):
            yield ", ".join(filter(None, (one["stage"], one["layer"])))
    if len(ours["stages"]) != len(theirs["stages"]):
        yield "the number of layers moved"
    a, b = _arrays(first), _arrays(second)
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b or not np.array_equal(a[name], b[name]):
            yield name
    if _rows(first) != _rows(second):
        yield "history.csv"
    names = {p.name for f in (first, second) for p in (f / "images").glob("*.png")}
    for name in sorted(names):
        if not _same_picture(first / "images" / name, second / "images" / name):
            yield f"images/{name}"
    if _timeless({**_BEFORE, **ours}) != _timeless({**_BEFORE, **theirs}):
        yield "metrics.json"


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _timeless(v) for k, v in value.items() if k not in _ITS_OWN}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _rows(folder: Path) -> list[tuple[Any, ...]]:
    return [
        (r.stage, r.layer, r.step, r.fraction, r.evaluations, r.feature_mse, r.losses)
        for r in read_history(folder / "history.csv")
    ]


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    path = folder / "result.npz"
    if not path.exists():
        return {}
    with (
        files.disk_errors("read", path),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as held,
    ):
        return {name: held[name] for name in held.files}


def _same_picture(first: Path, second: Path) -> bool:
    if not (first.exists() and second.exists()):
        return False
    with Image.open(first) as one, Image.open(second) as other:
        return one.size == other.size and one.tobytes() == other.tobytes()


def _largest(first: Path, second: Path) -> float:
    a, b = _arrays(first), _arrays(second)
    if not a or a.keys() != b.keys() or any(a[k].shape != b[k].shape for k in a):
        return math.inf
    return max(float(np.max(np.abs(np.subtract(a[k], b[k], dtype=np.float64)))) for k in a)
