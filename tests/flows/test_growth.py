import numpy as np
import pytest

from decouple.flows.growth import Growth
from decouple.flows.preconditioner import Factor


@pytest.fixture(scope="module")
def step(extractor):
    """A short step of two layers: (extractor, x₁ linearized, x₁ − x₀, f(x₁) − f(x₀), λ, K)."""
    two = extractor(2, "float64")
    rng = np.random.default_rng(0)
    x0 = rng.random((24, 28, 3))
    begin = two.linearize(x0)
    matrix = two.normal_matrix(begin)
    multipliers = Factor(matrix, x0.size).solve(1e-3 * begin.features)
    change = np.zeros_like(x0)
    for _ in range(12):
        change = two.vjp(two.secant(begin, change), multipliers)
    wanted = two.secant(begin, change).change
    return two, two.linearize(x0 + change), change, wanted, multipliers, matrix


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
    two, end, change, wanted, multipliers, matrix = step
    still = (np.zeros_like(change), np.zeros_like(wanted), np.zeros_like(multipliers))
    growth = Growth.none(change.shape).after(two, end, *still, Factor(matrix, change.size))
    assert growth.anywhere == pytest.approx(1, abs=0.01)
    assert growth.bend == 0.0
