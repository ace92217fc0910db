"""How far the images of a run are from each other, all from all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from decouple.record.metrics import read_metrics
from decouple.report import style

_KINDS = (("rms", "RMS difference"), ("ssim", "SSIM"))
# Inches: of a cell, and of a matrix, two of which stand side by side.
_CELL, _LEAST, _MOST = 0.42, 1.6, 3.7
_MOST_NUMBERS = 9  # images in a row whose numbers fit their cells


def plot_pairs(run_dir: str | Path) -> Path | None:
    """Draw `plots/pairs.png`: a matrix for each distance, the source first.

    None where there is no distance.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    metrics = read_metrics(run_dir)
    own = metrics["metamers"]
    names = [name.replace("_", " ") for name in own["names"]]
    found = {title: np.array(own[kind], float) for kind, title in _KINDS}
    known = {title: values for title, values in found.items() if np.isfinite(values).any()}
    if not known:
        return None
    with style.context():
        side = min(max(_CELL * len(names), _LEAST), _MOST)
        width, height = style.PAGE_INCHES, side + 1.9
        figure = style.new_figure(width, height)
        style.put_title(figure, "Images against each other")
        style.put_caption(figure, style.wrapped(style.caption(metrics), width - 0.2))
        for place, (title, values) in enumerate(known.items()):
            left = (0.9 + place * (side + 1.3)) / width
            axes = figure.add_axes((left, 0.6 / height, side / width, side / height))
            axes.imshow(values, cmap="viridis", vmin=min(0.0, float(np.nanmin(values))))
            axes.grid(visible=False)
            axes.set_title(title, pad=44)
            axes.xaxis.tick_top()
            axes.set_xticks(range(len(names)), names, rotation=90)
            axes.set_yticks(range(len(names)), names)
            if len(names) <= _MOST_NUMBERS:
                _write(axes, values)
        return style.save_figure(figure, run_dir / "plots" / "pairs.png")


def _write(axes: Axes, values: np.ndarray) -> None:
    """Each number in its cell."""
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if value < middle else "black"
            text = f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
