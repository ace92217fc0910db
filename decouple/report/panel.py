"""The panel: the pictures of a run side by side, in the order in which they came about."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from decouple import images
from decouple.record.metrics import comparison, read_metrics
from decouple.report import style

_ACROSS = 4
_GAP = 0.14  # inches around each picture
_TITLE_SIZE = 9.0
_TITLE_LINE = 0.17
_TALLEST = 1.6  # of a picture, in widths of its cell
_NOISIFIED = re.compile(r"noisified_(?:(source(?:_\d+)?|target)_)?(\d+)_(.+)")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and the words above it.

    Attributes
    ----------
    title : its name
    pixels : (H, W, 3), values from 0 to 1
    note : a second line, e.g. a PSNR; may be empty
    """

    title: str
    pixels: np.ndarray
    note: str = ""


def plot_panel(run_dir: str | Path) -> Path:
    """Draw `plots/panel.png` from the pictures in `images/`; absent ones are left out.

    The order is source, target, noisified images, result, and for self-transfer the amplified
    difference between result and source. Where there is a target, of its noisified images and the
    source's only the last ones are shown.

    Raises
    ------
    FileNotFoundError
        when the run has written no pictures yet.
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    metrics = read_metrics(run_dir)
    entries = run_pictures(run_dir, metrics)
    if not entries:
        raise FileNotFoundError(f"no pictures in '{run_dir / 'images'}'")
    with style.context():
        figure = picture_grid(entries, caption=style.caption(metrics))
        return style.save_figure(figure, run_dir / "plots" / "panel.png")


def run_pictures(run_dir: str | Path, metrics: Mapping[str, Any]) -> list[Picture]:
    """The pictures of a run with their titles, in the panel's order."""
    folder = Path(run_dir) / "images"
    return [
        Picture(title, images.load(folder / f"{stem}.png").pixels, note)
        for stem, title, note in picture_titles(folder, metrics)
    ]


