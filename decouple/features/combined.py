"""Linear combinations of other features: along other directions, in another order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from decouple.errors import FeaturesError
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
        """What they are combinations of, and which: of all groups together."""
        digest = hashlib.sha256(self._matrix.tobytes()).hexdigest()[:8]
        return {**self._whole.identity, "combination": digest}

    def in_float64(self) -> Features:
        """See `Features.in_float64`."""
        if self.dtype == "float64":
            return self
        return Combined(self._whole.in_float64(), self._rows)

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
