"""Intervals of scores on training sets that overlap, and limits of values that were not seen."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean with its interval, and the probability of one so far from 0 where the truth is 0."""

    mean: float
    low: float
    high: float
    p: float


def corrected(values: np.ndarray, ratio: float, level: float = LEVEL) -> Interval:
    """Of the mean of scores, or of their paired differences, over the splits of one data set.

    The splits share most of their training pictures, so that the variance of the mean is larger
    than that of as many independent values: σ² (1/J + n_test/n_train) for J splits (Nadeau &
    Bengio 2003, "Inference for the generalization error", Machine Learning 52, section 3.3.2), and
    Student's t with J − 1 degrees of freedom.

    Parameters
    ----------
    values : (J,), at least two
    ratio : pictures tested over pictures trained on, in each split

    >>> found = corrected(np.array([0.1, 0.2, 0.3]), ratio=0.25)
    >>> [round(value, 3) for value in found]
    [0.2, -0.129, 0.529, 0.12]
    """
    count = len(values)
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    error = spread * math.sqrt(1 / count + ratio)
    if error == 0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    half = float(student.ppf((1 + level) / 2, count - 1)) * error
    return Interval(
        mean, mean - half, mean + half, float(2 * student.sf(abs(mean) / error, count - 1))
    )


def prediction_limit(values: np.ndarray, probability: float) -> float:
    """Below what one more value stays with a probability, of a normal distribution of which these
    are a sample.

    mean + t s √(1 + 1/n), Student's t with n − 1 degrees of freedom (Hahn & Meeker, *Statistical
    Intervals*, 1991, section 4.7).

    Parameters
    ----------
    values : (n,), at least two
    probability : between 0 and 1

    >>> round(prediction_limit(np.array([1.0, 2.0, 3.0]), 0.95), 2)
    5.37
    """
    count = len(values)
    spread = float(np.std(values, ddof=1)) * math.sqrt(1 + 1 / count)
    return float(np.mean(values) + student.ppf(probability, count - 1) * spread)
