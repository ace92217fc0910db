"""Frames between two pictures in a strip, above blends of their pixels."""

from __future__ import annotations

from pathlib import Path

from decouple import images
from decouple.record.metrics import read_metrics
from decouple.report import style
from decouple.report.contact_sheet import numbered, thinned
from decouple.report.panel import Picture, picture_grid

_MOST = 9
_ROWS = {"frame": "features", "blend": "pixels", "noise": "from noise", "gram": "Gram"}


def plot_strip(run_dir: str | Path) -> Path | None:
    """Draw `plots/strip.png`: at most nine frames, evenly chosen, above what else has their shares.

    None where there are no frames.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    folder, metrics = run_dir / "images", read_metrics(run_dir)
    last = max(numbered(folder, "frame"), default=0)
    if not last:
        return None
    shown = thinned(range(last + 1), _MOST)
    digits = len(str(last))
    entries = [
        Picture(
            f"{words} {number / last:.2f}",
            images.load(folder / f"{name}_{number:0{digits}d}.png").pixels,
        )
        for name, words in _ROWS.items()
        if numbered(folder, name)
        for number in shown
    ]
    with style.context():
        figure = picture_grid(entries, len(shown), style.caption(metrics))
        return style.save_figure(figure, run_dir / "plots" / "strip.png")
