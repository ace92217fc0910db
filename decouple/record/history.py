"""history.csv: one row for each accepted step, written as the steps happen."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from decouple import files
from decouple.errors import DamagedFile, RunFolderError
from decouple.record.compounds import Record
from decouple.record.forms import Count, Text

if TYPE_CHECKING:
    from decouple.flows.trace import StepReport

_NAME, _PART = "history.csv", ".history.csv.part"
_FIXED = ("stage", "layer", "step", "fraction", "passes", "seconds")
# What older runs call a column; rows that are added to theirs go under the former header.
_FORMER = {"evaluations": "passes"}
_MSE = "mse_"
_LOSS = "loss_"
_FLUSH_SECONDS = 2.0


@dataclass(frozen=True)
class Extent:
    """How far a history.csv goes: its `size` in bytes, and their SHA-256 `digest`."""

    size: int = 0
    digest: str = hashlib.sha256().hexdigest()


EXTENT = Record(Extent, 1, {"size": Count(), "digest": Text()})
NOTHING = Extent()


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
    passes: int
    seconds: float
    feature_mse: dict[str, float]
    losses: dict[str, float] = field(default_factory=dict)


class History:
    """Observer that appends each step to `history.csv`; memory does not grow with the steps.

    While the context is open the rows lie in `.history.csv.part`, flushed every few seconds;
    on leaving, by an exception too, that file becomes `history.csv`. A resumed run goes on after
    the rows that its checkpoint knows of; those that came later are dropped, as their steps are
    taken again. They are dropped when the first new row comes, and not before.

    Parameters
    ----------
    folder : the run folder
    layers : the layers whose feature MSE may be reported, in the network's order
    losses : the parts of an objective that may be reported
    known : what to go on after, as `flush` told it; by default nothing, and the file begins anew

    Raises
    ------
    RunFolderError
        when a row cannot be written, or the earlier rows are others than `known` says.
    """

    def __init__(
        self,
        folder: str | Path,
        layers: Sequence[str],
        losses: Sequence[str] = (),
        known: Extent = NOTHING,
    ) -> None:
        """Write nothing yet."""
        self.path = Path(folder) / _NAME
        self.layers, self.losses = tuple(layers), tuple(losses)
        self._part = _part(folder)
        self._columns = [
            *_FIXED,
            *(_MSE + layer for layer in self.layers),
            *(_LOSS + name for name in self.losses),
        ]
        self._file: BinaryIO | None = None
        self._known = known
        # Of all rows so far, and whether rows may still lie behind them that are to be dropped.
        self._size, self._digest = 0, hashlib.sha256()
        self._behind = False
        self._place = ("", "")
        self._step = 0
        self._passes = 0
        self._flushed = 0.0

    def __enter__(self) -> History:
        """Open the file, with the rows of an earlier run that are to stay."""
        place, earlier = self._part if self._part.exists() else self.path, b""
        if self._known != NOTHING:
            place, earlier = _located(self.path.parent, self._known)
            self._know(earlier)
        with files.disk_errors("write", self.path):
            if place != self._part and place.exists():
                os.replace(place, self._part)  # noqa: PTH105
            self._file = self._part.open("r+b" if earlier else "wb")
            if earlier:
                self._file.seek(len(earlier))
            else:
                self._write(self._columns)
                self._file.flush()
        self._flushed = time.monotonic()
        return self

    def _know(self, earlier: bytes) -> None:
        """Go on after these rows, if they have the same columns."""
        rows = list(csv.reader(earlier.decode("utf-8", "replace").splitlines()))
        if todays_columns(rows[0]) != self._columns:
            raise RunFolderError(
                f"'{self.path}' has other columns than this run would write; "
                "resume with the layers of the earlier run or name a new folder"
            )
        last = _parse(self._columns, rows[-1])
        if last is not None:
            self._place = (last.stage, last.layer)
            self._step, self._passes = last.step, last.passes
        self._size, self._behind = len(earlier), True
        self._digest.update(earlier)

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
            # Fewer passes than before: the same stage and layer has begun anew.
            anew = place != self._place or report.passes < self._passes
            self._step = 1 if anew else self._step + 1
            self._place, self._passes = place, report.passes
            values = [report.feature_mse.get(layer) for layer in self.layers]
            values += [report.losses.get(name) for name in self.losses]
            self._write(
                [
                    report.stage,
                    report.layer,
                    self._step,
                    f"{report.fraction:.9g}",
                    report.passes,
                    f"{report.seconds:.6g}",
                    *("" if value is None else f"{value:.9g}" for value in values),
                ]
            )
            if time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self._file.flush()
                self._flushed = time.monotonic()

    def flush(self) -> Extent:
        """Bring all rows to the disk, so that no checkpoint is ahead of them; how far they go."""
        if self._file is None:
            raise RuntimeError("open the history first: with History(...) as history")
        with files.disk_errors("write", self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return Extent(self._size, self._digest.hexdigest())

    def _write(self, row: Sequence[object]) -> None:
        assert self._file is not None
        self._drop_behind(self._file)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        line = text.getvalue().encode("utf-8")
        self._file.write(line)
        self._size += len(line)
        self._digest.update(line)

    def _drop_behind(self, file: BinaryIO) -> None:
        if self._behind:
            file.truncate()
            self._behind = False

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
                    if error is None:
                        self._drop_behind(file)
                    file.close()
                finally:  # what reached the disk before it was full is still worth its name
                    os.replace(self._part, self.path)  # noqa: PTH105
        except RunFolderError:
            if error is None:  # else the error on its way says more
                raise


def history_so_far(folder: str | Path) -> list[HistoryRow]:
    """The rows of a run that goes on, or has ended, as far as they are on the disk.

    Raises
    ------
    RunFolderError : they cannot be read, or what is there is no history.
    """
    for path in (_part(folder), Path(folder) / _NAME):
        if files.there(path):
            return read_history(path)
    return []


def earlier_rows(folder: str | Path, known: Extent) -> bytes:
    """The rows of a folder's history.csv as far as is known, which stay as they are.

    Raises
    ------
    RunFolderError : they are not there, or are others.
    """
    return _located(folder, known)[1]


def put_fractions_anew(
    folder: str | Path, known: Extent, stage: str, fraction_at: Callable[[int], float]
) -> Extent:
    """Let a stage's earlier rows say how far they are on a path of another length.

    Of a run that goes on with more iterations than it was first given. The former rows stay in
    history.csv until the run ends: they are found if it is cut before anything knows of the new.

    Parameters
    ----------
    folder : the run folder
    known : what is to be put anew, and stays
    stage : whose rows
    fraction_at : of the whole path, at a row's `step`

    Returns
    -------
    How far the new rows go; `known` where nothing is to be changed.

    Raises
    ------
    RunFolderError : the rows are not there, or are others; the file cannot be written.
    """
    place, earlier = _located(folder, known)
    anew = _with_fractions(earlier.decode("utf-8", "replace"), stage, fraction_at).encode()
    if anew == earlier:
        return known
    path, part = Path(folder) / _NAME, _part(folder)
    if place == part:
        with files.disk_errors("write", path):
            os.replace(part, path)  # noqa: PTH105
    with files.written_aside(part, durable=True) as aside:
        aside.write_bytes(anew)
    return Extent(len(anew), hashlib.sha256(anew).hexdigest())


def _with_fractions(text: str, stage: str, fraction_at: Callable[[int], float]) -> str:
    header, *lines = text.splitlines(keepends=True) or [""]
    columns = todays_columns(header.rstrip("\n").split(","))
    for number, line in enumerate(lines):
        cells = line.rstrip("\n").split(",")
        row = _parse(columns, cells)
        if row is not None and row.stage == stage:
            cells[columns.index("fraction")] = f"{fraction_at(row.step):.9g}"
            lines[number] = ",".join(cells) + "\n"
    return "".join((header, *lines))


def _located(folder: str | Path, known: Extent) -> tuple[Path, bytes]:
    """The file that holds the rows, and those; see `earlier_rows`."""
    part, path = _part(folder), Path(folder) / _NAME
    # Both, where a run was cut while rows were put anew.
    first, *others = [place for place in (part, path) if place.exists()] or [path]
    try:
        return first, _rows_in(first, known)
    except RunFolderError:
        for place in others:
            return place, _rows_in(place, known)
        raise


def _rows_in(path: Path, known: Extent) -> bytes:
    with files.disk_errors("read", path), files.opened_plain(path) as file:
        earlier = file.read(known.size)
    if len(earlier) < known.size:
        raise RunFolderError(
            f"'{path}' is damaged: it has {len(earlier)} of the {known.size} bytes that the "
            "checkpoint knows of"
        )
    if hashlib.sha256(earlier).hexdigest() != known.digest:
        raise RunFolderError(f"'{path}' is damaged: its rows are not those that were written")
    return earlier


def _part(folder: str | Path) -> Path:
    return Path(folder) / _PART


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
            passes=int(row["passes"]),
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


def todays_columns(header: Sequence[str]) -> list[str]:
    """What today's history.csv calls the columns of any version."""
    return [_FORMER.get(name, name) for name in header]


def iterate_history(path: str | Path) -> Iterator[HistoryRow]:
    """Yield the rows of a history.csv one by one; rows cut short by a crash are left out.

    Raises
    ------
    DamagedFile : it holds what no CSV file does.
    RunFolderError : it cannot be read.
    """
    with files.disk_errors("read", path), files.opened_plain(path) as file:
        reader = csv.reader(io.TextIOWrapper(file, "utf-8", errors="replace", newline=""))
        try:
            columns = todays_columns(next(reader, []))
            for values in reader:
                row = _parse(columns, values)
                if row is not None:
                    yield row
        except csv.Error as error:
            raise DamagedFile(f"'{path}' is damaged: {error}") from error


def read_history(path: str | Path) -> list[HistoryRow]:
    """All rows of a history.csv; raises as `iterate_history`."""
    return list(iterate_history(path))
