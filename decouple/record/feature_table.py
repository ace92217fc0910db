"""table.csv: a row for each picture, and beside it table.json, which says whose features they are.

All that a row holds follows from its picture and from table.json: tables with the same table.json
are parts of one. Where pyarrow is there the same rows are also written as Parquet.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from decouple import files
from decouple.documents import json_of, read_json
from decouple.errors import ConfigError, DamagedFile
from decouple.legible import ERRORS, legible
from decouple.record.feature_rows import FeatureRow
from decouple.record.parquet import about_parquet, write_parquet

CSV, PARQUET, ABOUT, COSTS = "table.csv", "table.parquet", "table.json", "seconds.csv"
SCHEMA = 1
TEXTS = ("path", "label", "digest", "height", "width", "status")
"""Columns beside those of features."""
_NUMBERS = ("height", "width")
RAW, DECOUPLED = "raw", "decoupled"
# What table.json says at least.
_PARTS = ("features", "channels", "image", "noise", "flow")


def columns_of(about: Mapping[str, Any]) -> dict[str, type]:
    """The table's columns; features are `raw.<layer>.<number>` and `decoupled.<layer>.<number>`.

    Numbers are the features' own in their layer, from 0 on; those that cannot be moved are left
    out.
    """
    return {
        **{name: int if name in _NUMBERS else str for name in TEXTS},
        **{
            f"{kind}.{layer}.{number}": float
            for kind in (RAW, DECOUPLED)
            for layer, numbers in about["channels"].items()
            for number in numbers
        },
    }


def begin_table(folder: str | Path, about: Mapping[str, Any]) -> None:
    """Write table.json, by which it is known of what the rows are that are made from now on.

    Raises
    ------
    ConfigError : there is one already, of other features.
    RunFolderError : it is damaged, or cannot be written.
    """
    place = Path(folder) / ABOUT
    if files.there(place):
        check_same_table(read_about(Path(folder) / CSV), about, "this run", f"'{folder}'")
    files.write_text(place, f"{_json(about, 2)}\n")


def write_table(
    folder: str | Path,
    about: Mapping[str, Any],
    rows: Iterable[tuple[FeatureRow, str]],
    parquet: bool,
) -> None:
    """Write table.csv and, where asked for, table.parquet, beside table.json; each appears whole.

    Parameters
    ----------
    folder : where
    about : of table.json; plain values
    rows : with the label of each, in the order of their paths; one lies in memory at a time
    parquet : whether that is written, too

    Raises
    ------
    RunFolderError : a file cannot be written.
    """
    write_lines(folder, about, (_cells(about, row, label) for row, label in rows), parquet)


def write_lines(
    folder: str | Path, about: Mapping[str, Any], rows: Iterable[Sequence[str]], parquet: bool
) -> None:
    """As `write_table`, of rows in the cells of table.csv."""
    place = Path(folder) / CSV
    _write_csv(place, columns_of(about), rows)
    if parquet:
        with lines_of(place, about) as lines:
            told = _json(about).encode()
            write_parquet(place.with_name(PARQUET), columns_of(about), lines, told)


def write_costs(folder: str | Path, rows: Iterable[FeatureRow]) -> None:
    """Write seconds.csv: what each picture took, which is no part of the table."""
    told = ([legible(row.path), f"{row.seconds:.6g}", str(row.passes)] for row in rows)
    _write_csv(Path(folder) / COSTS, ("path", "seconds", "passes"), told)


def _write_csv(place: Path, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    with (
        files.written_aside(place) as aside,
        aside.open("w", encoding="utf-8", errors=ERRORS, newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _json(about: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps({"schema": SCHEMA, **about}, indent=indent)


def _cells(about: Mapping[str, Any], row: FeatureRow, label: str) -> list[str]:
    size = [str(about["image"][side]) for side in _NUMBERS] if row.digest else [""] * len(_NUMBERS)
    cells = [legible(row.path), legible(label), row.digest, *size, legible(row.status)]
    for held in (row.raw, row.decoupled):
        for layer, numbers in about["channels"].items():
            cells += map(repr, held[layer]) if held else [""] * len(numbers)
    return cells


# Reading.


def table_at(place: str | Path) -> Path:
    """The file of a table, which may be named by its folder; RunFolderError if there is none."""
    path = files.expanded(place)
    path = path / CSV if path.is_dir() else path
    if not files.is_plain_file(path):
        raise DamagedFile(f"there is no table '{path}': a run writes it when it ends")
    return path


def read_about(table: Path) -> dict[str, Any]:
    """What table.json beside a table.csv says, or a table.parquet itself.

    Raises
    ------
    ConfigError : Parquet cannot be read.
    RunFolderError : it is not there, is damaged, or was written by another version.
    """
    within = table.suffix == ".parquet"
    name = table if within else table.with_name(ABOUT)
    try:
        about = json_of(about_parquet(table)) if within else read_json(name)
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise DamagedFile(f"'{name}' is damaged: {error}") from error
    if not isinstance(about, dict) or about.pop("schema", None) != SCHEMA:
        raise DamagedFile(f"'{name}' says of no features, or was written by another version")
    if not all(isinstance(about.get(part), dict) for part in _PARTS):
        raise DamagedFile(f"'{name}' is damaged: it does not say whose features they are")
    for numbers in about["channels"].values():
        if not isinstance(numbers, list) or not all(type(n) is int for n in numbers):
            raise DamagedFile(f"'{name}' is damaged: its channels are no numbers")
    return about


def check_same_table(
    about: Mapping[str, Any], other: Mapping[str, Any], theirs: str, ours: str
) -> None:
    """Refuse to put together what is of other features.

    Parameters
    ----------
    about, other : of two tables, as table.json has it
    theirs, ours : what they are called: the other one, and the one

    Raises
    ------
    ConfigError : they are, with what differs.
    """
    # Before there was other noise nothing was said of its kind.
    here, there = ({"noise kind": "uniform", **_flat(told)} for told in (about, other))
    differ = [key for key in {**here, **there} if here.get(key) != there.get(key)]
    # Channels are many; the features' identity says that they differ.
    few = [key for key in differ if not isinstance(here.get(key, there.get(key)), list)]
    if differ:
        told = (f"{k} {there.get(k, 'unknown')}, not {here.get(k, 'unknown')}" for k in few)
        raise ConfigError(
            f"{theirs} has other features than {ours}: {'; '.join(told) or ', '.join(differ)}"
        )


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, held in value.items():
        name = f"{above}{key}"
        found.update(_flat(held, f"{name} ") if isinstance(held, Mapping) else {name: held})
    return found


@contextmanager
def lines_of(table: Path, about: Mapping[str, Any]) -> Iterator[Iterator[list[str]]]:
    """The rows of a table.csv in its cells, one at a time.

    Raises
    ------
    RunFolderError : it cannot be read, or is no table of these features; while rows are read, too.
    """
    with files.disk_errors("read", table), table.open(encoding="utf-8", newline="") as file:
        yield _checked(csv.reader(file, strict=True), table, list(columns_of(about)))


def _checked(
    reader: Iterator[list[str]], table: Path, columns: Sequence[str]
) -> Iterator[list[str]]:
    reason = None
    try:
        if next(reader, None) != columns:
            reason = "its columns are not those of its table.json"
        before = ""
        for row in reader if reason is None else ():
            if len(row) != len(columns) or row[0] <= before:
                reason = "a row is not whole, or not in its place"
                break
            before = row[0]
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        reason = str(error)
    if reason is not None:
        raise DamagedFile(f"'{table}' is damaged: {reason}")
