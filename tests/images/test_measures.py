import math

import numpy as np
import pytest

from decouple.errors import ImageError
from decouple.images import differing_pixels_8bit, max_error_8bit, psnr_db, rms


def test_psnr():
    a = np.zeros((4, 4, 3), np.float32)
    assert psnr_db(a, a) == math.inf
    assert psnr_db(a, a + np.float32(0.5)) == pytest.approx(20 * math.log10(2))
    assert psnr_db(a, a + 10) == pytest.approx(-20)
    assert psnr_db(a, a + np.float32(1e-30)) == pytest.approx(600, abs=1e-3)
    assert math.isnan(psnr_db(a, a * np.nan))


def test_psnr_is_not_clipped_and_in_float64():
    a = np.ones((4, 4, 3), np.float32)
    assert psnr_db(a, a * 2) == 0
    huge = np.full((4, 4, 3), 1e30, np.float32)
    assert psnr_db(huge, np.zeros_like(huge)) == pytest.approx(-600, abs=1e-3)


def test_rms():
    assert rms(np.array([[1.0, -7.0], [5.0, 5.0]])) == 5.0
    assert math.isnan(rms(np.array([3.0, np.nan])))


def test_max_error_8bit():
    a = np.zeros((4, 4, 3), np.float32)
    b = a.copy()
    b[1, 2, 0] = -2 / 255
    b[3, 3, 2] = 0.5 / 255
    assert max_error_8bit(a, b) == pytest.approx(2)
    assert max_error_8bit(a, a) == 0


def test_differing_pixels_8bit():
    a = np.zeros((2, 5, 3), np.float32)
    b = a.copy()
    b[0, 0] = 0.4 / 255
    b[0, 1] = 0.6 / 255
    b[1, 1, 0] = -0.9
    assert differing_pixels_8bit(a, b) == pytest.approx(3 / 30)
    assert differing_pixels_8bit(a, a) == 0


@pytest.mark.parametrize("measure", [psnr_db, max_error_8bit, differing_pixels_8bit])
def test_shapes_must_agree(measure):
    with pytest.raises(ImageError, match=r"\(4, 4, 3\) and \(4, 1, 3\)"):
        measure(np.zeros((4, 4, 3), np.float32), np.zeros((4, 1, 3), np.float32))
