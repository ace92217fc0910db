"""history.csv: one row for each accepted step, written as the steps happen."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from decouple import files
from decouple.errors import RunFolderError

if TYPE_CHECKING:
    from decouple.flows.trace import StepReport

_FIXED = ("stage", "layer", "step", "fraction", "evaluations", "seconds")
_MSE = "mse_"
_LOSS = "loss_"
_FLUSH_SECONDS = 2.0


@dataclass(frozen=True)
class HistoryRow:
    """One accepted step; `step` counts from 1 within its stage and layer.

    The other fields are those of `StepReport`; layers that were not tracked are absent from
    `feature_mse`, parts of an objective that there are not from `losses`.
    """

    stage: str
    layer: str
    step: int
    fraction: float
    evaluations: int
    seconds: float
    feature_mse: dict[str, float]
    losses: dict[str, float] = field(default_factory=dict)


class History:
    """Observer that appends each step to `history.csv`; memory does not grow with the steps.

    While the context is open the rows lie in `.history.csv.part`, flushed every few seconds;
    on leaving, by an exception too, that file becomes `history.csv`. A resumed run goes on after
    the rows that its checkpoint knows of; those that came later are dropped, as their steps are
    taken again.

    Parameters
    ----------
    folder : the run folder
    layers : the layers whose feature MSE may be reported, in the network's order
    losses : the parts of an objective that may be reported
    length : of the file to go on after, in bytes, as `flush` told it; 0 begins anew

    Raises
    ------
    RunFolderError
        when a row cannot be written, or the earlier rows are fewer or about other layers.
    """

    def __init__(
        self,
        folder: str | Path,
        layers: Sequence[str],
        losses: Sequence[str] = (),
        length: int = 0,
    ) -> None:
        """Write nothing yet."""
        self.path = Path(folder) / "history.csv"
        self.layers, self.losses = tuple(layers), tuple(losses)
        self._part = self.path.with_name(".history.csv.part")
        self._columns = [
            *_FIXED,
            *(_MSE + layer for layer in self.layers),
            *(_LOSS + name for name in self.losses),
        ]
        self._file: TextIO | None = None
        self._length = length
        self._place = ("", "")
        self._step = 0
        self._evaluations = 0
        self._flushed = 0.0

    def __enter__(self) -> History:
        """Open the file, with the rows of an earlier run that are to stay."""
        with files.disk_errors("write", self.path):
            if not self._part.exists() and self.path.exists():
                os.replace(self.path, self._part)  # noqa: PTH105
            if self._length:
                self._go_on()
            else:
                self._file = self._part.open("w", encoding="utf-8", newline="")
                self._write(self._columns)
                self._file.flush()
        self._flushed = time.monotonic()
        return self

    def _go_on(self) -> None:
        """Check the earlier rows, drop those that came after `length`, and know the last one."""
        earlier = self._part.read_bytes() if self._part.exists() else b""
        if len(earlier) < self._length:
            raise RunFolderError(
                f"'{self.path}' is damaged: it has {len(earlier)} of the {self._length} bytes that "
                "the checkpoint knows of"
            )
        rows = list(csv.reader(earlier[: self._length].decode("utf-8", "replace").splitlines()))
        if rows[0] != self._columns:
            raise RunFolderError(
                f"'{self.path}' has other columns than this run would write; "
                "resume with the layers of the earlier run or name a new folder"
            )
        last = _parse(self._columns, rows[-1])
        if last is not None:
            self._place = (last.stage, last.layer)
            self._step, self._evaluations = last.step, last.evaluations
        os.truncate(self._part, self._length)
        self._file = self._part.open("a", encoding="utf-8", newline="")

    def __call__(self, report: StepReport) -> None:
        """Append one row."""
        if self._file is None:
            raise RuntimeError("open the history first: with History(...) as history")
        strangers = set(report.feature_mse) - set(self.layers)
        strangers |= set(report.losses) - set(self.losses)
        if strangers:
            raise ValueError(f"history has no column for {', '.join(sorted(strangers))}")
        with files.disk_errors("write", self.path):
            place = (report.stage, report.layer)
            # Fewer evaluations than before: the same stage and layer has begun anew.
            anew = place != self._place or report.evaluations < self._evaluations
            self._step = 1 if anew else self._step + 1
            self._place, self._evaluations = place, report.evaluations
            values = [report.feature_mse.get(layer) for layer in self.layers]
            values += [report.losses.get(name) for name in self.losses]
            self._write(
                [
                    report.stage,
                    report.layer,
                    self._step,
                    f"{report.fraction:.9g}",
                    report.evaluations,
                    f"{report.seconds:.6g}",
                    *("" if value is None else f"{value:.9g}" for value in values),
                ]
            )
            if time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self._file.flush()
                self._flushed = time.monotonic()

    def flush(self) -> int:
        """Bring all rows to the disk, so that no checkpoint is ahead of them; their bytes."""
        if self._file is None:
            raise RuntimeError("open the history first: with History(...) as history")
        with files.disk_errors("write", self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._part.stat().st_size

    def _write(self, row: Sequence[object]) -> None:
        assert self._file is not None
        csv.writer(self._file, lineterminator="\n").writerow(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the file its name, whether or not an error is on its way."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with files.disk_errors("write", self.path):
                try:
                    file.close()
                finally:  # what reached the disk before it was full is still worth its name
                    os.replace(self._part, self.path)  # noqa: PTH105
        except RunFolderError:
            if error is None:  # else the error on its way says more
                raise


def _parse(columns: Sequence[str], values: Sequence[str]) -> HistoryRow | None:
    """One row, or None where it is the header or was cut short by a crash."""
    if len(values) < len(columns):
        return None
    row = dict(zip(columns, values, strict=False))
    try:
        return HistoryRow(
            stage=row["stage"],
            layer=row["layer"],
            step=int(row["step"]),
            fraction=float(row["fraction"]),
            evaluations=int(row["evaluations"]),
            seconds=float(row["seconds"]),
            feature_mse=_values(_MSE, row),
            losses=_values(_LOSS, row),
        )
    except (KeyError, ValueError):
        return None


def _values(prefix: str, row: Mapping[str, str]) -> dict[str, float]:
    return {
        name.removeprefix(prefix): float(value)
        for name, value in row.items()
        if name.startswith(prefix) and value != ""
    }


def iterate_history(path: str | Path) -> Iterator[HistoryRow]:
    """Yield the rows of a history.csv one by one; rows cut short by a crash are left out."""
    with Path(path).open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        columns = next(reader, [])
        for values in reader:
            row = _parse(columns, values)
            if row is not None:
                yield row


def read_history(path: str | Path) -> list[HistoryRow]:
    """All rows of a history.csv."""
    return list(iterate_history(path))
