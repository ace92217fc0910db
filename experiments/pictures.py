"""Labelled pictures that come with packages, or are drawn: a folder, `labels.csv`, `groups.csv`.

None of them is downloaded here, and none is kept in the repository. The cells are those of Buerhop-
Lutz et al. 2018 and Deitsch et al. 2019 in the package `elpv-dataset` (CC BY-NC-SA 4.0).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import downscale_local_mean
from skimage.util import img_as_float

SIDE = 32
PATCHED = ("brick", "grass", "gravel", "camera", "chelsea", "coffee", "coins", "moon")
# Of a photograph's quarters, each a group: what is trained on shares no pixel with what is tested.
_QUARTERS = 4


class Labelled(NamedTuple):
    """A grey picture, (H, W) in [0, 1], its label, and of which group it is, if of any."""

    pixels: np.ndarray
    label: str
    group: str = ""


def digits(each: int) -> Iterator[Labelled]:
    """Handwritten digits, 8 by 8 pixels (scikit-learn's, from UCI), of each the first `each`."""
    from sklearn.datasets import load_digits

    held = load_digits()
    for digit in range(10):
        for image in held.images[held.target == digit][:each]:
            yield Labelled(image / 16, str(digit))


def patches(each: int) -> Iterator[Labelled]:
    """Grey patches of scikit-image's photographs at half size, `each` of a quarter, none twice.

    None lies over another. The photograph is the label. Patches are brought to one mean, so that
    brightness tells nothing.
    """
    for number, name in enumerate(PATCHED):
        held = img_as_float(getattr(data, name)())
        grey = downscale_local_mean(held.mean(-1) if held.ndim == 3 else held, (2, 2))
        half = [side // 2 for side in grey.shape]
        for quarter in range(_QUARTERS):
            top, left = (half[axis] * (quarter >> axis & 1) for axis in (0, 1))
            within = grey[top : top + half[0], left : left + half[1]]
            rows, columns = (side // SIDE for side in within.shape)
            rng = np.random.default_rng([number, quarter])
            for place in rng.permutation(rows * columns)[:each]:
                row, column = SIDE * (place // columns), SIDE * (place % columns)
                patch = within[row : row + SIDE, column : column + SIDE]
                yield Labelled(_levelled(patch), name, f"{name} {quarter}")


def _levelled(patch: np.ndarray) -> np.ndarray:
    return np.clip(patch - patch.mean() + 0.5, 0, 1)


def fields(many: int) -> Iterator[Labelled]:
    """Fractional Brownian fields with Hurst exponents from 0.1 to 0.9, which are the labels.

    By their spectrum |k|^-(2H+2), on four times the area, of which a corner is kept; brought to one
    mean and contrast.
    """
    rng = np.random.default_rng(0)
    side = 2 * SIDE
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    frequency[0, 0] = np.inf
    for exponent in rng.uniform(0.1, 0.9, many):
        spectrum = np.fft.fft2(rng.standard_normal((side, side)))
        field = np.fft.ifft2(spectrum * frequency ** -(exponent + 1)).real[:SIDE, :SIDE]
        yield Labelled(np.clip(0.5 + 0.17 * (field - field.mean()) / field.std(), 0, 1), exponent)


def cells(each: int) -> Iterator[Labelled]:
    """Solar cells in electroluminescence, as many that are surely sound as surely defective.

    Raises
    ------
    ModuleNotFoundError : the package elpv-dataset is not installed.
    """
    from elpv_dataset.utils import load_dataset

    held, probabilities, _ = load_dataset()
    rng = np.random.default_rng(0)
    for label, probability in (("sound", 0.0), ("defective", 1.0)):
        for place in np.sort(rng.permutation(np.flatnonzero(probabilities == probability))[:each]):
            yield Labelled(held[place] / 255, label)


SETS: dict[str, Callable[[int], Iterator[Labelled]]] = {
    "digits": digits,
    "patches": patches,
    "fields": fields,
    "cells": cells,
}


def written(name: str, folder: Path, each: int, side: int) -> Path:
    """Write a data set into `folder`: PNG files, and labels.csv and groups.csv beside the folder.

    Returns
    -------
    The folder of the pictures.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    labels, groups = [("path", "label")], [("path", "group")]
    for number, (pixels, label, group) in enumerate(SETS[name](each)):
        path = f"{number:04d}.png"
        grey = Image.fromarray(np.rint(255 * pixels).astype(np.uint8))
        grey.resize((side, side), Image.Resampling.BICUBIC).save(pictures / path)
        labels.append((path, str(label)))
        groups.append((path, group))
    for kind, rows in (("labels", labels), ("groups", groups)):
        if rows[-1][-1]:
            with (folder / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
    return pictures
