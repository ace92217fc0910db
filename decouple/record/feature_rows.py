"""rows.jsonl: what is known of each picture, written as it becomes known.

A line for each picture, the last one of a path counts. A process may be killed between any two
bytes: a line that is not whole, or not as it was written, is none, and its picture is done again.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from decouple import files
from decouple.documents import json_of

NAME = "rows.jsonl"

DONE = "ok"
"""Status of a picture whose features are known; others begin with what is wrong."""


@dataclass(frozen=True)
class FeatureRow:
    """A picture's features.

    Attributes
    ----------
    path : by which the table knows it
    status : `DONE`, or one line on why it is not
    digest : of the values that were used; empty where there are none
    seconds, passes : that it took
    raw : {layer: features before anything is moved}; empty where the picture cannot be read
    decoupled : {layer: decoupled features}; empty where it cannot be moved
    """

    path: str
    status: str
    digest: str = ""
    seconds: float = 0.0
    passes: int = 0
    raw: Mapping[str, list[float]] = field(default_factory=dict)
    decoupled: Mapping[str, list[float]] = field(default_factory=dict)


class FeatureRows:
    """The rows of a folder; use as a context. Memory holds a row's place, and not the row.

    Parameters
    ----------
    folder : the run folder
    sizes : {layer: number of its features}

    Raises
    ------
    RunFolderError : the file cannot be read or written.
    """

    def __init__(self, folder: str | Path, sizes: Mapping[str, int]) -> None:
        self.path = Path(folder) / NAME
        self._sizes = dict(sizes)
        # Where the line of a path begins, and the digest in it.
        self._places: dict[str, tuple[int, str]] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> FeatureRows:
        """Find what there is, and drop an end that is not whole."""
        with files.disk_errors("write", self.path):
            if files.there(self.path):
                files.opened_plain(self.path).close()
            self._file = self.path.open("a+b")
            self._file.seek(0)
            whole = 0
            for line in self._file:
                row = self._row(line)
                if row is not None:
                    self._places[row.path] = (whole, row.digest)
                if line.endswith(b"\n"):
                    whole += len(line)
            self._file.truncate(whole)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __contains__(self, path: object) -> bool:
        """Whether there is a row of this path."""
        return path in self._places

    def digest(self, path: str) -> str:
        """Of the picture that a path's row is of; empty where there is no row, or no picture."""
        return self._places.get(path, (0, ""))[1]

    def add(self, row: FeatureRow) -> None:
        """Write a row to the disk, in place of any former one of its path."""
        line = self._line(row)
        with files.disk_errors("write", self.path):
            file = self._opened
            place = file.seek(0, os.SEEK_END)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._places[row.path] = (place, row.digest)

    def row(self, path: str) -> FeatureRow:
        """The row of a path.

        Raises
        ------
        KeyError : there is none.
        RunFolderError : it cannot be read, or is no longer what it was.
        """
        place, _ = self._places[path]
        with files.disk_errors("read", self.path):
            self._opened.seek(place)
            row = self._row(self._opened.readline())
            if row is None or row.path != path:
                raise OSError("its rows have changed meanwhile")
        return row

    @property
    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError("open the rows first: with FeatureRows(...) as rows")
        return self._file

    @staticmethod
    def _line(row: FeatureRow) -> bytes:
        text = json.dumps(asdict(row), separators=(",", ":"), allow_nan=False)
        return f'["{zlib.crc32(text.encode()):08x}",{text}]\n'.encode()

    def _row(self, line: bytes) -> FeatureRow | None:
        """What a line holds; None if it is not as it was written."""
        try:
            _, told = json_of(line)
            row = FeatureRow(**told)
            whole = line == self._line(row) and self._is_of_layers(row)
        except (ValueError, TypeError, AttributeError):
            return None
        return row if whole else None

    def _is_of_layers(self, row: FeatureRow) -> bool:
        return all(
            not held or {layer: len(values) for layer, values in held.items()} == self._sizes
            for held in (row.raw, row.decoupled)
        )
