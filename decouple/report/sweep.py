"""report.html of a sweep: what its runs differ in, side by side."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count, groupby
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from decouple import files
from decouple.errors import ConfigError
from decouple.overrides import differences, read_config, settings, word
from decouple.record.history import HistoryRow, read_history
from decouple.record.metrics import read_metrics
from decouple.record.progress import stage_name
from decouple.report import facts, style, wording
from decouple.report.curves import FLOOR
from decouple.report.linked import address_of, measures
from decouple.report.sweep_pictures import Window, grid_of, telling_window
from decouple.report.template import Cell, Column, Embedded, render, texts

_THUMBNAIL = 480  # pixels, twice what is shown, for finely resolved screens
_COLOURS = tuple(colour for name, colour in style.PALETTE.items() if name != "yellow")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1, 2)))
_MOST_CURVES = len(_COLOURS) * len(_DASHES)
_ACROSS = 3
_LABEL = 70  # characters of a legend entry


class Ended(str, Enum):
    """How a run of the sweep ended that did not finish."""

    FAILED = "failed"
    CUT = "was cut"
    NOT_RUN = "was not run"


@dataclass(frozen=True)
class Failure:
    """A run of the sweep that did not finish.

    Attributes
    ----------
    config : its configuration in plain containers
    reason : in one line
    folder : its run folder, where it left one
    ended : how
    """

    config: Mapping[str, Any]
    reason: str
    folder: Path | None = None
    ended: Ended = Ended.FAILED


@dataclass(frozen=True)
class _Cell:
    """One run of the sweep, finished or not; numbered from 1 in the order of the runs."""

    number: int
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    folder: Path | None = None
    reason: str = ""
    ended: str = ""
    differing: str = ""

    @property
    def label(self) -> str:
        return f"{self.number}: {self.differing}" if self.differing else str(self.number)

    def address(self, page: Path) -> str:
        """Of its own page, from another."""
        return address_of(self.folder, page, finished=not self.reason)


@dataclass(frozen=True)
class _Tile:
    """What is shown of a run: its result, a crop of that, and the address of its page."""

    cell: _Cell
    picture: Embedded | None = None
    crop: Embedded | None = None
    address: str = ""


def write_sweep_page(
    outcomes: Sequence[str | Path | Failure], path: str | Path, go_on: str | None = None
) -> Path:
    """Write one page for all runs of a sweep.

    Parameters
    ----------
    outcomes : in the order of the runs, the run folder of each, or how it failed
    path : of the page; runs are linked to by relative addresses
    go_on : the command that goes on with the sweep, where runs are left

    Returns
    -------
    The file.

    Raises
    ------
    RunFolderError
        when the page cannot be written.
    """
    path = Path(path)
    cells = [_cell(number, outcome) for number, outcome in enumerate(outcomes, start=1)]
    columns, values = _differing([cell.config for cell in cells])
    cells = [
        replace(cell, differing=", ".join(map("=".join, zip(columns, row, strict=True))))
        for cell, row in zip(cells, values, strict=True)
    ]
    failed = [cell for cell in cells if cell.reason]
    runs = [cell for cell in cells if not cell.reason]
    done = f"{len(runs)} of {len(cells)} runs" if failed else f"{len(cells)} runs"
    experiments = dict.fromkeys(facts.title(cell.metrics, cell.config) for cell in cells)
    pictures = [cell.folder / "images" / "result.png" for cell in cells if cell.folder is not None]
    window = telling_window(pictures)
    html = render(
        "sweep.html.jinja",
        title=f"Sweep: {', '.join(experiments)}",
        name=path.resolve().parent.name,
        sentence=f"{done} finished. "
        + (f"They differ in {_listed(columns)}." if columns else "They do not differ."),
        tiles=[_tile(cell, window, path) for cell in cells],
        grid=grid_of(columns, values),
        window=window,
        results=_results(columns, values, cells, path),
        failures=[(cell, cell.address(path)) for cell in failed],
        go_on=go_on,
        curves=_curves(runs),
        runs=len(runs),
        most=_MOST_CURVES,
    )
    with files.disk_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, html)
    return path


def _cell(number: int, outcome: str | Path | Failure) -> _Cell:
    if isinstance(outcome, Failure):
        return _Cell(
            number, outcome.config, {}, outcome.folder, outcome.reason, outcome.ended.value
        )
    folder = Path(outcome)
    return _Cell(number, read_config(folder), read_metrics(folder), folder)


def _differing(configs: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The settings in which configurations differ, and for each configuration their values."""
    try:
        changed = [{c.setting: c.value for c in differences(config)} for config in configs]
    except ConfigError:  # of another version: then every setting counts, as it is
        changed = [
            {key.removesuffix(".name"): value for key, value in settings(config).items()}
            for config in configs
        ]
    names = dict.fromkeys(name for each in changed for name in each if name != "run_dir")
    values = {
        name: [
            word(each[name]) if name in each else _default(name, config)
            for each, config in zip(changed, configs, strict=True)
        ]
        for name in names
    }
    order = [key.removesuffix(".name") for config in configs for key in settings(config)]
    kept = sorted((name for name in names if len(set(values[name])) > 1), key=order.index)
    return kept, [[values[name][k] for name in kept] for k in range(len(configs))]


def _default(name: str, config: Mapping[str, Any]) -> str:
    """The value of a setting that was left as it is; a dash where the choices made lack it."""
    flat = settings(config)
    return next((word(flat[key]) for key in (name, f"{name}.name") if key in flat), "–")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _tile(cell: _Cell, window: Window | None, path: Path) -> _Tile:
    if cell.folder is None:
        return _Tile(cell)
    result = cell.folder / "images" / "result.png"
    return _Tile(
        cell,
        Embedded.of(result, largest=_THUMBNAIL),
        None if window is None else window.crop(result),
        cell.address(path),
    )


