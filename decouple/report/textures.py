"""Source and synthesized textures in enlarged crops, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from decouple import images
from decouple.record.metrics import read_metrics
from decouple.report import style
from decouple.report.panel import Picture, picture_grid

_SHARE = 3  # of the shorter side, as a divisor
_ZOOM = 4


def plot_crops(run_dir: str | Path) -> Path | None:
    """Draw `plots/enlarged.png`: a third of the source and of each result, from the middle.

    Every pixel is a square. None where there are no results.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    folder = run_dir / "images"
    results = sorted(folder.glob("result_seed_*.png"), key=_seed)
    if not results:
        return None
    entries = [
        Picture(path.stem.removeprefix("result_").replace("_", " "), _crop(path))
        for path in (folder / "source.png", *results)
    ]
    with style.context():
        figure = picture_grid(entries, caption=style.caption(read_metrics(run_dir)))
        return style.save_figure(figure, run_dir / "plots" / "enlarged.png")


def _seed(path: Path) -> tuple[int, str]:
    """By which images follow each other: `result_seed_<n>`, then others of the same seed."""
    _, _, number, *more = path.stem.split("_")
    return int(number), "_".join(more)


def _crop(path: Path) -> np.ndarray:
    pixels = images.load(path).pixels
    side = min(pixels.shape[:2])
    kept = max(side // _SHARE, min(side, 16))
    top, left = ((n - kept) // 2 for n in pixels.shape[:2])
    crop = pixels[top : top + kept, left : left + kept]
    return np.kron(crop, np.ones((_ZOOM, _ZOOM, 1), crop.dtype))
