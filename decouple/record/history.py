"""history.csv: one row for each accepted step, written as the steps happen."""

from __future__ import annotations

import csv
import io
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
    on leaving, by an exception too, that file becomes `history.csv`. Rows that an earlier run
    left in the folder are kept, so that a resumed run goes on where its checkpoint was: those
    that came after the checkpoint are dropped when its first step is reported.

    Parameters
    ----------
    folder : the run folder
    layers : the layers whose feature MSE may be reported, in the network's order
    losses : the parts of an objective that may be reported

    Raises
    ------
    RunFolderError
        when a row cannot be written, or the earlier rows are about other layers.
    """

    def __init__(
        self, folder: str | Path, layers: Sequence[str], losses: Sequence[str] = ()
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
        self._resumes = False
        self._place = ("", "")
        self._step = 0
        self._evaluations = 0
        self._flushed = 0.0

    def __enter__(self) -> History:
        """Open the file, with the rows of an earlier run if there are any."""
        with files.disk_errors("write", self.path):
            if not self._part.exists() and self.path.exists():
                os.replace(self.path, self._part)  # noqa: PTH105
            self._resumes = self._part.exists() and self._part.stat().st_size > 0
            if self._resumes:
                self._check_columns()
            self._file = self._part.open("a", encoding="utf-8", newline="")
            if not self._resumes:
                self._write(self._columns)
                self._file.flush()
        self._flushed = time.monotonic()
        return self

    def _check_columns(self) -> None:
        with self._part.open(encoding="utf-8", newline="") as rows:
            found = next(csv.reader(rows), [])
        if found != self._columns:
            raise RunFolderError(
                f"'{self.path}' has other columns than this run would write; "
                "resume with the layers of the earlier run or name a new folder"
            )

    def __call__(self, report: StepReport) -> None:
        """Append one row."""
        if self._file is None:
            raise RuntimeError("open the history first: with History(...) as history")
        strangers = set(report.feature_mse) - set(self.layers)
        strangers |= set(report.losses) - set(self.losses)
        if strangers:
            raise ValueError(f"history has no column for {', '.join(sorted(strangers))}")
        with files.disk_errors("write", self.path):
            if self._resumes:
                self._drop_superseded(report)
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

    def flush(self) -> None:
        """Hand all rows to the system, so that a checkpoint is not ahead of them."""
        if self._file is not None:
            with files.disk_errors("write", self.path):
                self._file.flush()

    def _write(self, row: Sequence[object]) -> None:
        assert self._file is not None
        csv.writer(self._file, lineterminator="\n").writerow(row)

    def _drop_superseded(self, report: StepReport) -> None:
        """Cut the earlier rows off at the point where the resumed run takes over."""
        assert self._file is not None
        self._resumes = False
        place = (report.stage, report.layer)
        keep, keep_step = None, 0
        end, previous = 0, ("", "")
        with self._part.open("rb") as lines:
            for line in lines:
                start, end = end, end + len(line)
                row = _parse(self._columns, next(csv.reader([line.decode()])))
                if not line.endswith(b"\n"):
                    row, end = None, start  # cut short by a crash
                if row is None:
                    continue
                here = (row.stage, row.layer)
                if here == place:
                    if previous != place or row.step == 1:
                        keep, keep_step = start, 0
                    if row.evaluations < report.evaluations:
                        keep, keep_step = end, row.step
                previous = here
        self._file.flush()
        self._file.truncate(end if keep is None else keep)
        self._file.seek(0, io.SEEK_END)
        if keep_step:
            self._place, self._step = place, keep_step

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
