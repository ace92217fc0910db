"""Features of two kinds as one."""

import numpy as np
import pytest

from decouple.errors import FeaturesError
from decouple.features import ChannelMeans, Joined, Moments, check_features
from decouple.stages import noise_reference, round_trip

ONE, TWO = "block1_conv1", "block2_conv1"


@pytest.fixture(scope="module")
def both(chain):
    return Joined(Moments(orders=2), ChannelMeans(chain(TWO, dtype="float64"), 2))


@pytest.fixture(scope="module")
def image(photograph):
    return photograph(24, 30)


def test_its_groups_are_those_of_both_in_order(both, image):
    assert both.layers == ("mean", "variance", ONE, TWO)
    assert both.sizes == (3, 3, 64, 128)
    expected = np.concatenate([part.measure(image) for part in both.parts])
    np.testing.assert_array_equal(both.measure(image), expected)


def test_it_does_what_is_promised(both, image):
    found = check_features(both, image)
    assert found["derivative"] < 1e-6
    assert found["adjoint"] < 1e-13


def test_part_of_it_is_linearized_at_the_same_image(both, image):
    point = both.linearize(image)
    rng = np.random.default_rng(0)
    for count in (1, 2, 3):
        shorter, part = both.part(point, count)
        assert shorter.layers == both.layers[:count]
        own = rng.standard_normal(shorter.size)
        whole = np.concatenate([own, np.zeros(both.size - shorter.size)])
        np.testing.assert_allclose(shorter.vjp(part, own), both.vjp(point, whole), atol=1e-15)


def test_a_mask_reaches_its_parts(both, image):
    kept = {k: np.arange(v.size) % 2 == 0 for k, v in both.alive.items()}
    masked = both.masked(kept)
    assert masked.sizes == (2, 2, 32, 64)
    every = np.concatenate(list(kept.values()))
    np.testing.assert_allclose(masked.measure(image), both.measure(image)[every], rtol=1e-13)
    matrix = both.normal_matrix(both.linearize(image))[np.ix_(every, every)]
    np.testing.assert_allclose(
        masked.normal_matrix(masked.linearize(image)), matrix, rtol=1e-9, atol=1e-15
    )


def test_passes_of_both_are_counted_and_set_back(both, image):
    before = both.passes.count
    both.measure(image)
    assert both.passes.count == before + 2
    both.passes.count = before
    assert both.passes.count == before


def test_its_precision_is_the_coarser_one(chain):
    single = Joined(Moments(orders=1), ChannelMeans(chain(ONE), 1))
    assert single.dtype == "float32"
    assert single.in_float64().dtype == "float64"
    assert single.identity == {**Moments().identity, **ChannelMeans(chain(ONE), 1).identity}


def test_what_is_taken_off_comes_back(chain, image):
    both = Joined(Moments(orders=1), ChannelMeans(chain(TWO), 2))
    done = round_trip(image, both, noise_reference(both, image.shape[:2]))
    assert done.rms < 1e-4  # 80 dB


def test_two_groups_of_one_name_are_refused():
    with pytest.raises(FeaturesError, match="one name"):
        Joined(Moments(), Moments(of="bands"))
