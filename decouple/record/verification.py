"""Whether two run folders hold the same run, and where they part.

Compared are the stages and metrics (times aside), history.csv, the arrays of result.npz, and the
pictures in `images/`; of a comparison those of each method, too. On a CPU one setting (versions,
device, `numerics`) gives the same bits, so that there everything else is a difference. Elsewhere
the last bits differ, and arrays are equal within half a level of 8 bits, pictures (but that of the
amplified errors) within one. What is not finite is never equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from decouple.record.finished import FinishedRun, read_finished, saved_pixels
from decouple.record.metrics import CHANGED, changes
from decouple.record.seal import DIGESTS

# Of metrics.json, what runs had before it was said.
_BEFORE = {"features": {"name": "means"}}
# What a repetition measures anew, and what it calls a picture, whose digest counts.
_ITS_OWN = frozenset(
    {
        *("seconds", "peak_memory_bytes", "versions", "device", "numerics", CHANGED),
        *("resumed_after", "origin", DIGESTS),
    }
)
# As `devices.described` has it.
_CPU = "CPU"
# A picture of errors, made so large that they are seen: rounding alone makes another of it.
_AMPLIFIED = "difference.png"
# Half of an 8-bit level: what differs by more is another picture.
_LARGEST = 1 / 510


@dataclass(frozen=True)
class Verdict:
    """How alike two runs are.

    Attributes
    ----------
    identical : to the bit, times aside: images, features, history and metrics
    largest : absolute difference of any value of the result or the pictures (units of the image's
        range) or of a decoupled feature (activation); infinite where they cannot be compared
    parts_at : the first stage and layer whose images differ, or what else does; None if nothing
    to_the_bit : whether they were computed in a setting that gives the same bits
    """

    identical: bool
    largest: float
    parts_at: str | None
    to_the_bit: bool = False

    @property
    def same(self) -> bool:
        """Whether the runs are identical or, where last bits may differ, equal."""
        return self.identical or (self.largest <= _LARGEST and not self.to_the_bit)

    def __str__(self) -> str:
        """Give the grade in one line.

        >>> print(Verdict(False, 3e-7, "impose, block1_conv1"))
        equal to 1e-6; they part at impose, block1_conv1
        """
        if self.identical:
            return "identical"
        where = f"; they part at {self.parts_at}"
        if not self.same:
            by = f" (by {self.largest:.1e})" if 0 < self.largest < math.inf else ""
            return f"different{by}{where}"
        if self.largest == 0:
            return f"equal results{where}"
        return f"equal to 1e{math.ceil(math.log10(self.largest))}{where}"


def compare_runs(first: str | Path, second: str | Path) -> Verdict:
    """Compare two finished runs.

    Raises
    ------
    RunFolderError : one of them is not finished, or cannot be read.
    """
    return compare_finished(read_finished(first), read_finished(second))


def compare_finished(first: FinishedRun, second: FinishedRun) -> Verdict:
    """How alike two runs are."""
    parts = next(_differences(first, second), None)
    ours, theirs = first.metrics, second.metrics
    to_the_bit = (
        ours["device"] == _CPU
        and not changes(ours, theirs)
        and all("numerics" in metrics and CHANGED not in metrics for metrics in (ours, theirs))
    )
    return Verdict(parts is None, _largest(first, second), parts, to_the_bit)


def _differences(first: FinishedRun, second: FinishedRun) -> Iterator[str]:
    """What differs, beginning with what came first."""
    ours, theirs = first.metrics, second.metrics
    for one, other in zip(ours["stages"], theirs["stages"], strict=False):
        if _timeless(one) != _timeless(other):
            yield ", ".join(filter(None, (one["stage"], one["layer"])))
    if len(ours["stages"]) != len(theirs["stages"]):
        yield "the number of layers moved"
    a, b = first.arrays, second.arrays
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b or not _identical(a[name], b[name]):
            yield name
    if first.history != second.history or not _is_finite(first.history):
        yield "history.csv"
    for name in sorted(first.pictures.keys() | second.pictures.keys()):
        if first.pictures.get(name) != second.pictures.get(name):
            yield f"images/{name}"
    if _timeless({**_BEFORE, **ours}) != _timeless({**_BEFORE, **theirs}):
        yield "metrics.json"
    for name in sorted(first.methods.keys() | second.methods.keys()):
        if name not in first.methods or name not in second.methods:
            yield f"methods/{name}"
        else:
            for part in _differences(first.methods[name], second.methods[name]):
                yield f"methods/{name}: {part}"


def _largest(first: FinishedRun, second: FinishedRun) -> float:
    """See `Verdict.largest`."""
    comparable = (
        [(row["stage"], row["layer"]) for row in first.metrics["stages"]]
        == [(row["stage"], row["layer"]) for row in second.metrics["stages"]]
        and first.arrays.keys() == second.arrays.keys()
        and first.pictures.keys() == second.pictures.keys()
        and first.methods.keys() == second.methods.keys()
        and _is_finite(first.history)
        and _is_finite(second.history)
        and bool(first.arrays or first.methods)
    )
    if not comparable:
        return math.inf
    pictures = (
        [run.folder / "images" / name for run in (first, second)]
        for name in first.pictures
        if name != _AMPLIFIED and first.pictures[name] != second.pictures[name]
    )
    apart = [_apart(first.arrays[name], second.arrays[name]) for name in first.arrays]
    apart += [_pictures_apart(*pair) for pair in pictures]
    apart += [_largest(first.methods[name], second.methods[name]) for name in first.methods]
    return max(apart, default=0.0)


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _timeless(v) for k, v in value.items() if k not in _ITS_OWN}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _identical(one: np.ndarray, other: np.ndarray) -> bool:
    same = one.dtype == other.dtype and np.array_equal(one, other)
    return same and bool(np.isfinite(one).all())


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two values; infinite where there is no number for it."""
    if one.shape != other.shape or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return math.inf
    return float(np.max(np.abs(np.subtract(one, other, dtype=np.float64)), initial=0.0))


def _pictures_apart(first: Path, second: Path) -> float:
    """As `_apart`, in units of 255 levels; one level is what rounding makes of the least."""
    one, other = saved_pixels(first), saved_pixels(second)
    if one.shape != other.shape:
        return math.inf
    levels = int(np.max(np.abs(np.subtract(one, other, dtype=np.int64)), initial=0))
    return 0.0 if levels <= 1 else levels / 255


def _is_finite(history: list[tuple[Any, ...]]) -> bool:
    numbers = (
        number
        for row in history
        for value in row
        for number in (value.values() if isinstance(value, dict) else (value,))
    )
    return all(math.isfinite(n) for n in numbers if isinstance(n, int | float))
