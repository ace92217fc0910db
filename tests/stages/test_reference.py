import numpy as np
import pytest

from decouple.errors import ConfigError, ImageError
from decouple.stages import noise_image, noise_reference

ONE, TWO = "block1_conv1", "block2_conv1"


def test_noise_is_uniform_and_follows_its_seed():
    noise = noise_image(40, 30, seed=1)
    assert noise.shape == (40, 30, 3)
    assert noise.dtype == np.float32
    assert 0 <= noise.min() < 0.01
    assert 0.99 < noise.max() <= 1
    assert np.var(noise) == pytest.approx(1 / 12, rel=0.05)
    np.testing.assert_array_equal(noise, noise_image(40, 30, seed=1))
    assert not np.array_equal(noise, noise_image(40, 30, seed=2))
    assert not np.array_equal(noise, noise_image(40, 30, seed=1, draw=1))
    # A seed with a draw is not another seed.
    assert not np.array_equal(noise_image(40, 30, 0, draw=1), noise_image(40, 30, 1, draw=0))


def test_it_holds_the_features_of_the_noise(extractor):
    net = extractor(2)
    reference = noise_reference(net, (16, 24), seed=4)
    measured = net.measure(noise_image(16, 24, 4))
    np.testing.assert_array_equal(reference.vector(net), measured)
    np.testing.assert_array_equal(reference.vector(net.first(1)), measured[:64])
    assert list(reference.features) == [ONE, TWO]
    assert (reference.height, reference.width) == (16, 24)
    assert (reference.seed, reference.draws) == (4, 1)


def test_draws_are_averaged(extractor):
    net = extractor(1)
    reference = noise_reference(net, (12, 16), seed=5, draws=3)
    single = [net.measure(noise_image(12, 16, 5, draw)) for draw in range(3)]
    np.testing.assert_allclose(reference.vector(net), np.mean(single, axis=0), rtol=1e-12)
    assert np.ptp(single, axis=0).min() > 0
    assert reference.draws == 3


def test_it_is_deterministic_and_depends_on_seed_and_size(extractor):
    net = extractor(1)
    plain, again, seeded, turned = (
        noise_reference(net, size, seed).vector(net)
        for size, seed in (((12, 16), 0), ((12, 16), 0), ((12, 16), 1), ((24, 16), 0))
    )
    np.testing.assert_array_equal(plain, again)
    assert not np.allclose(plain, seeded, rtol=1e-3)
    assert not np.allclose(plain, turned, rtol=1e-3)


def test_more_draws_come_nearer_to_the_expectation(extractor):
    net = extractor(1)
    expected = noise_reference(net, (12, 12), seed=100, draws=60).vector(net)
    few, many = (
        noise_reference(net, (12, 12), seed=0, draws=draws).vector(net) for draws in (1, 25)
    )
    assert np.linalg.norm(many - expected) < 0.6 * np.linalg.norm(few - expected)


def test_masks_are_kept(extractor):
    net = extractor(1)
    alive = {ONE: np.arange(64) % 3 != 0}
    masked = net.masked(alive)
    np.testing.assert_array_equal(
        noise_reference(masked, (12, 16)).features[ONE],
        noise_reference(net, (12, 16)).features[ONE][alive[ONE]],
    )


@pytest.mark.parametrize("draws", [0, -1])
def test_no_draws_are_refused(extractor, draws):
    with pytest.raises(ConfigError, match="at least 1"):
        noise_reference(extractor(1), (12, 16), draws=draws)


def test_too_small_a_size_is_refused(extractor):
    with pytest.raises(ImageError, match="at least 4"):
        noise_reference(extractor(3), (3, 16))
