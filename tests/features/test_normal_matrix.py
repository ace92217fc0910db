"""K = J Jᵀ."""

import numpy as np
import pytest

from decouple.features import extractor as module
from decouple.features import features as general
from tests.features.rows import jacobian


@pytest.mark.parametrize("name", ["exact", "masked"])
@pytest.mark.parametrize("bytes_", [2**30, 0])
def test_it_is_the_jacobian_times_its_transpose(request, monkeypatch, name, bytes_, image):
    """Formed from the whole Jacobian, and by pushing rows forward."""
    extractor = request.getfixturevalue(name)
    monkeypatch.setattr(general, "jacobian_limit", lambda: bytes_)
    point = extractor.linearize(image)
    rows = jacobian(extractor, point)
    matrix = extractor.normal_matrix(point)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, matrix.T)
    expected = rows @ rows.T
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(matrix / scale, expected / scale, rtol=0, atol=1e-6)


def test_in_float64_it_is_exact(exact, image):
    point = exact.linearize(image)
    rows = jacobian(exact, point)
    expected = rows @ rows.T
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(
        exact.normal_matrix(point) / scale, expected / scale, rtol=0, atol=1e-12
    )


def test_chunks_change_nothing(exact, monkeypatch, image):
    point = exact.linearize(image)
    rows, matrix = jacobian(exact, point), exact.normal_matrix(point)
    monkeypatch.setattr(module, "BATCH_BYTES", 7 * 4 * 64 * 14 * 19 * 8)
    chunks = list(exact.jacobian_rows(point))
    # The first layer's rows take a twentieth of the memory.
    assert {len(chunk) for chunk in chunks} == {32, 7, 2}
    np.testing.assert_allclose(np.concatenate(chunks), rows, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(exact.normal_matrix(point), matrix, rtol=1e-5, atol=1e-9)
    monkeypatch.setattr(module, "BATCH_BYTES", 0)
    short = exact.first(1)
    assert {len(chunk) for chunk in short.jacobian_rows(short.linearize(image))} == {1}


def test_it_is_positive_definite_on_a_picture(exact, image):
    assert np.linalg.eigvalsh(exact.normal_matrix(exact.linearize(image))).min() > 0
