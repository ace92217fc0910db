"""Factors of K that are made to fit where they were not formed."""

import numpy as np
import pytest

from decouple.flows import Way
from decouple.flows.nearby import Adapted, Factors
from decouple.flows.paths import Curve
from decouple.flows.preconditioner import Factor

SIZE, PIXELS = 12, 30


@pytest.fixture(scope="module")
def matrix():
    rows = np.random.default_rng(0).standard_normal((SIZE, PIXELS))
    return rows @ rows.T


def known(matrix, features):
    """The factors of a way on which one was formed at s = 0, at these features."""
    curve = Curve(np.array([0.0, 1.0]), np.stack([features, features]))
    return Factors.of(Way((), ((0.0, Factor(matrix, PIXELS)),), curve))


def test_a_factor_multiplies_as_it_solves(matrix):
    factor, multipliers = Factor(matrix, PIXELS), np.arange(SIZE) - 3.5
    np.testing.assert_allclose(factor.product(multipliers), matrix @ multipliers, rtol=1e-6)
    np.testing.assert_allclose(factor.solve(factor.product(multipliers)), multipliers, rtol=1e-6)


def test_an_adapted_one_is_that_of_the_scaled_matrix(matrix):
    scale = np.geomspace(0.1, 10, SIZE)
    adapted = Adapted(Factor(matrix, PIXELS), scale)
    whole = Factor(scale[:, None] * matrix * scale, PIXELS)
    residual = np.linspace(-1, 1, SIZE)
    np.testing.assert_allclose(adapted.solve(residual), whole.solve(residual), rtol=1e-6)
    assert adapted.distance(residual) == pytest.approx(whole.distance(residual))


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.8, 1.0])
def test_steps_tell_how_gradients_grow_with_features(matrix, exponent):
    """K here = D K₀ D is found from what it makes of some λ."""
    rng = np.random.default_rng(1)
    before, here = rng.random(SIZE) + 0.1, 10 * rng.random(SIZE) + 0.1
    scale = (here / before) ** exponent
    factors = known(matrix, before)
    np.testing.assert_array_equal(factors.at(0.5, here).scale, 1.0)
    for _ in range(2):
        multipliers = rng.standard_normal(SIZE)
        factors.learn(0.5, here, scale * (matrix @ (scale * multipliers)), multipliers)
    np.testing.assert_allclose(factors.at(0.5, here).scale, scale, rtol=0.1)
    np.testing.assert_allclose(factors.at(0.5, before).scale, 1.0)


@pytest.mark.parametrize("features", [-np.ones(SIZE), np.zeros(SIZE)], ids=["negative", "none"])
def test_features_that_are_not_positive_tell_nothing(matrix, features):
    factors = known(matrix, np.ones(SIZE))
    multipliers = np.ones(SIZE)
    factors.learn(0.5, 4 * np.ones(SIZE), 16 * matrix @ multipliers, multipliers)
    np.testing.assert_array_equal(factors.at(0.5, features).scale, 1.0)
    assert factors.at(0.5, 2 * np.ones(SIZE)).scale == pytest.approx(2 * np.ones(SIZE), rel=0.1)


def test_a_step_that_goes_nowhere_tells_nothing(matrix):
    factors = known(matrix, np.ones(SIZE))
    factors.learn(0.5, 4 * np.ones(SIZE), np.zeros(SIZE), np.zeros(SIZE))
    np.testing.assert_array_equal(factors.at(0.5, 9 * np.ones(SIZE)).scale, 1.0)


def test_the_nearest_serves_and_factors_without_features_are_left_as_they_are(matrix):
    first, last = Factor(matrix, PIXELS), Factor(4 * matrix, PIXELS)
    factors = Factors.of(Way((), ((0.0, first), (1.0, last))))
    for s, factor in ((0.2, first), (0.7, last)):
        found = factors.at(s, np.ones(SIZE))
        assert found.factor is factor
        np.testing.assert_array_equal(found.scale, 1.0)
    assert factors.made == ((0.0, first), (1.0, last))
