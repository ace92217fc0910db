"""Scores of each kind of features in each split, for rising numbers of training pictures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from decouple.analysis.kinds import Kind
from decouple.analysis.splits import Split, folds_of

# Of which the best is chosen on the training pictures, by cross-validation within them.
_PENALTIES = {"logistic": (1e-3, 1e-2, 1e-1, 1.0), "svm": (0.1, 1.0, 10.0, 100.0)}
_WITHIN = 3
_RIDGES = np.logspace(-3, 5, 17)
_ITERATIONS = 2000


@dataclass(frozen=True, eq=False)
class Scores:
    """What came of all splits.

    Attributes
    ----------
    sizes : training pictures, rising; the last time all are taken
    by_kind : {kind: (sizes, splits)}, accuracy, or mean squared error
    predicted : {kind: labels predicted of the pictures tested, for each split}, with all training
        pictures
    unfinished : fits that ended before they had converged
    """

    sizes: list[int]
    by_kind: dict[str, np.ndarray]
    predicted: dict[str, list[np.ndarray]]
    unfinished: int


def scored(
    kinds: Sequence[Kind],
    labels: np.ndarray,
    splits: Sequence[Split],
    sizes: Sequence[int],
    classifier: str,
    seed: int = 0,
    groups: np.ndarray | None = None,
    shown: Callable[[str], object] = lambda _: None,
) -> Scores:
    """Train and test on every split; each kind of features meets the same pictures.

    Parameters
    ----------
    kinds : what is compared
    labels : (N,), text of classes, or numbers
    splits, sizes : see `analysis.splits`
    classifier : `logistic`, `lda`, `svm`; or `ridge`, for numbers
    seed : of random projections, and of folds within training pictures
    groups : (N,), what may not be on both sides, within training pictures either
    shown : is told how far it is
    """
    by_kind = {kind.name: np.empty((len(sizes), len(splits))) for kind in kinds}
    predicted: dict[str, list[np.ndarray]] = {kind.name: [] for kind in kinds}
    unfinished = 0
    for number, split in enumerate(splits):
        shown(f"split {number + 1} of {len(splits)}")
        for kind in kinds:
            told = np.empty(0)
            for place, size in enumerate(sizes):
                train = split.train if place == len(sizes) - 1 else split.train[:size]
                with _undisturbed() as said:
                    known, asked = kind.given(train, split.test, [seed, number])
                    within = None if groups is None else groups[train]
                    told = _fitted(classifier, known, labels[train], seed, within).predict(asked)
                unfinished += bool(said)
                by_kind[kind.name][place, number] = score(labels[split.test], told)
            predicted[kind.name].append(told)
    return Scores(list(sizes), by_kind, predicted, unfinished)


@contextmanager
def _undisturbed() -> Iterator[list[warnings.WarningMessage]]:
    """Warnings of fits that have not converged, in place of what they print.

    In one thread: matrices are small, and threads would wait for each other.
    """
    with threadpool_limits(1), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        yield said


def score(true: np.ndarray, told: np.ndarray) -> float:
    """Share of classes that are right; of numbers their mean squared error."""
    if true.dtype.kind == "f":
        return float(np.mean(np.square(true - told)))
    return float(np.mean(true == told))


def chance(labels: np.ndarray) -> float:
    """The score without any features: of the most frequent class, or of the mean."""
    if labels.dtype.kind == "f":
        return float(np.var(labels))
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _fitted(
    classifier: str,
    given: np.ndarray,
    labels: np.ndarray,
    seed: int,
    groups: np.ndarray | None = None,
) -> Any:
    """Trained, with how much it is penalized chosen on these pictures alone.

    Of ridge regression by leaving one out, or one fold of groups; shrinkage of the LDA's covariance
    is Ledoit's and Wolf's (2004), of what pictures differ by within their classes; of others by
    cross-validation, unless no folds have all classes to train on.
    """
    if classifier == "lda":
        shrunk = _Shrunk(_shrinkage(given, labels))
        return LinearDiscriminantAnalysis("lsqr", covariance_estimator=shrunk).fit(given, labels)
    if classifier == "ridge":
        within = [] if groups is None else _within(labels, seed, groups, classes=False)
        return RidgeCV(alphas=_RIDGES, cv=within or None).fit(given, labels)
    within = _within(labels, seed, groups, classes=True)
    penalties = _PENALTIES[classifier]
    plain = LogisticRegression(max_iter=_ITERATIONS) if classifier == "logistic" else SVC()
    if not within:
        return plain.set_params(C=penalties[len(penalties) // 2]).fit(given, labels)
    return GridSearchCV(plain, {"C": penalties}, cv=within).fit(given, labels)


class _Shrunk(BaseEstimator):
    """A class's covariance, shrunk towards its variances as scikit-learn's is, by a known share."""

    def __init__(self, shrinkage: float) -> None:
        self.shrinkage = shrinkage

    def fit(self, given: np.ndarray) -> _Shrunk:
        covariance = np.cov(given, rowvar=False, bias=True)
        variances = np.diag(np.diag(covariance))
        self.covariance_ = (1 - self.shrinkage) * covariance + self.shrinkage * variances
        return self


def _shrinkage(given: np.ndarray, labels: np.ndarray) -> float:
    """Of all classes together: scikit-learn's, class by class, is 0 for two pictures of a class."""
    classes, place = np.unique(labels, return_inverse=True)
    means = np.stack([given[labels == one].mean(0) for one in classes])
    within = given - means[place]
    deviation = within.std(0)
    within = within / np.where(deviation > 0, deviation, 1.0)
    return float(ledoit_wolf_shrinkage(within, assume_centered=True))


def _within(
    labels: np.ndarray, seed: int, groups: np.ndarray | None, classes: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds within training pictures, those that have all classes to train on."""
    apart = np.arange(len(labels)) if groups is None else groups
    kinds = labels if classes else np.zeros(len(labels))
    counts = [len(np.unique(apart[kinds == kind])) for kind in np.unique(kinds)]
    folds = min(_WITHIN, *counts)
    if folds < 2:
        return []
    made = folds_of(labels, folds, seed, groups, classes)
    every = len(np.unique(labels))
    return [pair for pair in made if not classes or len(np.unique(labels[pair[0]])) == every]
