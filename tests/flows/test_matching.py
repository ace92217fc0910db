"""The metric in which features are matched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from decouple.flows import Motion, StopReason, matching
from decouple.flows.matching import Matching, passes_of_metric
from decouple.flows.preconditioner import Factor
from decouple.flows.stopping import StopRule, StopRules
from decouple.flows.trace import ignore
from decouple.stages.layerwise import carried_out


def added(diagonal: list[float], sizes: tuple[int, ...]) -> np.ndarray:
    """What damping adds to a diagonal K, feature by feature."""
    factor = matching.damped(np.diag(diagonal), sizes, 3)
    return 1 / factor.solve(np.ones(len(diagonal))) - diagonal


def test_each_layer_is_damped_by_its_own_part_of_k():
    weak, strong = [1.0, 3.0], [100.0, 300.0, 0.0]
    alone = added(weak, (2,))
    assert alone[0] == pytest.approx(alone[1], rel=1e-4), "all features of a layer alike"
    np.testing.assert_allclose(added([*weak, *strong], (2, 3))[:2], alone, rtol=1e-4)
    np.testing.assert_allclose(added([*weak, *strong], (2, 3))[2:], 100 * alone[0], rtol=1e-4)


def test_a_layer_that_noise_does_not_move_is_damped_as_the_others():
    np.testing.assert_allclose(added([1.0, 2.0, 0.0], (2, 1)), added([3.0], (1,))[0], rtol=1e-4)
    assert np.isfinite(added([0.0, 0.0], (1, 1))).all()


def test_an_infinite_k_is_refused():
    with pytest.raises(LinAlgError, match="not finite"):
        matching.damped(np.array([[np.inf]]), (1,), 3)


@pytest.fixture(scope="module")
def two(extractor):
    return extractor(2)


@pytest.fixture
def formed(monkeypatch):
    """Every K that a metric is made of."""
    found, own = [], matching.damped

    def noted(matrix, *about):
        found.append(matrix)
        return own(matrix, *about)

    monkeypatch.setattr(matching, "damped", noted)
    return found


@pytest.fixture
def descended(two, photograph):
    """descended(**stop): a photograph that is moved to another's means.

    Its first metric is a wrong one.
    """
    image = photograph(24, 24)
    wanted = two.measure(0.5 * photograph(32, 32)[8:, 8:] + 0.5 * image[::-1])
    wrong = np.random.default_rng(0).permutation(np.logspace(-3, 3, two.size))
    astray = Factor(np.diag(wrong), image.size)

    def descend(**stop):
        flow = Matching(stop=StopRules(StopRule(**stop)), enough=1e-8)
        start = two.measure(image)
        motion = Motion(two, start, wanted, tolerance=0.0, nearby=lambda: astray)
        moved, _ = carried_out(image, motion, flow, ignore)
        return moved

    return descend


class TestFormingKWhereTheImageIs:
    def test_it_saves_iterations(self, descended, formed, monkeypatch):
        long = {"max_iterations": 600, "stagnation": 0.0}
        moved = descended(**long)
        assert moved.stop_reason is StopReason.REACHED
        assert formed
        formed.clear()
        monkeypatch.setattr(matching._When, "pays", lambda *_: False)
        alone = descended(**long)
        assert not formed
        assert moved.steps < alone.steps / 2

    def test_it_is_formed_once(self, two, photograph, descended, formed, monkeypatch):
        monkeypatch.setattr(matching._When, "_saved", lambda *_: np.inf)
        before = two.passes.count
        moved = descended(max_iterations=400, stagnation=0.0)
        assert len(formed) == 1
        spent = two.passes.count - before - passes_of_metric(photograph(24, 24), two)
        assert 2 * moved.steps <= spent <= 3 * moved.steps

    def test_the_limit_is_of_all_iterations(self, descended, formed, monkeypatch):
        monkeypatch.setattr(matching._When, "_saved", lambda *_: np.inf)
        moved = descended(max_iterations=60, stagnation=0.0)
        assert formed
        assert (moved.stop_reason, moved.steps) == (StopReason.STEP_LIMIT, 60)

    def test_a_descent_that_stagnates_in_its_first_metric_goes_on(
        self, descended, formed, monkeypatch
    ):
        monkeypatch.setattr(matching._When, "due", lambda _, iterations: iterations > 5)
        stagnant = {"max_iterations": 600, "stagnation": 0.9}
        moved = descended(**stagnant)
        assert len(formed) == 1
        assert moved.stop_reason in (StopReason.REACHED, StopReason.STAGNATED)

    def test_where_it_is_not_finite_the_former_serves(self, two, descended, monkeypatch):
        monkeypatch.setattr(
            type(two), "estimated_normal_matrix", lambda *_: np.full((two.size, two.size), np.inf)
        )
        moved = descended(max_iterations=120, stagnation=0.0)
        assert moved.steps == 120
        assert np.isfinite(moved.image).all()

    def test_where_its_jacobian_is_large_it_is_not_formed(
        self, two, descended, formed, monkeypatch
    ):
        monkeypatch.setattr(matching, "BATCH_BYTES", 1000)
        monkeypatch.setattr(matching._When, "_saved", lambda *_: 1e9)
        moved = descended(max_iterations=60, stagnation=0.0)
        assert not formed
        assert moved.steps == 60
