"""Linear combinations of other features: along other directions, in another order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from decouple.errors import FeaturesError
from decouple.features.features import Features, Linear, Point, Secant


class Combined(Features):
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
        super().__init__({group: len(matrix) for group, matrix in matrices.items()})
        self._whole, self._rows = whole, matrices
        self._matrix = np.concatenate(list(matrices.values()))
        self.passes, self.dtype, self.smooth = whole.passes, whole.dtype, whole.smooth
        self.spatial_means, self.proven = whole.spatial_means, whole.proven
        self.exact_secant, self.row_channels = whole.exact_secant, whole.row_channels

    @property
    def identity(self) -> Mapping[str, str]:
        """What they are combinations of, and which: of all groups together."""
        return {**self._whole.identity, "combination": self._digest}

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self._matrix.tobytes()).hexdigest()[:8]

    @property
    def origin(self) -> str:
        """See `Features.origin`."""
        return self._whole.origin

    def in_float64(self) -> Features:
        """See `Features.in_float64`."""
        if self.dtype == "float64":
            return self
        return Combined(self._whole.in_float64(), self._rows)

    def check_size(self, height: int, width: int) -> None:
        """See `Features.check_size`."""
        self._whole.check_size(height, width)

    def measure(self, image: np.ndarray) -> np.ndarray:
        """See `Features.measure`."""
        return self._matrix @ self._whole.measure(image)

    def linearize(self, image: np.ndarray) -> Point:
        """See `Features.linearize`."""
        point = self._whole.linearize(image)
        return Point(point.shape, point, self._matrix @ point.features, point.at)

    def secant(self, point: Point, change: np.ndarray) -> Secant:
        """See `Features.secant`."""
        secant = self._whole.secant(point.linearization, change)
        return Secant(point.shape, secant, self._matrix @ secant.change)

    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """See `Features.jvp`."""
        return self._matrix @ self._whole.jvp(point.linearization, tangent)

    def vjp(self, point: Linear, cotangent: np.ndarray) -> np.ndarray:
        """See `Features.vjp`."""
        return self._whole.vjp(point.linearization, self._matrix.T @ cotangent)

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
