"""What a table of features looks like: its first rows, what lacks features, how they spread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine

from decouple.errors import RunFolderError
from decouple.record.feature_rows import DONE
from decouple.record.feature_table import (
    CSV,
    DECOUPLED,
    RAW,
    TEXTS,
    columns_of,
    lines_of,
    read_about,
)
from decouple.record.metrics import read_metrics
from decouple.report import style
from decouple.report.template import Cell, Column, texts
from decouple.report.wording import NONE

# Of a table that may be long.
_ROWS, _FAILED, _DRAWN = 10, 20, 1000
_SHOWN = ("path", "label", "height", "width", "status")
_BINS = 60
_PANEL_INCHES, _PAD = 2.2, 0.15


def first_rows(run_dir: str | Path) -> tuple[list[Column], list[list[Cell]]]:
    """Columns and rows of the first pictures and of the first that lack features.

    No rows where the folder has no table.
    """
    places = [TEXTS.index(name) for name in _SHOWN]
    found, failed = [], 0
    try:
        for number, cells in enumerate(_cells(Path(run_dir) / CSV)):
            lacking = cells[TEXTS.index("status")] != DONE
            failed += lacking
            if number < _ROWS or (lacking and failed <= _FAILED):
                found.append(texts([cells[place] or NONE for place in places]))
    except RunFolderError:
        found = []
    numbers = ("height", "width")
    return [Column(name, number=name in numbers) for name in _SHOWN], found


def plot_features(run_dir: str | Path) -> Path | None:
    """Draw `plots/features.png`: how raw and decoupled features of each layer are distributed.

    Of the first 1000 pictures that have all; None where none has.

    Raises
    ------
    RunFolderError
        when the table cannot be read, or the figure not be written.
    """
    run_dir = Path(run_dir)
    about = read_about(run_dir / CSV)
    whole = (c for c in _cells(run_dir / CSV) if c[TEXTS.index("status")] == DONE)
    held = np.array([cells[len(TEXTS) :] for cells in islice(whole, _DRAWN)], np.float64)
    if not held.size:
        return None
    kinds = [name.rpartition(".")[0] for name in list(columns_of(about))[len(TEXTS) :]]
    with style.context():
        return _drawn(run_dir, about, held, np.array(kinds))


def _drawn(run_dir: Path, about: Mapping[str, Any], held: np.ndarray, kinds: np.ndarray) -> Path:
    layers = list(about["channels"])
    caption = style.wrapped(style.caption(read_metrics(run_dir)), style.PAGE_INCHES - 0.2)
    below = _PAD + style.LINE_INCHES * len(caption)
    height = below + _PAD + _PANEL_INCHES * len(layers)
    above_caption = ConstrainedLayoutEngine(rect=(0, below / height, 1, 1 - below / height))
    figure = style.new_figure(style.PAGE_INCHES, height, layout=above_caption)
    panels = figure.subplots(len(layers), squeeze=False)[:, 0]
    for layer, axes in zip(layers, panels, strict=True):
        values = {kind: held[:, kinds == f"{kind}.{layer}"].ravel() for kind in (RAW, DECOUPLED)}
        edges = np.histogram_bin_edges(np.concatenate(list(values.values())), _BINS)
        for (kind, some), colour in zip(values.items(), ("blue", "vermillion"), strict=True):
            axes.hist(some, edges, histtype="step", color=style.PALETTE[colour], label=kind)
        axes.set_title(style.literal(layer))
        axes.set_ylabel(f"features of {len(held)} pictures")
    panels[-1].set_xlabel("feature")
    panels[0].legend()
    style.put_caption(figure, caption)
    return style.save_figure(figure, run_dir / "plots" / "features.png")


def _cells(table: Path) -> Iterator[list[str]]:
    """The rows of a table; none where there is no table."""
    if table.exists():
        with lines_of(table, read_about(table)) as lines:
            yield from lines