def picture_titles(folder: Path, metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(file name without `.png`, title, note) of the pictures in `folder`, in this order."""
    roles = (*source_roles(folder), "target", "start")
    ordered = [(role, role.replace("_", " "), "") for role in roles]
    ordered += [
        (f"{role}_as_seen", f"{title} as it is seen", "") for role, title, _ in list(ordered)
    ]
    ordered += [
        (stem, f"region {number} of the {role.replace('_', ' ')}", "")
        for stem, number, role in _regions(folder)
    ]
    ordered += [_noisified(stem, metrics) for stem in _noisified_stems(folder)]
    ordered.append(("result", "result", _result_note(metrics)))
    ordered += _compared(metrics)
    ordered.append(("tiled", "2 × 2 of the result", "without a seam"))
    ordered.append(("difference", _difference_title(metrics), ""))
    return [entry for entry in ordered if (folder / f"{entry[0]}.png").exists()]


def numbered(folder: Path, name: str) -> list[int]:
    """The numbers of the pictures `<name>_<number>.png`, in their natural order."""
    matches = (re.fullmatch(rf"{name}_(\d+)", path.stem) for path in folder.glob(f"{name}_*.png"))
    return sorted(int(match[1]) for match in matches if match)


def source_roles(folder: Path) -> list[str]:
    """Names of the pictures of the sources, in their order; of one there may be none."""
    return ["source", *(f"source_{number}" for number in numbered(folder, "source"))]


def _regions(folder: Path) -> list[tuple[str, str, str]]:
    """(file name without `.png`, number, whose) of the masks."""
    found = (re.fullmatch(r"region_(\d+)_(.+)", path.stem) for path in folder.glob("region_*.png"))
    masks = [(match[0], match[1], match[2]) for match in found if match]
    return sorted(masks, key=lambda mask: (mask[2] == "target", mask[2], int(mask[1])))


def _compared(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The results of a comparison, each with what tells style and structure apart."""
    rows = [
        row
        for compared in (comparison(metrics), metrics.get("judges") or {})
        for row in compared.get("rows") or ()
    ]
    shown = (
        ("gram_squared_distance", "Gram", ".1e"),
        ("gram_squared_distance_held_out", "held out", ".1e"),
        ("gram_distance_held_out", "Gram held out", ".2f"),
        ("ssim", "SSIM", ".2f"),
    )
    return [
        (
            f"result_{row['method'].replace(':', '_')}",
            row["method"],
            ", ".join(
                f"{word} {row[key]:{form}}" for key, word, form in shown if row.get(key) is not None
            ),
        )
        for row in rows
    ]


def _noisified_stems(folder: Path) -> list[str]:
    """Of one picture all layers in order; of source and target the last layer each."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in folder.glob("noisified*.png"):
        match = _NOISIFIED.fullmatch(path.stem)
        if match is not None:
            found.setdefault(match[1] or "", []).append((int(match[2]), path.stem))
    stems = [stem for _, stem in sorted(found.pop("", []))]
    return stems + [max(found[role])[1] for role in sorted(found)]


def _noisified(stem: str, metrics: Mapping[str, Any]) -> tuple[str, str, str]:
    match = _NOISIFIED.fullmatch(stem)
    assert match is not None
    role, number, layer = match.groups()
    if role is not None:
        return stem, f"noisified {role.replace('_', ' ')}", ""
    change = next(
        (
            row.get("image_change_psnr_db")
            for row in metrics.get("stages") or ()
            if row.get("stage") == "noisify_source" and row.get("layer") == layer
        ),
        None,
    )
    note = "" if change is None else f"PSNR {change:.1f} dB to picture before"
    return stem, f"noisified {number}: {layer}", note


def _result_note(metrics: Mapping[str, Any]) -> str:
    psnr = (metrics.get("self_transfer") or {}).get("psnr_db")
    return "" if psnr is None else f"PSNR {psnr:.1f} dB to source"


def _difference_title(metrics: Mapping[str, Any]) -> str:
    gain = metrics.get("difference_gain")
    return "|result − source|, amplified" if gain is None else f"|result − source| × {gain:,.10g}"


def plot_grid(run_dir: str | Path) -> Path:
    """Draw `plots/mix.png`: a row for each choice of layers, a column for each strength.

    Raises
    ------
    RunFolderError
        when the figure cannot be written.
    """
    run_dir = Path(run_dir)
    metrics = read_metrics(run_dir)
    entries = [
        Picture(
            f"{cell['row']} of source",
            images.load(run_dir / "images" / f"{cell['image']}.png").pixels,
            f"strength {cell['strength']:g}",
        )
        for cell in metrics["mix"]["cells"]
    ]
    across = len(metrics["mix"]["strengths"])
    with style.context():
        figure = picture_grid(entries, across, style.caption(metrics))
        return style.save_figure(figure, run_dir / "plots" / "mix.png")


def picture_grid(entries: Sequence[Picture], columns: int = _ACROSS, caption: str = "") -> Figure:
    """A grid of titled pictures, each in its own proportions, filled row by row.

    Parameters
    ----------
    entries : at least one picture
    columns : pictures across at most
    caption : small text under the grid
    """
    # Five pictures read better as 3 + 2 than as 4 + 1.
    lines = math.ceil(len(entries) / columns)
    columns = math.ceil(len(entries) / lines)
    cell = min(style.PAGE_INCHES / columns, 3.4)
    width = columns * cell
    rows = [entries[start : start + columns] for start in range(0, len(entries), columns)]
    sizes = [[_inches(entry.pixels, cell - 2 * _GAP) for entry in row] for row in rows]
    titles = [[_title(entry, cell) for entry in row] for row in rows]
    tops = [_TITLE_LINE * max(map(len, row)) + 0.1 for row in titles]
    heights = [max(height for _, height in row) for row in sizes]
    caption_lines = style.wrapped(caption, width - 0.2)
    bottom = style.LINE_INCHES * len(caption_lines) + 0.2
    height = sum(tops) + sum(heights) + _GAP * len(rows) + bottom

    figure = style.new_figure(width, height)
    style.put_caption(figure, caption_lines)
    y = height
    for row, row_sizes, row_titles, top, tallest in zip(
        rows, sizes, titles, tops, heights, strict=True
    ):
        y -= top
        for column, (entry, (w, h), title) in enumerate(
            zip(row, row_sizes, row_titles, strict=True)
        ):
            x = column * cell + (cell - w) / 2
            axes = figure.add_axes((x / width, (y - h) / height, w / width, h / height))
            axes.imshow(np.clip(entry.pixels, 0, 1), interpolation="antialiased", aspect="auto")
            axes.set_axis_off()
            axes.text(
                0.5,
                1 + 0.05 / h,
                "\n".join(title),
                transform=axes.transAxes,
                fontsize=_TITLE_SIZE,
                ha="center",
                va="bottom",
                linespacing=1.2,
            )
        y -= tallest + _GAP
    return figure


def _inches(pixels: np.ndarray, side: float) -> tuple[float, float]:
    """Width and height of a picture that fits its cell."""
    ratio = pixels.shape[0] / pixels.shape[1]
    width = min(side, side * _TALLEST / ratio)
    return width, width * ratio


def _title(entry: Picture, cell: float) -> list[str]:
    return [
        line
        for text in (entry.title, entry.note)
        if text
        for line in style.wrapped(text, cell - 0.1, _TITLE_SIZE)
    ]
