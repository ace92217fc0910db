"""Kinds of features of the same pictures, and what a classifier is given of each.

All that is learned of them, such as a scale, is learned of the pictures trained on alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

Reduction = Literal["none", "random", "leading"]


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of features.

    Attributes
    ----------
    name : of the kind
    values : (N, F), of all pictures
    reduction : `none`; `random`, a random Gaussian matrix, another one in each split, brings them
        to `size` numbers; `leading`, their leading principal components do
    size : numbers of each picture that a classifier is given
    """

    name: str
    values: np.ndarray
    reduction: Reduction = "none"
    size: int = 0

    @property
    def dimensions(self) -> int:
        """Numbers of each picture that a classifier is given, where enough pictures are there."""
        most = self.values.shape[1]
        return most if self.reduction == "none" else min(self.size, most)

    def given(
        self, train: np.ndarray, test: np.ndarray, seed: list[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a classifier is given of pictures to train on and of pictures to test.

        Each feature is brought to mean 0 and variance 1 on the training pictures, and what is left
        of random projections once more; leading components keep their variances.
        """
        known, asked = _scaled(self.values[train], self.values[test])
        if self.reduction == "random":
            rng = np.random.default_rng(seed)
            matrix = rng.standard_normal((known.shape[1], self.dimensions))
            return _scaled(known @ matrix, asked @ matrix)
        if self.reduction == "leading":
            count = min(self.dimensions, len(train))
            leading = PCA(count, svd_solver="full").fit(known)
            return leading.transform(known), leading.transform(asked)
        return known, asked


def _scaled(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def kinds_of(raw: np.ndarray, decoupled: np.ndarray, beside: dict[str, np.ndarray]) -> list[Kind]:
    """The kinds that are compared, raw features first.

    Parameters
    ----------
    raw, decoupled : (N, F); the first layer's, which are the same, count once where both are given
    beside : {name: (N, F')} of others, of which the leading components are taken

    Returns
    -------
    raw; decoupled; both; projections, as many random ones of both as there are raw features; and
    the others, brought to as many numbers.
    """
    size = raw.shape[1]
    own = [
        column for column in range(size) if not np.array_equal(raw[:, column], decoupled[:, column])
    ]
    both = np.concatenate([raw, decoupled[:, own]], axis=1)
    return [
        Kind("raw", raw),
        Kind("decoupled", decoupled),
        Kind("both", both),
        Kind("projections", both, "random", size),
        *(Kind(name, values, "leading", size) for name, values in beside.items()),
    ]
