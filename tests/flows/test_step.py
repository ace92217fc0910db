"""How exactly the equations of a step are solved."""

import numpy as np
import pytest

from decouple.flows.nearby import Adapted
from decouple.flows.preconditioner import Factor
from decouple.flows.step import StepSolver
from decouple.images import rms


@pytest.fixture
def step(extractor, grained):
    """Of two layers' features, by a hundredth of their size: (features, factor, what to solve)."""
    net, image = extractor(2), grained(16, 21)
    begin = net.linearize(image)
    factor = Adapted(Factor.near(net, begin), np.ones(net.size))
    wanted = -0.01 * begin.features

    def predict(point):
        multipliers = factor.solve(wanted)
        return multipliers, image + net.vjp(point, multipliers)

    def solve(solver, tolerance, limit):
        return solver.solve(image, wanted, factor, tolerance, lambda *_: limit, predict)

    return net, image, wanted, factor, solve


def test_a_step_of_which_too_much_is_asked_is_as_exact_as_float64(step):
    net, image, wanted, factor, solve = step
    solved = solve(StepSolver(net, 24), 0.0, 60)
    assert solved.converged
    moved = solved.image - image
    assert 0 < solved.tolerance < 1e-13 * rms(moved)
    # And it says how exact that is.
    exact = net.in_float64()
    secant = exact.secant(exact.linearize(image), moved)
    assert factor.distance(wanted - secant.change) < 3 * solved.tolerance
    assert rms(moved - exact.vjp(secant, solved.multipliers)) < 30 * solved.tolerance


def test_what_a_step_that_failed_has_learnt_is_forgotten(step):
    net, *_, solve = step
    solver = StepSolver(net, 24)
    assert not solve(solver, 1e-7, 3).converged
    again, first = solve(solver, 1e-7, 60), solve(StepSolver(net, 24), 1e-7, 60)
    assert again.converged
    assert again.iterations == first.iterations
    np.testing.assert_array_equal(again.image, first.image)


def test_one_that_is_not_taken_back_is_in_float64_where_float32_would_lose_it(step, monkeypatch):
    net, image, wanted, factor, solve = step
    finer = []
    in_float64 = type(net).in_float64
    monkeypatch.setattr(type(net), "in_float64", lambda self: finer.append(1) or in_float64(self))
    solver = StepSolver(net, 24, exact=False)
    assert solve(solver, 1e-4, 60).converged
    assert not finer
    lost = factor.rounding(wanted, net.epsilon)
    solved = solve(solver, lost, 60)
    assert solved.converged
    assert finer
    exact = in_float64(net)
    secant = exact.secant(exact.linearize(image), solved.image - image)
    assert factor.distance(wanted - secant.change) < 1.1 * lost
