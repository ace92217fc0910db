"""Which pictures are trained on and which are tested, in repeated cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

# Of each class in the smallest part of a training set on which a classifier is trained.
_LEAST = 2
# And the fewest pictures of a regression's.
_FEWEST = 8


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures by their numbers.

    Attributes
    ----------
    train : (N,), so ordered that every beginning has the classes in about their proportions
    test : (M,)
    """

    train: np.ndarray
    test: np.ndarray


def splits(
    labels: np.ndarray,
    folds: int,
    repeats: int,
    seed: int,
    groups: np.ndarray | None = None,
    classes: bool = True,
) -> list[Split]:
    """Repeated cross-validation, drawn anew each time; each fold is tested once in a repeat.

    Parameters
    ----------
    labels : (N,)
    folds : of a repeat, at least 2
    repeats : at least 1
    seed : other folds
    groups : (N,), what may not be on both sides; None where each picture is its own
    classes : whether labels are classes, which the folds have in about their proportions
    """
    found = []
    for repeat in range(repeats):
        divided = folds_of(labels, folds, seed + repeat, groups, classes)
        for fold, (train, test) in enumerate(divided):
            rng = np.random.default_rng([seed, repeat, fold])
            train = rng.permutation(train)
            found.append(Split(train[_order(labels[train])] if classes else train, test))
    return found


def folds_of(
    labels: np.ndarray, folds: int, seed: int, groups: np.ndarray | None, classes: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers to train on and to test, for each fold; see `splits`."""
    kinds = (KFold, GroupKFold) if not classes else (StratifiedKFold, StratifiedGroupKFold)
    made = kinds[groups is not None](n_splits=folds, shuffle=True, random_state=seed)
    return list(made.split(labels, labels, groups))


def _order(labels: np.ndarray) -> np.ndarray:
    """Such that every beginning has the classes in their proportions, as well as it can."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.argsort(place, kind="stable")


def sizes(made: Sequence[Split], labels: np.ndarray, count: int, classes: bool) -> list[int]:
    """Numbers of training pictures of a learning curve, rising by one factor; the last is of all.

    The least has two of each class, or eight pictures where there are no classes.

    Parameters
    ----------
    made : the splits
    labels : (N,)
    count : of sizes, at least 1; fewer come back where there are not so many pictures
    classes : whether labels are classes
    """
    full = min(len(split.train) for split in made)
    least = _FEWEST
    if classes:
        least = max(_first_with_all(labels[split.train]) for split in made)
    if count == 1 or least >= full:
        return [full]
    found = np.geomspace(least, full, count)
    return sorted({math.floor(size + 0.5) for size in found[:-1]} | {full})


def _first_with_all(labels: np.ndarray) -> int:
    """How many of the first have each class twice."""
    return 1 + max(int(np.flatnonzero(labels == label)[:_LEAST][-1]) for label in np.unique(labels))
