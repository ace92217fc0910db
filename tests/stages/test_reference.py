import itertools

import numpy as np
import pytest

from decouple.errors import ConfigError, ImageError
from decouple.stages import noise_image, noise_reference, round_trip

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


@pytest.mark.parametrize("kind", ["gaussian", "pink"])
def test_other_noise_has_the_same_mean_and_variance(kind):
    noise = noise_image(64, 96, seed=1, kind=kind)
    assert noise.shape == (64, 96, 3)
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise.mean((0, 1)), 0.5, atol=0.01)
    np.testing.assert_allclose(noise.var((0, 1)), 1 / 12, rtol=0.05)
    np.testing.assert_array_equal(noise, noise_image(64, 96, seed=1, kind=kind))
    assert not np.allclose(noise, noise_image(64, 96, seed=1, draw=1, kind=kind))


def test_amplitudes_of_pink_noise_fall_with_the_frequency():
    noise = noise_image(128, 128, seed=2, kind="pink").astype(float)
    power = (np.abs(np.fft.fft2(noise, axes=(0, 1))) ** 2).mean(-1)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    low, high = ((a < frequency) & (frequency < 1.2 * a) for a in (0.1, 0.4))
    assert power[low].mean() / power[high].mean() == pytest.approx(4**2, rel=0.2)


def test_noise_with_a_pictures_amplitudes(photograph):
    picture = photograph(24, 30)
    noise = noise_image(24, 30, seed=1, kind="phase", like=picture)
    amplitudes = [np.abs(np.fft.fft2(x, axes=(0, 1))) for x in (noise, picture)]
    np.testing.assert_allclose(*amplitudes, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(noise.mean((0, 1)), picture.mean((0, 1)), rtol=1e-5)
    assert np.abs(noise - picture).max() > 0.1
    # It is periodic.
    larger = noise_image(40, 36, seed=1, kind="phase", like=picture)
    np.testing.assert_array_equal(larger[:24, :30], noise)
    np.testing.assert_array_equal(larger[24:, :30], noise[:16])
    np.testing.assert_array_equal(larger[:24, 30:], noise[:, :6])


def test_noise_that_there_is_not():
    with pytest.raises(ConfigError, match="did you mean 'pink'"):
        noise_image(8, 8, 0, kind="pinc")
    with pytest.raises(ConfigError, match="needs a picture"):
        noise_image(8, 8, 0, kind="phase")


@pytest.mark.parametrize("kind", ["gaussian", "pink", "phase"])
def test_a_picture_comes_back_from_other_noise(extractor, photograph, kind):
    net, picture = extractor(2), photograph(24, 30)
    like = picture if kind == "phase" else None
    reference = noise_reference(net, (24, 30), seed=1, kind=kind, like=like)
    noise = noise_image(24, 30, 1, kind=kind, like=like)
    np.testing.assert_array_equal(reference.vector(net), net.measure(noise))
    np.testing.assert_array_equal(reference.noise(24, 30), noise)
    done = round_trip(picture, net, reference)
    np.testing.assert_allclose(net.measure(done.noisified.image), reference.vector(net), rtol=1e-4)
    assert done.rms < 1e-4


def test_the_normal_matrix_is_kept_for_each_noise(extractor, photograph):
    net = extractor(1)
    pictures = [photograph(24, 24), photograph(24, 24)[::-1] ** 2]
    matrices = [
        noise_reference(net, (24, 24), **how).normal_matrix(net, 1, 3 * 24 * 24)
        for how in ({}, {"kind": "pink"}, *({"kind": "phase", "like": like} for like in pictures))
    ]
    for one, other in itertools.combinations(matrices, 2):
        assert not np.allclose(one, other, rtol=1e-3)


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