def _results(
    names: Sequence[str], values: Sequence[Sequence[str]], cells: Sequence[_Cell], path: Path
) -> tuple[list[Column], list[list[Cell]]]:
    """A row for each finished run: its settings, headline numbers, cost, and why it ended."""
    runs = [(cell, row) for cell, row in zip(cells, values, strict=True) if not cell.reason]
    found = [measures(cell.metrics) for cell, _ in runs]
    titles = list(dict.fromkeys(title for each in found for title in each))
    columns = [
        Column("run", number=True),
        *(Column(name) for name in names),
        *(Column(title, number=True) for title in titles),
        Column("passes", number=True),
        Column("seconds", number=True),
        Column("ended"),
    ]
    rows = []
    for (cell, row), measured in zip(runs, found, strict=True):
        passes = [stage.get("passes") or 0 for stage in cell.metrics.get("stages") or ()]
        reason = facts.worst_reason(cell.metrics)
        rows.append(
            [
                Cell(str(cell.number), link=cell.address(path)),
                *texts(row),
                *texts([measured.get(title, "–") for title in titles]),
                Cell(f"{sum(passes):,}" if passes else "–"),
                Cell(wording.shown("seconds", cell.metrics.get("seconds"))),
                Cell(wording.words_of(reason), title=wording.explanation(reason)),
            ]
        )
    return columns, rows


def _curves(runs: Sequence[_Cell]) -> Embedded | None:
    """Loss curves of all runs as one figure; None where no run has any."""
    histories = []
    for cell in runs[:_MOST_CURVES]:
        path = cell.folder / "history.csv" if cell.folder is not None else None
        if path is not None and path.exists():
            histories.append((cell.label, read_history(path)))
    if not any(_by_place(rows) for _, rows in histories):
        return None
    with style.context():
        figure = overview_figure(histories)
        content = io.BytesIO()
        # Without the name of the software, whose version would change the bytes.
        figure.savefig(content, format="png", metadata={"Software": None})
        width, height = figure.canvas.get_width_height()
    return Embedded.of_bytes(content.getvalue(), width, height, style.DPI)


def overview_figure(histories: Sequence[tuple[str, Sequence[HistoryRow]]]) -> Figure:
    """Loss, or feature MSE of the active layer, against network passes, a line for each run.

    Parameters
    ----------
    histories : (label, rows of history.csv) of each run; at least one has rows with either

    Returns
    -------
    A figure with a panel for each stage and layer that any run has, in the order in which they
    first occur, and the legend above.
    """
    segments = [(label, _by_place(rows)) for label, rows in histories]
    places = list(dict.fromkeys(place for _, found in segments for place in found))
    columns = min(len(places), _ACROSS)
    lines = -(-len(places) // columns)
    width = {1: 6.6, 2: 8.0}.get(columns, style.PAGE_INCHES)
    labels = [label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…" for label, _ in segments]
    # DejaVu Sans at 9 points is about 0.075 inches wide on average; the line needs 0.5 more.
    entries = max(int((width - 0.2) / (0.075 * max(map(len, labels)) + 0.5)), 1)
    legend = 0.15 + 0.19 * -(-len(labels) // entries)
    height = legend + 2.7 * lines + 0.55
    figure = style.new_figure(width, height)
    figure.legend(
        handles=[
            Line2D([], [], color=colour, linestyle=dashes, label=style.literal(label))
            for label, (colour, dashes) in zip(labels, map(_look, count()), strict=False)
        ],
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncols=entries,
        columnspacing=1.2,
    )
    grid = list(figure.subplots(lines, columns, sharey=True, squeeze=False).flat)
    for axes, place in zip(grid, places, strict=False):
        axes.set_yscale("log")
        axes.set_title(", ".join(filter(None, (stage_name(place[0]), place[1]))))
        for position, (_, found) in enumerate(segments):
            rows = found.get(place, [])
            colour, dashes = _look(position)
            axes.plot(
                [row.passes for row in rows],
                [max(_error(row) or 0.0, FLOOR) for row in rows],
                color=colour,
                linestyle=dashes,
                marker="o" if len(rows) == 1 else None,
                markersize=3,
            )
        axes.locator_params(axis="x", nbins=5)
    style.widen_to_decades(grid[0])
    for axes in grid[len(places) :]:
        axes.remove()
    for axes in grid[max(len(places) - columns, 0) : len(places)]:
        axes.set_xlabel("network passes")
    for axes in grid[: len(places) : columns]:
        axes.set_ylabel("feature MSE" if places[0][1] else "weighted loss")
    figure.subplots_adjust(
        left=0.85 / width,
        right=1 - 0.15 / width,
        bottom=0.55 / height,
        top=1 - (legend + 0.3) / height,
        wspace=0.08,
        hspace=0.42,
    )
    return figure


def _look(position: int) -> tuple[str, Any]:
    """Colour and dashes of a run, different for `_MOST_CURVES` of them."""
    return _COLOURS[position % len(_COLOURS)], _DASHES[position // len(_COLOURS) % len(_DASHES)]


def _error(row: HistoryRow) -> float | None:
    """What the step was to lessen: the loss of an objective, else the active layer's MSE."""
    return row.losses.get("total", row.feature_mse.get(row.layer))


def _by_place(rows: Sequence[HistoryRow]) -> dict[tuple[str, str], list[HistoryRow]]:
    """Steps at which the active layer was measured, by stage and layer; the last attempt."""
    found = {}
    for place, steps in groupby(rows, key=lambda row: (row.stage, row.layer)):
        measured = [row for row in steps if _error(row) is not None]
        if measured:
            found[place] = measured
    return found
