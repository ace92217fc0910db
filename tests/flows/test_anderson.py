"""Anderson acceleration: a linear problem takes few iterations, a large one as few."""

from __future__ import annotations

import numpy as np
import pytest

from decouple.flows.anderson import Anderson

# Of numbers: fewer than a residual is told in, and many more.
SIZES = (300, 50_000)


def iterations(size: int, memory: int, most: int = 300) -> tuple[int, np.ndarray]:
    """How many it takes to solve u = A u + b to float64's rounding, and where the error is."""
    rng = np.random.default_rng(1)
    # Symmetric: eigenvalues along random directions, the largest one near 1.
    basis, _ = np.linalg.qr(rng.standard_normal((size, 12)))
    values = np.linspace(-0.5, 0.98, 12)
    wanted = rng.standard_normal(size)

    def residual(u: np.ndarray) -> np.ndarray:
        error = wanted - u
        return error - basis @ (values * (basis.T @ error))

    u, anderson = np.zeros(size), Anderson(size, memory)
    for number in range(most):
        g = residual(u)
        if np.linalg.norm(g) < 1e-12 * np.linalg.norm(wanted):
            return number, u - wanted
        u = anderson.next(u, g) if memory else u + g
    return most, u - wanted


@pytest.mark.parametrize("size", SIZES)
def test_it_takes_few_iterations(size: int) -> None:
    plain, _ = iterations(size, 0)
    accelerated, error = iterations(size, 20)
    assert plain > 200
    assert accelerated < 40
    assert np.abs(error).max() < 1e-9


def test_as_few_where_weights_are_fitted_to_sketches() -> None:
    (few, _), (many, _) = (iterations(size, 20) for size in SIZES)
    assert many <= few + 3


@pytest.mark.parametrize("size", [*SIZES, 1_000_000])
def test_what_it_holds_is_known_before(size: int) -> None:
    held = [x.nbytes for x in vars(Anderson(size, 4)).values() if isinstance(x, np.ndarray)]
    assert Anderson.bytes_of(size, 4) == sum(held)
    if size > 10**5:
        assert sum(held) < 1.1 * 4 * 8 * size, "little more than the moves"


@pytest.mark.parametrize("size", SIZES)
def test_a_restart_keeps_what_was_learnt(size: int) -> None:
    rng = np.random.default_rng(2)
    rates = rng.uniform(0.1, 0.9, size)
    first, second = rng.standard_normal((2, size))

    def left(anderson: Anderson, wanted: np.ndarray, steps: int) -> float:
        u = np.zeros(size)
        for _ in range(steps):
            u = anderson.next(u, rates * (wanted - u))
        return float(np.linalg.norm(wanted - u))

    learnt, near_by = Anderson(size, 20), first + 0.1 * second
    left(learnt, first, 15)
    learnt.restart()
    assert left(learnt, near_by, 3) < 0.3 * left(Anderson(size, 20), near_by, 3)
