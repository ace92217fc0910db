"""What a probe looks like: scores with their intervals, learning curves, what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from decouple.record.metrics import read_metrics
from decouple.report import style
from decouple.report.template import Cell, Column, texts
from decouple.report.wording import NONE, part

# Of classes whose names and counts fit a panel.
_MOST_NAMED = 16
_PANEL_INCHES = 3.2
# Kinds shown in confusion matrices.
_SHOWN = 3


def interval(row: Mapping[str, Any], name: str, signed: bool = False) -> str:
    """A number with its 95 % interval, `0.812 (0.790 to 0.834)`; of one split without."""
    values = [row.get(key) for key in (name, f"{name}_low", f"{name}_high")]
    if values[0] is None:
        return NONE
    spec = _spec(max(abs(value) for value in values if value is not None), signed)
    told = [NONE if v is None else format(v, spec).replace("-", "−") for v in values]
    return told[0] if values[1] is None else f"{told[0]} ({told[1]} to {told[2]})"


def _spec(largest: float, signed: bool) -> str:
    """Three digits of the largest number."""
    digits = 3 if largest == 0 else max(3, 2 - int(np.floor(np.log10(largest))))
    return f"{'+' if signed else ''}.{digits}f"


def verdict(row: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Whether a kind of features is better than raw ones, in words."""
    low, high = row.get("difference_low"), row.get("difference_high")
    if low is None or high is None:
        return "one split has no interval"
    if low <= 0 <= high:
        return "not told apart from raw"
    rises = low > 0
    return "better than raw" if rises == (own.get("score") == "accuracy") else "worse than raw"


