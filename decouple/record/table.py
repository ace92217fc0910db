"""Tables of numbers for people and programs: Markdown and CSV with the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from decouple.record.folder import RunFolder


def write_table(
    folder: RunFolder, name: str, rows: Sequence[Mapping[str, Any]], note: str = ""
) -> None:
    """Write `<name>.csv`, in full precision, and `<name>.md`, rounded for reading.

    The columns are those of the rows, in the order in which they first appear; `note` stands
    below the Markdown table.

    Raises
    ------
    RunFolderError : when a file cannot be written.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = io.StringIO()
    writer = csv.DictWriter(lines, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    folder.write_text(f"{name}.csv", lines.getvalue())
    folder.write_text(f"{name}.md", markdown(rows) + (f"\n{note}\n" if note else ""))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table.

    >>> print(markdown([{"method": "a|b", "psnr_db": 12.345, "mse": 1.2e-9, "passes": None}]))
    | method | psnr_db | mse | passes |
    | --- | --- | --- | --- |
    | a\\|b | 12.3 | 1.2e-09 | – |
    <BLANKLINE>
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        if 100 <= abs(value) < 1e5:
            return f"{value:.1f}"
        return f"{value:.3g}" if value == 0 or 1e-2 <= abs(value) < 100 else f"{value:.1e}"
    return str(value).replace("|", "\\|")
