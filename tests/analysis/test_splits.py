"""Folds and learning curves: what is trained on, what is tested, and how intervals follow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from decouple.analysis.intervals import corrected
from decouple.analysis.kinds import Kind, kinds_of
from decouple.analysis.scores import chance, scored
from decouple.analysis.splits import sizes, splits

LABELS = np.repeat(["a", "b", "c"], [20, 12, 8])


@pytest.mark.parametrize("classes", [True, False])
def test_each_picture_is_tested_once_in_a_repeat(classes: bool) -> None:
    made = splits(LABELS, folds=4, repeats=2, seed=3, classes=classes)
    assert len(made) == 8
    for repeat in (made[:4], made[4:]):
        tested = np.concatenate([split.test for split in repeat])
        np.testing.assert_array_equal(np.sort(tested), np.arange(40))
    for split in made:
        assert not set(split.train) & set(split.test)
        assert len(split.train) + len(split.test) == 40
    assert {tuple(s.test) for s in made[:4]} != {tuple(s.test) for s in made[4:]}


def test_every_beginning_of_the_training_pictures_has_the_classes_in_their_proportions() -> None:
    for split in splits(LABELS, folds=4, repeats=1, seed=0):
        for size in (10, 20, 30):
            for label, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)):
                found = np.sum(LABELS[split.train[:size]] == label)
                assert abs(found - share * size) <= 1


def test_a_group_is_never_on_both_sides_and_the_halves_are_drawn_anew() -> None:
    labels = np.repeat(["a", "b", "c"], 12)
    groups = np.array([f"{label} {number % 4}" for number, label in enumerate(labels)])
    made = splits(labels, folds=2, repeats=5, seed=0, groups=groups)
    for split in made:
        assert not set(groups[split.train]) & set(groups[split.test])
        assert set(labels[split.train]) == set(labels[split.test]) == {"a", "b", "c"}
    assert len({tuple(split.test) for split in made}) > 4


def test_a_learning_curve_begins_with_two_of_each_class_and_ends_with_all() -> None:
    made = splits(LABELS, folds=4, repeats=3, seed=0)
    steps = sizes(made, LABELS, 5, classes=True)
    assert steps == sorted(set(steps))
    assert len(steps) == 5
    assert steps[-1] == min(len(split.train) for split in made)
    for split in made:
        assert min(np.unique(LABELS[split.train[: steps[0]]], return_counts=True)[1]) >= 2
    assert sizes(made, LABELS, 1, classes=True) == steps[-1:]


def test_the_interval_is_wider_by_the_overlap_of_training_sets() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.3, 20)
    plain, wide = corrected(values, 0.0), corrected(values, 0.25)
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    np.testing.assert_allclose((plain.low, plain.high), (low, high))
    assert plain.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    factor = (wide.high - wide.low) / (plain.high - plain.low)
    assert factor == pytest.approx(np.sqrt(1 + 20 * 0.25))
    assert corrected(np.full(4, 0.5), 0.25) == (0.5, 0.5, 0.5, 0.0)


def test_nothing_is_learned_of_the_pictures_tested() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(3, 2, (30, 6))
    train, test = np.arange(20), np.arange(20, 30)
    for reduction in ("none", "random", "leading"):
        other = values.copy()
        other[test[1:]] = 1e3
        one, two = (Kind("k", held, reduction, 3) for held in (values, other))
        known, asked = one.given(train, test, [0])
        again, asked_again = two.given(train, test, [0])
        np.testing.assert_array_equal(known, again)
        np.testing.assert_array_equal(asked[0], asked_again[0])
        assert known.shape[1] == one.dimensions == (6 if reduction == "none" else 3)
        np.testing.assert_allclose(known.mean(0), 0, atol=1e-12)


def test_what_both_kinds_share_counts_once_and_projections_are_as_many_as_raw_ones() -> None:
    rng = np.random.default_rng(0)
    raw, decoupled, other = (rng.random((9, many)) for many in (5, 5, 11))
    decoupled[:, :2] = raw[:, :2]
    kinds = {kind.name: kind for kind in kinds_of(raw, decoupled, {"gram": other})}
    dimensions = {name: kind.dimensions for name, kind in kinds.items()}
    assert dimensions == {"raw": 5, "decoupled": 5, "both": 8, "projections": 5, "gram": 5}


@pytest.mark.parametrize("classifier", ["lda", "logistic", "svm"])
def test_classes_that_one_kind_tells_apart_are_told_apart_by_it(classifier: str) -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((40, 3))
    told = noise + 6 * (LABELS[:, None] == np.array(["a", "b", "c"]))
    made = splits(LABELS, folds=4, repeats=1, seed=0)
    kinds = [Kind("raw", noise), Kind("told", told)]
    found = scored(kinds, LABELS, made, [12, 30], classifier)
    assert found.by_kind["told"].shape == (2, 4)
    assert found.by_kind["told"][-1].mean() > 0.9
    assert found.by_kind["raw"][-1].mean() < 0.75
    assert chance(LABELS) == 0.5
    for words, split in zip(found.predicted["told"], made, strict=True):
        assert np.mean(words == LABELS[split.test]) > 0.7


def test_numbers_are_told_by_the_kind_that_holds_them() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((40, 4))
    labels = values @ [1.0, 0.5, 0.0, 0.0]
    made = splits(labels, folds=4, repeats=1, seed=0, classes=False)
    kinds = [Kind("raw", rng.standard_normal((40, 4))), Kind("told", values)]
    found = scored(kinds, labels, made, [8, 30], "ridge")
    assert found.by_kind["told"][-1].mean() < 0.01 * chance(labels)
    assert found.by_kind["raw"][-1].mean() > 0.5 * chance(labels)


@pytest.mark.parametrize("classifier", ["ridge", "logistic"])
def test_penalties_are_chosen_with_groups_apart(classifier: str) -> None:
    """Pictures of a group are as good as one, and say nothing of another group's label."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(20), 6)
    values = rng.standard_normal((20, 12))[groups] + 0.01 * rng.standard_normal((120, 12))
    drawn = rng.standard_normal(20)[groups]
    classes = classifier == "logistic"
    labels = np.where(drawn > 0, "a", "b") if classes else drawn
    made = splits(labels, 4, 1, 0, groups, classes)
    kinds = [Kind("raw", values)]
    alone, apart = (
        scored(kinds, labels, made, [90], classifier, groups=given).by_kind["raw"].mean()
        for given in (None, groups)
    )
    if classes:
        assert apart != alone
    else:
        assert apart < 0.9 * alone


def test_lda_tells_classes_apart_from_two_pictures_of_each() -> None:
    """Class by class, as scikit-learn takes it, shrinkage is 0 there, and it guesses."""
    rng = np.random.default_rng(0)
    middles = rng.standard_normal((10, 188))
    labels = np.tile([str(k) for k in range(10)], 6)
    values = middles[np.arange(60) % 10] + rng.standard_normal((60, 188))
    made = splits(labels, folds=3, repeats=1, seed=0)
    found = scored([Kind("raw", values)], labels, made, [20, 40], "lda")
    assert found.by_kind["raw"][0].mean() > 0.9
