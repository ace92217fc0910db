"""Linear combinations of other features: along other directions, fewer, in another order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from decouple.errors import ConfigError, FeaturesError
from decouple.features.features import Derived, Features, Linear, Point


class Combined(Derived):
    """A f for features f and a matrix A, whose rows are in groups of their own.

    Parameters
    ----------
    whole : features f, (C,)
    rows : {group: (F, C)}, what of f each number is a sum of; the groups in the order in which they
        are taken off

    Raises
    ------
    FeaturesError : a matrix that is not finite, or does not fit.

    Examples
    --------
    >>> import decouple as dc
    >>> moments = dc.Moments(orders=2)
    >>> mean, variance = np.split(np.eye(moments.size), 2)  # the last first
    >>> dc.Combined(moments, {"variance": variance, "mean": mean}).layers
    ('variance', 'mean')
    """

    def __init__(self, whole: Features, rows: Mapping[str, np.ndarray]) -> None:
        matrices = {group: np.array(matrix, np.float64) for group, matrix in rows.items()}
        for group, matrix in matrices.items():
            fits = matrix.ndim == 2 and matrix.shape[1] == whole.size
            if not (fits and np.isfinite(matrix).all()):
                raise FeaturesError(
                    f"{group} combines {whole.size} features: a finite matrix of so many columns, "
                    f"not one of shape {matrix.shape}"
                )
        super().__init__(whole, {group: len(matrix) for group, matrix in matrices.items()})
        self._rows, self._matrix = matrices, np.concatenate(list(matrices.values()))
        self.row_channels = whole.row_channels

    def _taken(self, features: np.ndarray) -> np.ndarray:
        return self._matrix @ features

    def _given_back(self, cotangent: np.ndarray) -> np.ndarray:
        return self._matrix.T @ cotangent

    @property
    def identity(self) -> Mapping[str, str]:
        """What they are combinations of, and which."""
        which = {f"combinations of {k}": _digest(rows) for k, rows in self._rows.items()}
        return {**self._whole.identity, **which}

    def in_float64(self) -> Features:
        """See `Features.in_float64`."""
        if self.dtype == "float64":
            return self
        return Combined(self._whole.in_float64(), self._rows)

    def first(self, count: int) -> Features:
        """See `Features.first`: of features that look no further than they must."""
        return self if count == len(self.layers) else self._cut(count)[0]

    def part(self, point: Point, count: int) -> tuple[Features, Point]:
        """See `Features.part`."""
        if count == len(self.layers):
            return self, point
        shorter, groups = self._cut(count)
        _, seen = self._whole.part(point.linearization, groups)
        return shorter, Point(point.shape, seen, point.features[: shorter.size], point.at)

    def _cut(self, count: int) -> tuple[Combined, int]:
        """The first groups, and how many groups of the whole they are combinations of."""
        rows = dict(list(self._rows.items())[:count])
        width = _width(np.concatenate(list(rows.values())))
        groups = int(np.searchsorted(np.cumsum(self._whole.sizes), width)) + 1
        part = self._whole.first(groups)
        return Combined(part, {group: own[:, : part.size] for group, own in rows.items()}), groups

    def vjp_batch(self, point: Linear, cotangents: np.ndarray) -> np.ndarray:
        """See `Features.vjp_batch`."""
        return self._whole.vjp_batch(point.linearization, cotangents @ self._matrix)

    def jacobian_rows(self, point: Point) -> Iterator[np.ndarray]:
        """See `Features.jacobian_rows`."""
        height, width, _ = point.shape
        batch = self.rows_at_a_time(height * width)
        for begin in range(0, self.size, batch):
            rows = self._whole.vjp_batch(point.linearization, self._matrix[begin : begin + batch])
            yield rows.reshape(len(rows), -1)

    def rows_at_a_time(self, pixels: int) -> int:
        """See `Features.rows_at_a_time`."""
        return self._whole.rows_at_a_time(pixels)


def _width(rows: np.ndarray) -> int:
    """How many features have to be known for combinations (F, C) of them."""
    return int(np.max(np.flatnonzero(np.any(rows != 0, axis=0)), initial=-1)) + 1


def _digest(rows: np.ndarray) -> str:
    return hashlib.sha256(rows[:, : _width(rows)].tobytes()).hexdigest()[:8]


def leading_directions(features: Features, images: Sequence[np.ndarray], count: int) -> Combined:
    """Of each group's features the combinations that images move most: fewer, and more decoupled.

    They are the eigenvectors with the largest eigenvalues of the group's block of J Jᵀ, J the
    Jacobian of the features; of several images, of the sum of their blocks, each over its trace.

    Parameters
    ----------
    features : (C,)
    images : (H, W, 3) each, in [0, 1]
    count : how many of a group, which keeps all dimensions that it has if they are fewer

    Raises
    ------
    ConfigError : count is not at least 1.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> means = dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block2_conv1"))
    >>> dc.leading_directions(means, [image], 4).sizes
    (4, 4)
    """
    if count < 1:
        raise ConfigError(f"directions={count} must be at least 1, or null for all")
    seen = [features.normal_matrix(features.linearize(image)) for image in images]
    rows, begin = {}, 0
    for group, size in zip(features.layers, features.sizes, strict=True):
        own = slice(begin, begin + size)
        blocks = [matrix[own, own] / np.trace(matrix[own, own]) for matrix in seen]
        _, vectors = np.linalg.eigh(np.sum(blocks, axis=0))
        directions = vectors[:, ::-1][:, :count].T
        # An eigenvector's sign is of no meaning, and another one on another machine.
        largest = np.argmax(np.abs(directions), axis=1)
        directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
        rows[group] = np.zeros((len(directions), features.size))
        rows[group][:, own] = directions
        begin += size
    return Combined(features, rows)
