"""The explicit factor of K = J Jᵀ, which makes every solve along a stage cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.linalg.blas import dtrmv

from decouple.images import rms

if TYPE_CHECKING:
    from decouple.features.features import Features, Point


# Keeps the factor of a nearly singular K finite.
_RIDGE = 1e-9
# Rounding of a change of features, in units of the network's epsilon times its size. At the starts
# of stages it was 0.2 to 0.3 times as much at layers 1 and 2, 0.6 at layer 3, 1.5 and 2.3 at layers
# 4 and 5.
_ROUNDING = 0.5
# What a row of K's Jacobian takes, in passes: 0.13 to 0.21 at the first layer, 0.3 to 0.6 behind
# it, where rows go side by side.
_FIRST_ROW, _FURTHER_ROW = 0.2, 0.5


def factor_cost(extractor: Features, pixels: int) -> float:
    """Of `Factor.near` at an image of so many pixels (H · W), in passes."""
    row = _FIRST_ROW if len(extractor.layers) == 1 else _FURTHER_ROW
    return row * extractor.share_estimated(pixels) * extractor.size


class Factor:
    """Cholesky factor of K at one point.

    Norms of feature residuals r are taken as sqrt(rᵀ K⁻¹ r / N): the RMS over the image's N
    values of the smallest change of the image that removes r. Tolerances are in that unit.

    Parameters
    ----------
    matrix : the normal matrix K, (C, C)
    pixels : N, how many values an image has
    ridge : what is added to the diagonal of K, as a share of it

    Attributes
    ----------
    lower : (C, C), the factor; what stands above its diagonal says nothing
    pixels : N
    per_unit : how large a change of the image one unit of the features is, in the unit above

    Raises
    ------
    numpy.linalg.LinAlgError : K is not positive definite (dead or dependent features).
    """

    def __init__(self, matrix: np.ndarray, pixels: int, ridge: float = _RIDGE) -> None:
        if not np.isfinite(matrix).all():
            raise LinAlgError("K is not finite")
        ridged = matrix + ridge * np.diag(np.diag(matrix))
        self.lower, _ = cho_factor(ridged, lower=True, overwrite_a=True)
        self.pixels = pixels
        inverse_root = solve_triangular(self.lower, np.eye(len(matrix)), lower=True)
        self.per_unit = float(np.linalg.norm(inverse_root) / np.sqrt(pixels))

    @classmethod
    def known(cls, lower: np.ndarray, pixels: int, per_unit: float) -> Factor:
        """The factor that has these attributes."""
        factor = cls.__new__(cls)
        factor.lower, factor.pixels, factor.per_unit = lower, pixels, per_unit
        return factor

    @classmethod
    def at(cls, extractor: Features, point: Point, ridge: float = _RIDGE) -> Factor:
        """That of K at a point."""
        return cls(extractor.normal_matrix(point), int(np.prod(point.shape)), ridge)

    @classmethod
    def near(cls, extractor: Features, point: Point) -> Factor:
        """One that preconditions as well, at a large image for less."""
        return cls(extractor.estimated_normal_matrix(point), int(np.prod(point.shape)))

    def rounding(self, change: np.ndarray, epsilon: float) -> float:
        """What is lost of a change (C,) of the features in a precision, in the unit above."""
        size = rms(change)
        return _ROUNDING * epsilon * size * self.per_unit

    def solve(self, residual: np.ndarray) -> np.ndarray:
        """K⁻¹ r for r of shape (C,)."""
        # NaN is for the caller to notice: it has the words for it.
        return cho_solve((self.lower, True), residual, check_finite=False)

    def product(self, multipliers: np.ndarray) -> np.ndarray:
        """K λ for λ of shape (C,)."""
        root = dtrmv(self.lower, multipliers, lower=1, trans=1)
        return np.asarray(dtrmv(self.lower, root, lower=1))

    def distance(self, residual: np.ndarray, solved: np.ndarray | None = None) -> float:
        """sqrt(rᵀ K⁻¹ r / N); `solved` is K⁻¹ r where it is known."""
        solved = self.solve(residual) if solved is None else solved
        return float(np.sqrt(np.abs(residual @ solved) / self.pixels))
