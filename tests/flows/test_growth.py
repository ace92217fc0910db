import dataclasses

import numpy as np
import pytest

from decouple.flows.growth import Growth
from decouple.flows.preconditioner import Factor


@pytest.fixture(scope="module")
def step(extractor):
    """A short step of two layers: (extractor, x₁ linearized, x₁ − x₀, λ, K)."""
    two = extractor(2, "float64")
    rng = np.random.default_rng(0)
    x0 = rng.random((24, 28, 3))
    begin = two.linearize(x0)
    matrix = two.normal_matrix(begin)
    multipliers = Factor(matrix, x0.size).solve(1e-3 * begin.features)
    change = np.zeros_like(x0)
    for _ in range(12):
        change = two.vjp(two.secant(begin, change), multipliers)
    return two, two.linearize(x0 + change), change, multipliers, matrix


@pytest.mark.parametrize("scale", [1.0, 1 / 30, 30.0])
def test_a_factor_made_elsewhere_lets_nothing_explode(step, scale):
    """Of a K that is 30 times less than the true one, too: many steps are walked with one."""
    *taken, matrix = step
    growths = []
    for times in (1.0, scale):
        growth, factor = Growth.none(taken[2].shape), Factor(times * matrix, taken[2].size)
        for _ in range(20):
            growth = growth.after(*taken, factor)
        growths.append(growth)
    right, other = growths
    assert other.anywhere == pytest.approx(right.anywhere, rel=0.1)
    assert other.most == pytest.approx(right.most, rel=0.1)
    assert right.most < 1e3


def test_a_step_along_which_nothing_bends_lets_nothing_grow(step):
    """λ = 0: what the features see is taken off, and nothing is added."""
    two, end, change, multipliers, matrix = step
    still = (np.zeros_like(change), np.zeros_like(multipliers))
    growth = Growth.none(change.shape).after(two, end, *still, Factor(matrix, change.size))
    assert growth.anywhere == pytest.approx(1, abs=0.01)
    assert growth.bend == 0.0


@pytest.mark.parametrize(("here", "rounds"), [(True, 1), (False, 8)])
def test_the_bend_is_that_of_what_the_features_do_not_see(extractor, here, rounds):
    """The largest of ½PHP, and not of ½H, which one that hardly answers makes large.

    With a factor that was made here; one of another image needs more rounds (after one 0.11 more).
    """
    one = extractor(1, "float64")
    x0 = np.random.default_rng(1).random((6, 7, 3))
    begin = one.linearize(x0)
    jacobian = np.concatenate(list(one.jacobian_rows(begin)))
    factor = Factor(jacobian @ jacobian.T, x0.size)
    multipliers = factor.solve(1e-4 * begin.features)
    change = one.vjp(begin, multipliers)
    end = one.linearize(x0 + change)

    small = 1e-4
    pulled = [
        one.vjp(one.linearize(x0 + small * unit.reshape(x0.shape)), multipliers).ravel()
        for unit in np.eye(x0.size)
    ]
    bent = (np.array(pulled) - change.ravel()) / (2 * small)
    unseen = np.eye(x0.size) - jacobian.T @ factor.solve(jacobian)
    sizes, directions = np.linalg.eigh(unseen @ (bent + bent.T) @ unseen / 2)
    most = np.abs(sizes).argmax()
    largest = abs(sizes[most])
    assert largest < 0.8 * np.linalg.norm(bent, 2)
    if not here:
        factor = Factor.at(one, one.linearize(x0**1.3))
    growth = Growth(directions[:, most].reshape(x0.shape))
    bend = growth.after(one, end, change, multipliers, factor, rounds).bend
    assert bend == pytest.approx(largest, rel=0.03)


def test_what_has_grown_beyond_all_numbers_is_told_by_one(step):
    *taken, matrix = step
    vast = dataclasses.replace(Growth.none(taken[2].shape), log=1e4)
    growth = vast.after(*taken, Factor(matrix, taken[2].size))
    assert growth.of_errors > 1e100
    assert np.isfinite(growth.of_errors**2)
