"""Style against structure, as a figure, and who has more of both: what comparisons share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from decouple.report import style

# Names of a line of the legend.
_A_LINE = 5

Place = tuple[float, float]
"""SSIM to the target, more of which is better; Gram distance to the source, less of which is."""


@dataclass(frozen=True)
class Series:
    """A method's images, in the order in which they are joined by a line.

    Attributes
    ----------
    places : of the images
    colour, marker : how they are drawn
    end : what the last of several is called, beside it
    """

    places: tuple[Place, ...]
    colour: str
    marker: str
    end: str = ""


def beaten(place: Place, others: Iterable[Place]) -> bool:
    """Whether one of the others has at least as much structure, and at most as much distance.

    >>> beaten((0.4, 0.5), [(0.5, 0.6), (0.3, 0.4)]), beaten((0.4, 0.5), [(0.5, 0.5)])
    (False, True)
    """
    return any(ssim >= place[0] and gram <= place[1] for ssim, gram in others)


def draw_trade_off(
    path: Path,
    panels: Mapping[str, tuple[Mapping[str, Series], float]],
    made: str,
    shares: Sequence[float],
    columns: int = 2,
) -> None:
    """Style against structure.

    Parameters
    ----------
    path : of the figure
    panels : {title: ({method: its images}, the target's own distance)}
    made : with what, for the caption
    shares : of the content term, along a curve
    columns : panels side by side
    """
    caption = (
        f"{made}. Along a curve the content term's share of the initial gradient goes from "
        f"{shares[0]:g} to {shares[-1]:g}. Better is lower and further right."
    )
    rows = -(-len(panels) // columns)
    names = len(next(iter(panels.values()))[0]) + 1  # and the target
    lines = -(-names // _A_LINE)
    width, top = style.PAGE_INCHES, 0.67 + 0.25 * lines
    height = 0.98 + top + 2.7 * rows
    with style.context():
        figure = style.new_figure(width, height)
        style.put_title(figure, "How much style for how much structure")
        style.put_caption(figure, style.wrapped(caption, width - 0.2))
        grid = figure.subplots(rows, columns, sharey=rows == 1, squeeze=False)
        edges = {"bottom": 1.0 / height, "top": 1 - top / height}
        gaps = {"wspace": 0.06} if rows == 1 else {"wspace": 0.24, "hspace": 0.28}
        figure.subplots_adjust(left=0.11, right=0.98, **edges, **gaps)
        for axes, (title, (methods, target)) in zip(grid.flat, panels.items(), strict=False):
            for name, series in methods.items():
                colour = style.PALETTE[series.colour]
                axes.plot(
                    *zip(*series.places, strict=True),
                    color=colour,
                    marker=series.marker,
                    markersize=12 if series.marker == "*" else 5,
                    linestyle="-" if len(series.places) > 1 else "",
                    label=name,
                )
                if series.end:  # tells which end of the curve is which
                    place = {"xytext": (6, -3), "textcoords": "offset points"}
                    axes.annotate(series.end, series.places[-1], **place, fontsize=8, color=colour)
            axes.margins(x=0.12)
            axes.axhline(target, color="#777777", linestyle="--", label="the target")
            axes.set_yscale("log")
            axes.set_title(title)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes in grid[-1]:
            axes.set_xlabel("SSIM to the target")
        for axes in grid[:, 0]:
            axes.set_ylabel("Gram distance to the source,\nheld-out layers (relative)")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0.0, 1 - 0.3 / height),
            ncols=min(len(labels), _A_LINE),
        )
        style.save_figure(figure, path)
