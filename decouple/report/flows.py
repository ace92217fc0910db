"""Flows compared: what each method reaches, holds and gives back, and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from decouple.record.metrics import read_metrics
from decouple.report import style
from decouple.report.wording import group_of

_MSE_FLOOR = 1e-16
_COLOURS = {
    "lift": style.PALETTE["blue"],
    "projected_channel": style.PALETTE["green"],
    "projected_layer": style.PALETTE["purple"],
    "gradient": style.PALETTE["vermillion"],
}


def plot_flows(run_dir: str | Path) -> Path:
    """Draw `plots/compare_flows.png` from `compare_flows.rows` of metrics.json.

    Four panels with a row for each method: PSNR of the round trip, largest MSE of the active and
    of the held layers at the ends of the stages, network passes. A method that failed has no dot.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    metrics = read_metrics(run_dir)
    rows, groups = metrics["compare_flows"]["rows"], f"{group_of(metrics)}s"
    with style.context():
        height = 1.46 + 0.27 * len(rows)
        figure = style.new_figure(style.PAGE_INCHES, height)
        style.put_title(figure, "Self-transfer by every flow")
        style.put_caption(figure, style.wrapped(style.caption(metrics), style.PAGE_INCHES - 0.2))
        panels = figure.subplots(1, 4, sharey=True)
        _dots(panels[0], rows, "round trip,\nPSNR (dB)", lambda row: row["psnr_db"])
        _dots(
            panels[1],
            rows,
            style.squared(f"active {groups},\nMSE", metrics),
            lambda row: row["active_mse"],
            log=True,
        )
        _dots(
            panels[2],
            rows,
            style.squared(f"held {groups},\nMSE", metrics),
            lambda row: row["held_mse"],
            log=True,
        )
        _dots(panels[3], rows, "network\npasses", lambda row: row["passes"])
        panels[0].set_yticks(range(len(rows)), [row["method"].replace("_", " ") for row in rows])
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        figure.subplots_adjust(
            left=0.19, right=0.98, bottom=0.88 / height, top=1 - 0.38 / height, wspace=0.12
        )
        return style.save_figure(figure, run_dir / "plots" / "compare_flows.png")


def _dots(
    axes: Axes,
    rows: list[Mapping[str, Any]],
    title: str,
    value_of: Callable[[Mapping[str, Any]], float | None],
    log: bool = False,
) -> None:
    largest = 0.0
    for place, row in enumerate(rows):
        value = value_of(row)
        if value is None:
            continue
        largest = max(largest, value)
        colour = _COLOURS.get(row["method"].split(":")[0], style.PALETTE["black"])
        axes.plot(max(value, _MSE_FLOOR) if log else value, place, "o", color=colour, markersize=6)
    if log:
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, 1.08 * largest or 1.0)  # whole, the dot at the right edge
    axes.set_xlabel(title)
