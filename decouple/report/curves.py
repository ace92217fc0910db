"""Loss curves: feature MSE against network passes, a figure for each stage."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from decouple.record.history import HistoryRow, read_history
from decouple.record.metrics import read_metrics
from decouple.record.progress import stage_name
from decouple.report import style

FLOOR = 1e-18
"""What a logarithmic axis shows in place of zero, far below float32's smallest differences."""

DASHED = (0, (5, 3))
"""The line style of thresholds."""

_COLUMNS = 3
_FEW_POINTS = 20
_TITLE_INCHES = 0.3
_PANEL_INCHES = 2.8
_ENTRY_INCHES = 1.6  # of the legend
# Of an objective: colour and width of the line.
_PARTS = {
    "total": (style.PALETTE["black"], 2.0),
    "content": (style.PALETTE["blue"], 1.2),
    "style": (style.PALETTE["vermillion"], 1.2),
    "variation": (style.PALETTE["green"], 1.2),
}


def plot_losses(run_dir: str | Path) -> list[Path]:
    """Draw `plots/loss_<stage>.png` for each stage in history.csv that moved features.

    Stages that are numbered share a figure. Each has a panel for each active layer, or number, in
    the order in which they happened, and in it a curve for each layer that was tracked. Where a
    loss was descended, its threshold (in metrics.json, `stages[].threshold`) is dashed.

    Returns
    -------
    The files, in the order of the stages; none where there is no history.

    Raises
    ------
    RunFolderError
        when a figure cannot be written.
    """
    return _plot(Path(run_dir), lambda row: bool(row.feature_mse))


def plot_objectives(run_dir: str | Path) -> list[Path]:
    """Draw `plots/loss_<stage>.png` for each stage in history.csv that descended an objective.

    Returns
    -------
    The files, in the order of the stages; none where there is no such stage.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    return _plot(Path(run_dir), lambda row: bool(row.losses))


def _plot(run_dir: Path, wanted: Callable[[HistoryRow], bool]) -> list[Path]:
    path = run_dir / "history.csv"
    if not path.exists():
        return []
    rows, metrics = read_history(path), read_metrics(run_dir)
    layers = layers_in(rows)
    written = []
    for stage, of_stage in by_figure(filter(wanted, rows)).items():
        with style.context():
            figure = stage_figure(stage, of_stage, layers, metrics)
            written.append(style.save_figure(figure, run_dir / "plots" / f"loss_{stage}.png"))
    return written


def layers_in(rows: Iterable[HistoryRow]) -> list[str]:
    """All layers that were tracked, in the network's order."""
    return list(dict.fromkeys(layer for row in rows for layer in row.feature_mse))


def by_figure(rows: Iterable[HistoryRow]) -> dict[str, list[HistoryRow]]:
    """Rows by the stage that a figure is of: those that move features share one if numbered."""
    found: dict[str, list[HistoryRow]] = {}
    for row in rows:
        if row.feature_mse or row.losses:
            stage = row.stage if row.losses else _unnumbered(row.stage)
            found.setdefault(stage, []).append(row)
    return found


def stage_figure(
    stage: str, rows: Sequence[HistoryRow], layers: Sequence[str], metrics: Mapping[str, Any]
) -> Figure:
    """The figure of a stage, which `by_figure` names: an objective's, or small multiples."""
    if rows[0].losses:
        return objective_figure(rows, metrics)
    return loss_figure(stage, _segments(rows), layers, metrics)


def objective_figure(rows: Sequence[HistoryRow], metrics: Mapping[str, Any]) -> Figure:
    """The whole and its weighted parts, which add up to it, against network passes.

    Parameters
    ----------
    rows : of one stage, with losses
    metrics : for the caption, and for the values at the start; may be empty
    """
    width, height = 6.6, 4.2
    figure = style.new_figure(width, height)
    lines = style.wrapped(style.caption(metrics), width - 0.2)
    style.put_caption(figure, lines)
    kind = f", experiment {metrics['experiment']}" if metrics.get("experiment") else ""
    style.put_title(figure, f"{stage_name(rows[0].stage).capitalize()}{kind}")
    axes = figure.subplots()
    axes.set_yscale("log")
    before = [
        row["losses_before"]
        for row in metrics.get("stages") or ()
        if row.get("stage") == rows[0].stage and "losses_before" in row
    ]
    # Each is counted after its evaluations; the start has been seen before all.
    points = [(0, losses) for losses in before[:1]]
    points += [(row.passes, row.losses) for row in rows]
    for name, (colour, line) in _PARTS.items():
        seen = [(passes, losses[name]) for passes, losses in points if losses.get(name, 0) > 0]
        if seen:
            axes.plot(
                *zip(*seen, strict=True),
                color=colour,
                linewidth=line,
                marker="o" if len(seen) <= _FEW_POINTS else None,
                markersize=3,
                label=name,
            )
    style.widen_to_decades(axes)
    axes.set_xlabel("network passes")
    axes.set_ylabel("weighted loss")
    figure.legend(
        loc="upper left", bbox_to_anchor=(0, 1 - _TITLE_INCHES / height), ncols=len(_PARTS)
    )
    bottom = 0.6 + style.LINE_INCHES * len(lines)
    figure.subplots_adjust(
        left=0.85 / width,
        right=1 - 0.15 / width,
        bottom=bottom / height,
        top=1 - (_TITLE_INCHES + 0.4) / height,
    )
    return figure


