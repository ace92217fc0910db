"""Tables as Parquet, where pyarrow is installed; a few rows at a time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files
from decouple.errors import ConfigError, DamagedFile

# Rows that lie in memory at a time.
_ROWS = 256
# In the schema of a file, for what is known of the whole table.
_KEY = b"decouple"


def can_write_parquet() -> bool:
    """Whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def check_parquet() -> None:
    """Raise ConfigError, which names what to install, unless Parquet can be read and written."""
    if not can_write_parquet():
        raise ConfigError(
            'Parquet needs pyarrow: pip install "decouple-features[tables]"; CSV needs nothing'
        )


def write_parquet(
    path: Path, columns: Mapping[str, type], rows: Iterator[Sequence[str]], about: bytes
) -> None:
    """Write a table so that it appears whole.

    Parameters
    ----------
    path : of the file
    columns : {name: str, int or float}
    rows : cells as text, those of numbers that are not there empty
    about : kept in the file's schema

    Raises
    ------
    ConfigError : pyarrow is not installed.
    RunFolderError : the file cannot be written.
    """
    check_parquet()
    arrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    kinds = {str: arrow.string(), int: arrow.int32(), float: arrow.float64()}
    schema = arrow.schema([(k, kinds[v]) for k, v in columns.items()], metadata={_KEY: about})
    with files.written_aside(path) as aside, parquet.ParquetWriter(aside, schema) as writer:
        while some := list(islice(rows, _ROWS)):
            cells = zip(zip(*some, strict=True), columns.values(), strict=True)
            held = [[_value(cell, kind) for cell in column] for column, kind in cells]
            arrays = [arrow.array(v, f.type) for v, f in zip(held, schema, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


def _value(cell: str, kind: type) -> Any:
    return None if kind is not str and not cell else kind(cell)


def about_parquet(path: Path) -> bytes:
    """What was kept in a file's schema.

    Raises
    ------
    ConfigError : pyarrow is not installed.
    DamagedFile : nothing was, or it is no such file.
    """
    check_parquet()
    parquet = importlib.import_module("pyarrow.parquet")
    with _damage(path):
        told = (parquet.read_schema(path).metadata or {}).get(_KEY)
    if told is None:
        raise DamagedFile(f"'{path}' does not say whose features it holds")
    return bytes(told)


def read_parquet(path: Path, columns: Mapping[str, type]) -> tuple[list[list[str]], np.ndarray]:
    """The cells that are no float as text, row by row; and the floats, (N, F), NaN where none is.

    Raises
    ------
    DamagedFile : it has other columns, or is no such file.
    """
    parquet = importlib.import_module("pyarrow.parquet")
    with _damage(path):
        table = parquet.read_table(path)
    if table.column_names != list(columns):
        raise DamagedFile(f"'{path}' is damaged: its columns are not those that it says")
    told = [table[k].to_pylist() for k, kind in columns.items() if kind is not float]
    numbers = [table[k].to_numpy() for k, kind in columns.items() if kind is float]
    texts = [["" if t is None else str(t) for t in row] for row in zip(*told, strict=True)]
    return texts, np.array(numbers, np.float64).reshape(-1, table.num_rows).T


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """One line for what pyarrow cannot read."""
    arrow = importlib.import_module("pyarrow")
    try:
        with files.disk_errors("read", path):
            yield
    except arrow.ArrowException as error:
        reason = " ".join(str(error).split())
        raise DamagedFile(f"'{path}' is damaged: {reason}") from error
