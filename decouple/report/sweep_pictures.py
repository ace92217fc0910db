"""The results of a sweep as pictures: a grid with a setting on each axis, and zoomed crops."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from decouple import images
from decouple.report.template import Embedded

_LEAST_SIDE = 16  # of a crop, pixels; smaller ones show no texture
_SHARE = 4  # of the shorter side, as a divisor
_ENLARGED = 320  # pixels of an enlarged crop, about


@dataclass(frozen=True)
class Grid:
    """Runs by the values of two settings.

    Attributes
    ----------
    down, across : names of the settings
    rows, columns : their values, in the order of the runs
    places : for each row and column the index of its run
    """

    down: str
    across: str
    rows: list[str]
    columns: list[str]
    places: list[list[int]]


def grid_of(names: Sequence[str], values: Sequence[Sequence[str]]) -> Grid | None:
    """The grid of a sweep over two settings; None where it is over others, or not complete.

    Parameters
    ----------
    names : of the settings in which runs differ
    values : of these, a row for each run
    """
    if len(names) != 2:
        return None
    rows, columns = (list(dict.fromkeys(row[k] for row in values)) for k in (0, 1))
    found = {(row[0], row[1]): index for index, row in enumerate(values)}
    if not len(found) == len(values) == len(rows) * len(columns):
        return None
    places = [[found[row, column] for column in columns] for row in rows]
    return Grid(names[0], names[1], rows, columns, places)


@dataclass(frozen=True)
class Window:
    """A square of `side` pixels, whose upper left one is at (`top`, `left`), shown `zoom` times."""

    top: int
    left: int
    side: int
    zoom: int

    def crop(self, path: Path) -> Embedded | None:
        """What it shows of a picture, each pixel as a square; None if there is no such picture."""
        pixels = _pixels(path)
        if pixels is None:
            return None
        rows, columns = (slice(start, start + self.side) for start in (self.top, self.left))
        enlarged = np.kron(pixels[rows, columns], np.ones((self.zoom, self.zoom, 1), np.uint8))
        content = io.BytesIO()
        Image.fromarray(enlarged).save(content, format="PNG")
        side = self.side * self.zoom
        return Embedded.of_bytes(content.getvalue(), side, side, 96)


def telling_window(paths: Sequence[Path]) -> Window | None:
    """Where the pictures differ most from one another: a window of a quarter of their side.

    None where fewer than two are of the same size as the first, where they do not differ, or are
    so small that a crop would show no more than they do.
    """
    total, squares, count = np.zeros(()), np.zeros(()), 0
    for path in paths:
        pixels = _pixels(path)
        if pixels is None or (count and pixels.shape != total.shape):
            continue
        total = total + pixels
        squares = squares + np.square(pixels, dtype=np.int64)
        count += 1
    if count < 2:
        return None
    side = max(min(total.shape[:2]) // _SHARE, _LEAST_SIDE)
    if 2 * side > min(total.shape[:2]):
        return None
    # Count² times the variance, in whole numbers: without rounding, equal pictures give zero.
    variance = (count * squares - np.square(total)).sum(-1)
    sums = np.pad(variance.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    within = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    if not within.max() > 0:
        return None
    top, left = np.unravel_index(np.argmax(within), within.shape)
    return Window(int(top), int(left), side, max(_ENLARGED // side, 2))


def _pixels(path: Path) -> np.ndarray | None:
    """(H, W, 3) of 8 bits; None if there is no such picture."""
    return images.to_8bit(images.load(path).pixels) if path.exists() else None