def _unnumbered(stage: str) -> str:
    """A stage's name without its number.

    >>> [_unnumbered(stage) for stage in ("frame_12", "noisify_source")]
    ['frame', 'noisify_source']
    """
    return re.sub(r"_\d+$", "", stage)


def _segments(rows: Iterable[HistoryRow]) -> list[list[HistoryRow]]:
    """Rows of a stage, cut where another layer or number, or the same one anew, begins."""
    count = 0

    def segment(row: HistoryRow) -> tuple[str, str, int]:
        nonlocal count
        count += row.step == 1
        return row.stage, row.layer, count

    return [list(group) for _, group in groupby(rows, key=segment)]


def loss_figure(
    stage: str,
    segments: Sequence[Sequence[HistoryRow]],
    layers: Sequence[str],
    metrics: Mapping[str, Any],
) -> Figure:
    """Small multiples with a common y axis.

    Parameters
    ----------
    stage : its name in history.csv
    segments : for each panel, the steps of one active layer
    layers : all layers of the run, in the network's order
    metrics : for the caption and the thresholds; may be empty
    """
    columns = min(len(segments), _COLUMNS)
    lines = math.ceil(len(segments) / columns)
    width = {1: 6.6, 2: 8.0}.get(columns, style.PAGE_INCHES)
    caption = style.caption(metrics)
    kind = f", experiment {metrics['experiment']}" if metrics.get("experiment") else ""
    thresholds = thresholds_of(stage, metrics)
    lowest = min(
        (mse for rows in segments for row in rows for mse in row.feature_mse.values()),
        default=math.inf,
    )
    if lowest < FLOOR:
        caption += f"\nValues below {FLOOR:.0e}, zero included, are drawn at {FLOOR:.0e}."
    caption_lines = style.wrapped(caption, width - 0.2)

    handles = _legend(segments, layers, bool(thresholds))
    across = max(int(width / _ENTRY_INCHES), 1)
    legend = 0.1 + 0.19 * math.ceil(len(handles) / across)
    below = 0.16 + style.LINE_INCHES * len(caption_lines)
    height = _TITLE_INCHES + legend + _PANEL_INCHES * lines + below

    figure = style.new_figure(width, height)
    style.put_caption(figure, caption_lines)
    style.put_title(figure, f"{stage_name(stage).capitalize()}{kind}")
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, 1 - _TITLE_INCHES / height),
        ncols=across,
    )
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for axes, rows in zip(panels, segments, strict=False):
        _draw(axes, rows, layers, thresholds.get(rows[0].layer))
    style.widen_to_decades(panels[0])
    for axes in panels[len(segments) :]:
        axes.remove()
    # A panel with nothing below it carries the labels of its column.
    for axes in panels[max(len(segments) - columns, 0) : len(segments)]:
        axes.set_xlabel("network passes")
    for axes in panels[: len(segments) : columns]:
        axes.set_ylabel(style.squared("feature MSE", metrics))

    # Placed in inches: the labels take the same room whatever the number of panels.
    figure.subplots_adjust(
        left=0.85 / width,
        right=1 - 0.15 / width,
        bottom=(below + 0.5) / height,
        top=1 - (_TITLE_INCHES + legend + 0.3) / height,
        wspace=0.08,
        hspace=0.42,
    )
    return figure


def _draw(
    axes: Axes, rows: Sequence[HistoryRow], layers: Sequence[str], threshold: float | None
) -> None:
    active, stage = rows[0].layer, rows[0].stage
    numbered = stage != _unnumbered(stage)
    axes.set_yscale("log")
    axes.set_title(stage_name(stage) if numbered else f"{active} moves")
    passes = [row.passes for row in rows]
    for position, layer in enumerate(layers):
        mse = np.array([row.feature_mse.get(layer, math.nan) for row in rows])
        if np.isnan(mse).all():
            continue
        mse = np.where(np.isfinite(mse), np.maximum(mse, FLOOR), math.nan)
        colour, dashes = style.layer_look(layer, position)
        axes.plot(
            passes,
            mse,
            color=colour,
            linestyle=dashes,
            linewidth=2.0 if layer == active else 0.9,
            marker="o" if len(rows) <= _FEW_POINTS else None,
            markersize=3,
            zorder=3 if layer == active else 2,
        )
    if threshold is not None:
        axes.axhline(threshold, color="#555555", linestyle=DASHED, linewidth=1.0, zorder=1)
    axes.locator_params(axis="x", nbins=5)


def _legend(
    segments: Sequence[Sequence[HistoryRow]], layers: Sequence[str], threshold: bool
) -> list[Line2D]:
    shown = {layer for rows in segments for row in rows for layer in row.feature_mse}
    handles = []
    for position, layer in enumerate(layers):
        if layer in shown:
            colour, dashes = style.layer_look(layer, position)
            handles.append(Line2D([], [], color=colour, linestyle=dashes, label=layer))
    if threshold:
        handles.append(
            Line2D([], [], color="#555555", linestyle=DASHED, label="threshold of the loss")
        )
    return handles


def thresholds_of(stage: str, metrics: Mapping[str, Any]) -> dict[str, float]:
    """{active layer: threshold of its loss} of a stage."""
    found: dict[str, float] = {}
    for row in metrics.get("stages", ()):
        value = row.get("threshold")
        if row.get("stage") == stage and value is not None and 0 < value < math.inf:
            found.setdefault(row["layer"], float(value))
    return found
