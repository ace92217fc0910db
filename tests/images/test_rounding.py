import numpy as np

from decouple.images import to_8bit


def test_to_8bit_inverts_the_grid_exactly():
    whole = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_8bit(whole.astype(np.float32) / np.float32(255)), whole)
    found = to_8bit(np.float64([-3, 0.4 / 255, 0.6 / 255, 254.6 / 255, 7]))
    assert found.tolist() == [0, 0, 1, 255, 255]
    assert found.dtype == np.uint8
