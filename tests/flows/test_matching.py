"""The metric in which features are matched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from decouple.flows.matching import damped


def added(diagonal: list[float], sizes: tuple[int, ...]) -> np.ndarray:
    """What damping adds to a diagonal K, feature by feature."""
    factor = damped(np.diag(diagonal), sizes, 3)
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
        damped(np.array([[np.inf]]), (1,), 3)