def score_table(metrics: Mapping[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    """A row for each kind of features; no rows where there was no probe."""
    own = part(metrics, "probe")
    columns = [
        Column("features"),
        Column("numbers", number=True),
        Column(str(own.get("score", "score")), number=True),
        Column("difference to raw", number=True),
        Column("p", number=True),
        Column(""),
    ]
    rows = []
    for row in own.get("rows") or ():
        p = row.get("difference_p")
        rows.append(
            texts(
                [
                    str(row.get("features")),
                    str(row.get("dimensions")),
                    interval(row, "score"),
                    interval(row, "difference", signed=True),
                    NONE if p is None else f"{p:.2g}",
                    "" if row.get("features") == "raw" else verdict(row, own),
                ]
            )
        )
    return columns, rows


def reading(metrics: Mapping[str, Any]) -> str:
    """How the table is to be read, and on what it stands."""
    own = part(metrics, "probe")
    if not own:
        return ""
    classes = own.get("labels")
    of = f"{len(classes)} classes" if classes else "labels that are numbers"
    groups = f", {own['groups']} groups of which none is on both sides" if own.get("groups") else ""
    lost = f"; {own['left_out']} more lack features" if own.get("left_out") else ""
    others = [row["features"] for row in own["rows"] if row["features"] not in _OWN]
    leading = f"; of {', '.join(others)} the leading components" if others else ""
    chance = "the most frequent class" if classes else "the mean label"
    return (
        f"{own['pictures']} pictures with {of}{groups}{lost}. Classifier {own['classifier']}, "
        f"{own['repeats']} times {own['folds']} folds: trained on {own['trained']:.4g} pictures, "
        f"tested on {own['tested']:.4g}, the same for all. Without features ({chance}): "
        f"{own['chance']:.3g}. In brackets 95 % intervals, corrected for the overlap of training "
        "sets (Nadeau & Bengio 2003). projections: of both kinds, by random matrices, as many as "
        f"there are raw features{leading}."
    )


_OWN = ("raw", "decoupled", "both", "projections")


def plot_learning(run_dir: str | Path) -> Path | None:
    """Draw `plots/learning_curves.png`: scores by training pictures, and differences to raw ones.

    None where there was one size.

    Raises
    ------
    RunFolderError : the figure cannot be written.
    """
    metrics = read_metrics(run_dir)
    own = part(metrics, "probe")
    learning = part(own, "learning")
    if len(learning.get("sizes") or ()) < 2:
        return None
    with style.context():
        figure = style.new_figure(style.PAGE_INCHES, 4.0, layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_curves(left, learning, "score")
        _draw_curves(right, learning, "difference")
        if own.get("chance") is not None and own["score"] != "accuracy":
            left.set_yscale("log")
            left.axhline(own["chance"], color="#888888", linewidth=0.8)
        right.axhline(0, color="#888888", linewidth=0.8)
        left.set_ylabel(str(own["score"]))
        right.set_ylabel(f"difference of {own['score']} to raw")
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=6)
        return style.save_figure(figure, Path(run_dir) / "plots" / "learning_curves.png")


def _draw_curves(axes: Axes, learning: Mapping[str, Any], name: str) -> None:
    """A line for each kind with its intervals, set apart a little so that all are seen."""
    kinds = list(dict.fromkeys(row["features"] for row in learning["rows"]))
    for number, kind in enumerate(kinds):
        rows = [r for r in learning["rows"] if r["features"] == kind and r.get(name) is not None]
        if not rows:
            continue
        colour = list(style.PALETTE.values())[number % len(style.PALETTE)]
        at = np.array([row["trained"] for row in rows]) * 1.015 ** (number - len(kinds) / 2)
        middle = [row[name] for row in rows]
        low, high = ([r.get(f"{name}_{end}", r[name]) for r in rows] for end in ("low", "high"))
        axes.plot(at, middle, color=colour, label=style.literal(kind), marker="o", markersize=3)
        axes.vlines(at, low, high, color=colour, linewidth=0.8, alpha=0.6)
    axes.set_xscale("log")
    axes.set_xticks(learning["sizes"], [str(size) for size in learning["sizes"]])
    axes.minorticks_off()
    axes.set_xlabel("training pictures")


def plot_confusion(run_dir: str | Path) -> Path | None:
    """Draw `plots/confusion.png`: how often each class is taken for which; None without classes.

    Raises
    ------
    RunFolderError : the figure cannot be written.
    """
    own = part(read_metrics(run_dir), "probe")
    counts = part(part(own, "confusion"), "true_by_predicted")
    if not counts:
        return None
    names = list(part(own, "labels"))
    with style.context():
        figure, panels = _row_of_panels(min(len(counts), _SHOWN))
        for axes, (kind, held) in zip(panels, counts.items(), strict=False):
            shares = np.array(held, float) / np.maximum(np.sum(held, axis=1, keepdims=True), 1)
            axes.imshow(shares, cmap="cividis_r", vmin=0, vmax=1)
            axes.set_title(style.literal(kind))
            axes.grid(False)
            _name(axes, names, shares)
        panels[0].set_ylabel("true")
        figure.supxlabel("taken for (share of each row)", fontsize=9)
        return style.save_figure(figure, Path(run_dir) / "plots" / "confusion.png")


def _name(axes: Axes, names: list[str], shares: np.ndarray) -> None:
    """Names of classes, and shares of 1 % or more, where there is room."""
    if len(names) > _MOST_NAMED:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    shown = [style.literal(name if len(name) <= 12 else f"{name[:11]}…") for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=90)
    axes.set_yticks(range(len(names)), shown)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            colour = "white" if share > 0.5 else "black"
            text = f"{100 * share:.0f}"
            axes.text(column, row, text, color=colour, ha="center", va="center", fontsize=6)


def plot_predicted(run_dir: str | Path) -> Path | None:
    """Draw `plots/predicted.png`: predicted numbers against the true ones; None for classes.

    Raises
    ------
    RunFolderError : the figure cannot be written.
    """
    own = part(read_metrics(run_dir), "probe")
    predicted = dict(part(own, "predicted"))
    if not predicted:
        return None
    true = predicted.pop("true")
    with style.context():
        figure, panels = _row_of_panels(min(len(predicted), _SHOWN))
        for axes, (kind, held) in zip(panels, predicted.items(), strict=False):
            axes.plot(true, held, ".", color=style.PALETTE["blue"], markersize=4)
            axes.plot(
                [min(true), max(true)], [min(true), max(true)], color="#888888", linewidth=0.8
            )
            axes.set_title(style.literal(kind))
        panels[0].set_ylabel("predicted, mean over the repeats")
        figure.supxlabel("true", fontsize=9)
        return style.save_figure(figure, Path(run_dir) / "plots" / "predicted.png")


def _row_of_panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = style.new_figure(_PANEL_INCHES * count, _PANEL_INCHES + 0.5, layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])
