"""Optimizing an image under an objective: descent, budgets, the best image, going on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from decouple.errors import ConfigError, ImageError
from decouple.flows import KerasOptimizer, Lbfgs, StopReason, StopRule
from decouple.gatys import Objective, TotalVariation, content, optimization, optimize, style

SIDE = 24
RESTARTED = Lbfgs(evaluations=20)


def rule(iterations: int, **options: object) -> StopRule:
    return StopRule(**{"max_iterations": iterations, "stagnation": 0.0, **options})


@pytest.fixture(scope="module")
def start(photograph) -> np.ndarray:
    return photograph(SIDE, SIDE)


@pytest.fixture(scope="module")
def objective(chain, photograph, pink) -> Objective:
    network = chain("block2_conv1", "relu", "max")
    parts = {
        "content": 1.0 * content(network, photograph(SIDE, SIDE), ["block2_conv1"]),
        "style": 1e2 * style(network, pink(20, 28, 3), layers=2),
        "variation": 1e-3 * TotalVariation(scale=255),
    }
    shares = {"content": 0.2, "style": 0.75, "variation": 0.05}
    noise = 0.1 * np.random.default_rng(0).standard_normal((SIDE, SIDE, 3))
    return Objective(network, parts).balanced(photograph(SIDE, SIDE) + noise, shares)


def test_the_loss_falls_at_every_outer_iteration(objective, start):
    seen = []
    done = optimize(objective, start, RESTARTED, rule(6), observer=seen.append)
    totals = [done.trace.losses_before["total"], *(report.losses["total"] for report in seen)]
    assert len(totals) == 7
    assert all(after < before for before, after in pairwise(totals))
    assert totals[-1] < 0.7 * totals[0]
    for report in seen:
        parts = sum(v for name, v in report.losses.items() if name != "total")
        assert parts == pytest.approx(report.losses["total"], rel=1e-5)
    assert done.trace.stop_reason is StopReason.COMPLETED
    assert done.trace.losses["total"] == totals[-1]


def test_an_outer_iteration_takes_the_evaluations_asked_for(objective, start):
    counts = []
    for evaluations in (4, 20):
        done = optimize(objective, start, Lbfgs(evaluations=evaluations), rule(3))
        counts.append(done.trace.passes / 2 / 3)
    # A line search is not broken off; the first evaluation of an iteration is known already.
    assert 3 <= counts[0] <= 7
    assert 19 <= counts[1] <= 23


def test_passes_are_counted_and_limited(objective, start):
    done = optimize(objective, start, KerasOptimizer("adam"), rule(50, max_passes=21))
    assert done.trace.passes == 22  # the start, and ten steps
    assert done.trace.steps == 10
    assert done.trace.stop_reason is StopReason.COMPLETED


def test_bounds_hold_and_no_bounds_do_not(objective, start):
    free = optimize(objective, start, RESTARTED, rule(3)).image
    assert free.min() < 0 or free.max() > 1, "nothing would be clipped"
    bounded = optimize(objective, start, Lbfgs(evaluations=20, lower=0.0, upper=1.0), rule(3))
    assert bounded.image.min() >= 0
    assert bounded.image.max() <= 1
    assert bounded.trace.losses["total"] < bounded.trace.losses_before["total"]


def test_the_best_image_is_kept(objective, start):
    seen = []
    # A rate so large that the loss jumps about.
    wild = KerasOptimizer("adam", learning_rate=0.5)
    done = optimize(objective, start, wild, rule(8), observer=seen.append)
    totals = [done.trace.losses_before["total"], *(report.losses["total"] for report in seen)]
    assert totals[-1] > min(totals)
    assert done.trace.losses["total"] == min(totals)
    assert not np.array_equal(done.image, done.state.image)


def test_an_image_at_its_optimum_stops(objective, chain, start):
    network = chain("block1_conv1", "relu", "max")
    here = Objective(network, {"content": 1.0 * content(network, start, 1)})
    for how in (RESTARTED, Lbfgs(), KerasOptimizer("sgd")):
        done = optimize(here, start, how, rule(5))
        assert done.trace.stop_reason is StopReason.REACHED
        assert np.array_equal(done.image, start)


def test_infinite_values_end_it(objective, start):
    broken = start.copy()
    broken[3, 4, 1] = np.inf
    for how in (RESTARTED, KerasOptimizer("adam")):
        done = optimize(objective, broken, how, rule(5))
        assert done.trace.stop_reason is StopReason.NOT_FINITE


@pytest.mark.parametrize(
    "how",
    [
        RESTARTED,
        Lbfgs(evaluations=8, lower=0.0, upper=1.0),
        Lbfgs(),
        Lbfgs(memory=3, lower=0.0, upper=1.0),
        KerasOptimizer("adam", decay="steps", decay_iterations=3),
        KerasOptimizer("sgd", learning_rate=0.05, options={"momentum": 0.9}),
        KerasOptimizer("rmsprop"),
    ],
    ids=["restarted", "restarted_bounded", "lbfgs", "lbfgs_bounded", "adam", "momentum", "rmsprop"],
)
def test_a_run_in_two_parts_is_the_uncut_run(objective, start, how):
    whole = optimize(objective, start, how, rule(7))
    first = optimize(objective, start, how, rule(4))
    seen = []
    second = optimize(objective, start, how, rule(7), seen.append, state=first.state)
    assert len(seen) == 3
    np.testing.assert_array_equal(second.image, whole.image)
    np.testing.assert_array_equal(second.state.image, whole.state.image)
    for name in ("steps", "passes", "losses", "losses_before", "image_change_psnr_db"):
        assert getattr(second.trace, name) == getattr(whole.trace, name), name


@pytest.mark.parametrize("remembered", [0, 1, 3, 1000])
def test_what_is_forgotten_is_evaluated_again(objective, start, remembered, monkeypatch):
    whole = optimize(objective, start, Lbfgs(), rule(6))
    size = start.size * np.dtype(objective.chain.dtype).itemsize
    monkeypatch.setattr(optimization, "_LARGEST_MEMORY", remembered * size)
    states = []
    first = optimize(
        objective, start, Lbfgs(), rule(4), on_iteration=lambda *told: states.append(told[3]())
    )
    kept = first.state.optimizer
    assert (len(kept[0]) if kept else 0) == min(remembered, first.trace.passes // 2)
    for state in (states[0], first.state):
        rest = optimize(objective, start, Lbfgs(), rule(6), state=state)
        np.testing.assert_array_equal(rest.image, whole.image)
        assert rest.trace.passes == whole.trace.passes
        assert rest.state.iterations == 6


def test_what_it_remembers_is_not_evaluated_again(objective, start, monkeypatch):
    first = optimize(objective, start, Lbfgs(), rule(4))
    asked = []
    evaluate = type(objective).loss_and_gradient
    monkeypatch.setattr(
        type(objective), "loss_and_gradient", lambda *what: asked.append(1) or evaluate(*what)
    )
    rest = optimize(objective, start, Lbfgs(), rule(5), state=first.state)
    # Where it was, the evaluations of one iteration, and the best image.
    assert len(asked) <= 2 + (rest.trace.passes - first.trace.passes) // 2


def test_a_state_taken_on_the_way_is_as_good_as_one_at_the_end(objective, start):
    states = []

    def keep(count, _image, _losses, snapshot):
        if count == 3:
            states.append(snapshot())

    how = KerasOptimizer("adam")
    whole = optimize(objective, start, how, rule(6), on_iteration=keep)
    assert states[0].iterations == 3
    rest = optimize(objective, start, how, rule(6), state=states[0])
    np.testing.assert_array_equal(rest.image, whole.image)


def test_what_does_not_fit_is_refused(objective, start):
    state = optimize(objective, start, KerasOptimizer("adam"), rule(1)).state
    with pytest.raises(ConfigError, match="another optimizer"):
        optimize(objective, start, RESTARTED, rule(2), state=state)
    with pytest.raises(ConfigError, match="another optimizer"):
        optimize(objective, start, KerasOptimizer("sgd"), rule(2), state=state)
    with pytest.raises(ConfigError, match="another optimizer"):
        optimize(objective, start, Lbfgs(), rule(2), state=state)
    with pytest.raises(ConfigError, match="shape"):
        optimize(objective, start[1:], KerasOptimizer("adam"), rule(2), state=state)
    with pytest.raises(ImageError):
        optimize(objective, start[1:], RESTARTED, rule(1))
    with pytest.raises(ConfigError, match="evaluations=1"):
        Lbfgs(evaluations=1)
