"""Tables of features as they are used: in memory, and several of the same features as one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from glob import has_magic, iglob
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files
from decouple.errors import ConfigError, DamagedFile
from decouple.record.feature_rows import DONE
from decouple.record.feature_table import (
    ABOUT,
    CSV,
    TEXTS,
    begin_table,
    check_same_table,
    columns_of,
    lines_of,
    read_about,
    table_at,
    write_lines,
)
from decouple.record.parquet import can_write_parquet, read_parquet

_PATH, _LABEL, _STATUS, _DIGEST = (
    TEXTS.index(name) for name in ("path", "label", "status", "digest")
)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """A table of features in memory; N pictures.

    Attributes
    ----------
    paths : of the pictures, sorted
    labels : of each, as text; None if none has one
    status : of each, `ok` or what is wrong
    digests : of each picture's values; empty where it cannot be read
    raw : {layer: (N, C_k) float64}, features of the pictures as they are; NaN where one cannot be
        read
    decoupled : {layer: (N, C_k) float64}, decoupled features; NaN where one cannot be moved
    channels : {layer: (C_k,) int}, which of the layer's features these are
    about : whose features they are, as table.json has it
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...] | None
    status: tuple[str, ...]
    digests: tuple[str, ...]
    raw: Mapping[str, np.ndarray]
    decoupled: Mapping[str, np.ndarray]
    channels: Mapping[str, np.ndarray]
    about: Mapping[str, Any]

    @property
    def done(self) -> np.ndarray:
        """(N,) bool, whether both kinds of features are there."""
        return np.array([status == DONE for status in self.status], bool)


def tables_at(name: str, setting: str) -> list[Path]:
    """The tables that a word names: a run folder, a table's file, or a pattern of either.

    Raises
    ------
    ConfigError : it names none.
    """
    place = files.expanded(name)
    if files.there(place) or not has_magic(name):
        return [table_at(place)]
    every = (Path(found) for found in sorted(iglob(str(place), recursive=True)))  # noqa: PTH207
    tables = [
        found for found in every if found.suffix in (".csv", ".parquet") or files.there(found / CSV)
    ]
    if not tables:
        raise ConfigError(f"{setting}={name} names no tables: a run of features writes table.csv")
    return [table_at(table) for table in tables]


def read_table(*tables: str | Path) -> FeatureTable:
    """A table of features, or several of the same features as one.

    Parameters
    ----------
    tables : run folders, or table.csv or table.parquet in them; a CSV file needs its table.json
        beside it

    Raises
    ------
    ConfigError : they are of other features, or two have a row of the same picture; pyarrow is
        needed and not there.
    RunFolderError : one is not there or damaged.
    """
    about, places = _same(tables)
    parts = [_read(place, about) for place in places]
    texts = [row for told, _ in parts for row in told]
    numbers = np.concatenate([held for _, held in parts])
    order = sorted(range(len(texts)), key=lambda place: texts[place][_PATH])
    texts = list(_once(texts[place] for place in order))
    layers = {layer: np.array(held, int) for layer, held in about["channels"].items()}
    ends = np.cumsum([channels.size for channels in (*layers.values(), *layers.values())])
    held = np.split(numbers[order], ends[:-1], axis=1)
    labels = tuple(row[_LABEL] for row in texts)
    return FeatureTable(
        paths=tuple(row[_PATH] for row in texts),
        labels=labels if any(labels) else None,
        status=tuple(row[_STATUS] for row in texts),
        digests=tuple(row[_DIGEST] for row in texts),
        raw=dict(zip(layers, held[: len(layers)], strict=True)),
        decoupled=dict(zip(layers, held[len(layers) :], strict=True)),
        channels=layers,
        about=about,
    )


def join_tables(tables: Sequence[str | Path], into: str | Path) -> Path:
    """Put tables of the same features together, such as those of a run's shards.

    Parameters
    ----------
    tables : run folders, or table.csv in them
    into : a folder, which is made; it must not hold a table yet

    Returns
    -------
    table.csv in that folder; with table.json and, where pyarrow is installed, table.parquet beside
    it. It is what one run on all pictures writes, byte for byte.

    Raises
    ------
    ConfigError : they are of other features, or two have a row of the same picture.
    RunFolderError : one is not there or damaged, or `into` cannot be written.
    """
    about, places = _same(tables)
    into = files.expanded(into)
    if any(files.there(into / name) for name in (CSV, ABOUT)):
        raise ConfigError(f"'{into}' holds a table already: name another folder")
    for place in places:
        if place.suffix == ".parquet":
            raise ConfigError(f"'{place}': tables are joined from their CSV files")
    with _merged(places, about) as rows:
        for _ in rows:  # all are as they must be, before anything is written
            pass
    with files.disk_errors("make", into):
        into.mkdir(parents=True, exist_ok=True)
    begin_table(into, about)
    with _merged(places, about) as rows:
        write_lines(into, about, rows, can_write_parquet())
    return into / CSV


@contextmanager
def _merged(places: Sequence[Path], about: Mapping[str, Any]) -> Iterator[Iterator[list[str]]]:
    """The rows of several tables, sorted by their paths, one at a time."""
    with ExitStack() as opened:
        parts = [opened.enter_context(lines_of(place, about)) for place in places]
        yield _once(heapq.merge(*parts, key=lambda row: row[_PATH]))


def _same(tables: Sequence[str | Path]) -> tuple[dict[str, Any], list[Path]]:
    """What the tables are of, and their files; ConfigError if they are of different features."""
    places = [table_at(table) for table in tables]
    if not places:
        raise ConfigError("name at least one table")
    about = read_about(places[0])
    for place in places[1:]:
        check_same_table(about, read_about(place), f"'{place}'", f"'{places[0]}'")
    return about, places


def _once(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """The rows, sorted by their paths, none of which there may be twice."""
    before = None
    for row in rows:
        if row[_PATH] == before:
            raise ConfigError(f"two of the tables have a row of '{before}'")
        before = row[_PATH]
        yield row


def _read(table: Path, about: Mapping[str, Any]) -> tuple[list[list[str]], np.ndarray]:
    """The cells that are no features, row by row; and the features, (N, F)."""
    if table.suffix == ".parquet":
        return read_parquet(table, columns_of(about))
    texts, numbers = [], []
    with lines_of(table, about) as lines:
        for cells in lines:
            texts.append(cells[: len(TEXTS)])
            try:
                held = np.array([cell or "nan" for cell in cells[len(TEXTS) :]], np.float64)
            except ValueError as error:
                raise DamagedFile(f"'{table}' is damaged: {error}") from error
            numbers.append(held)
    return texts, np.array(numbers).reshape(len(texts), len(columns_of(about)) - len(TEXTS))
