"""The thesis's way of showing a descent: one panel a step, one curve a layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from decouple.record.history import HistoryRow, read_history
from decouple.record.metrics import read_metrics
from decouple.record.progress import stage_name
from decouple.report import style
from decouple.report.curves import DASHED, thresholds_of

_ROW_INCHES, _TALL_ROW_INCHES = 1.15, 2.6
_TOP_INCHES, _LABEL_INCHES = 0.85, 0.45


def steps_figure(runs: Mapping[str, Path], title: str) -> Figure:
    """The loss of runs that descended one, in the manner of Miralles 2022, figures 4.3 and 4.4.

    A row for each run, a column for each stage, a curve for each layer: the loss that was
    descended while this layer was the active one (the sum of the feature MSEs of the active and
    of the held layers), against network passes. The thresholds are dashed, in the layers' colours.

    Parameters
    ----------
    runs : {label of a row: run folder}
    """
    histories = {label: read_history(folder / "history.csv") for label, folder in runs.items()}
    metrics = {label: read_metrics(folder) for label, folder in runs.items()}
    rows = [row for history in histories.values() for row in history]
    stages = list(dict.fromkeys(row.stage for row in rows))
    layers = list(dict.fromkeys(layer for row in rows for layer in row.feature_mse))
    loss = style.squared("loss", next(iter(metrics.values())))
    each = _ROW_INCHES if len(runs) > 1 else _TALL_ROW_INCHES
    width = style.PAGE_INCHES
    caption = style.wrapped(style.caption(next(iter(metrics.values()))), width - 0.2)
    below = 0.16 + style.LINE_INCHES * len(caption) + _LABEL_INCHES
    height = _TOP_INCHES + each * len(runs) + below
    figure = style.new_figure(width, height)
    style.put_title(figure, title)
    style.put_caption(figure, caption)
    figure.legend(
        handles=[_line(layer, place) for place, layer in enumerate(layers)]
        + [Line2D([], [], color="#555555", linestyle=DASHED, label="threshold")],
        loc="upper left",
        bbox_to_anchor=(0, 1 - 0.3 / height),
        ncols=len(layers) + 1,
    )
    panels = figure.subplots(len(runs), len(stages), sharex="col", sharey="col", squeeze=False)
    for line, (label, history) in zip(panels, histories.items(), strict=True):
        for axes, stage in zip(line, stages, strict=True):
            own = [row for row in history if row.stage == stage]
            _draw(axes, own, layers, thresholds_of(stage, metrics[label]))
        line[0].set_ylabel(label if len(runs) > 1 else loss, rotation="vertical")
    for axes, stage in zip(panels[0], stages, strict=True):
        axes.set_title(stage_name(stage) + (f": {loss}" if len(runs) > 1 else ""))
    for axes in panels[-1]:
        axes.set_xlabel("network passes")
        _label_few_decades(axes)
    figure.subplots_adjust(
        left=0.08,
        right=0.98,
        bottom=below / height,
        top=1 - _TOP_INCHES / height,
        wspace=0.16,
        hspace=0.16,
    )
    return figure


def _label_few_decades(axes: Axes) -> None:
    """Label an x axis of less than two decades at 1, 2 and 5, a y axis at decades alone.

    Otherwise labels such as `3 × 10¹` run into each other.
    """
    low, high = axes.get_xlim()
    if high < 100 * low:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    style.widen_to_decades(axes)
    axes.yaxis.set_minor_formatter(NullFormatter())


def _line(layer: str, place: int) -> Line2D:
    colour, dashes = style.layer_look(layer, place)
    return Line2D([], [], color=colour, linestyle=dashes, label=f"{layer} moves")


def _draw(
    axes: Axes, history: list[HistoryRow], layers: list[str], thresholds: Mapping[str, float]
) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for layer, group in groupby(history, key=lambda row: row.layer):
        rows = list(group)
        colour, dashes = style.layer_look(layer, layers.index(layer))
        losses = [sum(row.feature_mse.values()) for row in rows]
        passes = [row.passes for row in rows]
        few = "o" if len(rows) == 1 else None
        axes.plot(passes, losses, color=colour, linestyle=dashes, marker=few, markersize=3)
        if layer in thresholds:
            axes.axhline(thresholds[layer], color=colour, linestyle=DASHED, linewidth=1.0)
