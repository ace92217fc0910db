"""The contact sheet of an optimization: style, base, then its pictures as they came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from decouple import images
from decouple.record.metrics import read_metrics
from decouple.report import style
from decouple.report.panel import Picture, numbered, picture_grid, source_roles

_ACROSS = 4
# Of iterations; more are thinned out evenly, the first and the last are kept.
MOST = 18


def plot_contact_sheet(run_dir: str | Path) -> Path | None:
    """Draw `plots/contact_sheet.png` from `images/iteration_<n>.png`; None where there are none.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    folder, metrics = run_dir / "images", read_metrics(run_dir)
    found = numbered(folder, "iteration")
    if not found:
        return None
    shown = thinned(found, MOST)
    losses = (metrics.get("gatys") or {}).get("iterations") or {}
    entries = [_base(folder, role, "style") for role in source_roles(folder)]
    entries.append(_base(folder, "target", "base"))
    entries.append(_base(folder, "start", "start"))
    entries += [_scale(folder, n) for n in numbered(folder, "scale")]
    entries += [
        Picture(f"iteration {n}", _pixels(folder, f"iteration_{n}"), _loss(losses, n))
        for n in shown
    ]
    caption = style.caption(metrics)
    if len(shown) < len(found):
        caption += f"\n{len(shown)} of {len(found)} saved iterations are shown."
    with style.context():
        figure = picture_grid([e for e in entries if e is not None], _ACROSS, caption)
        return style.save_figure(figure, run_dir / "plots" / "contact_sheet.png")


def thinned(numbers: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly chosen, with the first and the last.

    >>> thinned([1, 2, 3, 4, 5, 6, 7], 4)
    [1, 3, 5, 7]
    """
    if len(numbers) <= most:
        return list(numbers)
    return [numbers[place] for place in np.linspace(0, len(numbers) - 1, most).round().astype(int)]


def _base(folder: Path, name: str, title: str) -> Picture | None:
    exists = (folder / f"{name}.png").exists()
    return Picture(title, _pixels(folder, name)) if exists else None


def _scale(folder: Path, number: int) -> Picture:
    """Where a coarser scale ended."""
    pixels = _pixels(folder, f"scale_{number}")
    return Picture(f"scale {number}", pixels, f"{pixels.shape[1]} × {pixels.shape[0]} px")


def _pixels(folder: Path, name: str) -> np.ndarray:
    return images.load(folder / f"{name}.png").pixels


def _loss(losses: Mapping[str, Any], number: int) -> str:
    value = losses.get(str(number))
    return "" if value is None else f"loss {value:.4g}"
