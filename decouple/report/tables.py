"""What metrics.json says, in tables; columns that nothing fills are left out.

Every function takes metrics as in metrics.json (decouple.record.metrics), any part of which may
be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from decouple.overrides import settings
from decouple.record.closing import active_and_held
from decouple.record.metrics import comparison
from decouple.record.progress import scientific, stage_name
from decouple.report.template import Cell, Column, texts
from decouple.report.wording import (
    NONE,
    explanation,
    general,
    group_of,
    named,
    part,
    share_of,
    shown,
    words_of,
)

_NUMBERS = ("steps", "passes", "seconds", "loss", "MSE", "held MSE", "change (dB)")


def _stage_columns(metrics: Mapping[str, Any]) -> list[Column]:
    words = [Column("stage"), Column(group_of(metrics)), Column("ended")]
    return words + [Column(title, number=True) for title in _NUMBERS]


def stage_table(metrics: Mapping[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    """Columns and rows of `stages[]`; columns that no stage fills are left out."""
    rows = []
    for stage in metrics.get("stages") or ():
        active, held = active_and_held(stage)
        reason = stage.get("stop_reason")
        rows.append(
            [
                Cell(stage_name(str(stage.get("stage")))),
                Cell(str(stage.get("layer") or NONE)),
                Cell(words_of(reason), title=explanation(reason)),
                Cell(general(stage.get("steps"), ",d")),
                Cell(general(stage.get("passes"), ",d")),
                Cell(general(stage.get("seconds"), ".1f")),
                Cell(scientific(part(stage, "losses").get("total"))),
                Cell(scientific(active)),
                Cell(scientific(held)),
                Cell(general(stage.get("image_change_psnr_db"), ".1f")),
            ]
        )
    return _filled(_stage_columns(metrics), rows)


def compare_table(
    metrics: Mapping[str, Any], place: str | None = None
) -> tuple[list[Column], list[list[Cell]]]:
    """A comparison's, or another place's: a row or a column for each, whichever is narrower."""
    compared = comparison(metrics) if place is None else part(metrics, place)
    found = [settings(row) for row in compared.get("rows") or ()]
    keys = list(dict.fromkeys(key for row in found for key in row))
    numbers = {key for key in keys if any(isinstance(row.get(key), int | float) for row in found)}
    # Where a method's own run folder lies is in metrics.json.
    keys = [key for key in keys if key != "folder"]
    rows = [
        [
            Cell(words_of(value), title=explanation(value))
            if key == "stop_reason"
            else Cell(shown(key, value))
            for key, value in ((key, row.get(key)) for key in keys)
        ]
        for row in found
    ]
    if len(rows) >= len(keys) or keys[0] != "method":
        return [Column(named(key), number=key in numbers) for key in keys], rows
    names, *columns = zip(*rows, strict=True)
    turned = [[Cell(named(key)), *cells] for key, cells in zip(keys[1:], columns, strict=True)]
    return [Column("method"), *(Column(name.text, number=True) for name in names)], turned


def label_table(metrics: Mapping[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    """The most probable labels of a picture; no rows where it was not classified."""
    columns = [
        Column("number"),
        Column("label"),
        Column("synset of WordNet"),
        Column("probability", number=True),
    ]
    rows = [
        texts(
            [
                str(label.get("index")),
                label.get("name") or NONE,
                label.get("synset") or NONE,
                share_of(label.get("probability")),
            ]
        )
        for label in part(metrics, "classify").get("labels") or ()
    ]
    return _filled(columns, rows)


def _filled(columns: list[Column], rows: list[list[Cell]]) -> tuple[list[Column], list[list[Cell]]]:
    kept = [k for k in range(len(columns)) if any(row[k].text != NONE for row in rows)]
    return [columns[k] for k in kept], [[row[k] for k in kept] for row in rows]
