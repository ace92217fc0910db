"""Judges: known values, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from decouple import judges
from decouple.errors import ConfigError, ImageError
from decouple.features.distances import activations_of
from decouple.judges import Judges
from decouple.stages import noise_image

USED, HELD_OUT = ["block1_conv1"], ["block1_conv2", "block2_conv1"]


def judged(chain, source, **how) -> Judges:
    return Judges(chain(), source, USED, HELD_OUT, **how)


def test_the_source_itself_is_at_distance_zero(chain, pink):
    source = pink(32, 40)
    row = judged(chain, source).row(source)
    assert set(row.values()) == {0.0}
    kinds = ("gram_squared", "means", "covariance", "wasserstein")
    ends = ("distance", "distance_held_out")
    assert {f"{kind}_{end}" for kind in kinds for end in ends} < set(row)


def test_layer_distances_are_their_formulas(chain, pink):
    source, image = pink(32, 32), pink(24, 40, seed=1)
    found = judged(chain, source, kinds=list(judges.KINDS)).of_layers(image)
    for layer in [*USED, *HELD_OUT]:
        one, other = (
            activations_of(chain(), x, [layer])[layer][0].numpy().astype(float)
            for x in (image, source)
        )
        one, other = (x.reshape(-1, x.shape[-1]) for x in (one, other))

        def apart(values, of):
            return np.sqrt(((values - of) ** 2).sum() / (of**2).sum())

        gram = apart(one.T @ one / len(one), other.T @ other / len(other))
        assert found["gram"][layer] == pytest.approx(gram, rel=1e-4)
        assert found["gram_squared"][layer] == pytest.approx(gram**2, rel=1e-4)
        assert found["means"][layer] == pytest.approx(apart(one.mean(0), other.mean(0)), rel=1e-4)
        covariances = (np.cov(x.T, bias=True) for x in (one, other))
        assert found["covariance"][layer] == pytest.approx(apart(*covariances), rel=1e-3)


def test_means_over_layers_keep_used_and_held_out_apart(chain, pink):
    source, image = pink(32, 32), pink(32, 32, seed=1)
    judge = judged(chain, source)
    by_layer, row = judge.of_layers(image), judge.distances(image)
    for kind, of in by_layer.items():
        assert row[f"{kind}_distance"] == of[USED[0]]
        assert row[f"{kind}_distance_held_out"] == np.mean([of[layer] for layer in HELD_OUT])


def test_wasserstein_sees_what_means_and_covariances_do_not(chain, pink):
    """Forgets places, and orders a texture of the same kind before noise."""
    source = pink(48, 48)
    mirrored, other, noise = source[:, ::-1], pink(48, 48, seed=3), noise_image(48, 48, 0)
    judge = judged(chain, source, kinds=["wasserstein"])
    near, apart, far = (
        judge.distances(x)["wasserstein_distance"] for x in (mirrored, other, noise)
    )
    assert near < apart < far


def test_sliced_wasserstein_of_a_shift_is_the_shift():
    """Moving all activations by a vector a moves every projection by a·u: mean square |a|²/C."""
    values = np.random.default_rng(0).standard_normal((1, 20, 20, 64))
    shift = np.full(64, 0.5)
    one, other = (judges._quantiles(tf.constant(v)) for v in (values, values + shift))
    assert np.sqrt(np.mean((other - one) ** 2)) == pytest.approx(0.5, rel=0.25)
    assert np.ptp(other - one, axis=0).max() < 1e-12, "the same at every quantile"


@pytest.mark.parametrize(("height", "width"), [(256, 256), (200, 333), (300, 160)])
def test_the_spectrum_of_white_noise_is_flat_at_any_size(height, width):
    noise = np.random.default_rng(1).normal(0.5, 0.1, (height, width, 1)).repeat(3, axis=2)
    levels = judges.radial_spectrum(noise)
    assert levels.shape == (16,)
    # White noise of variance s² has the density s² at every frequency.
    np.testing.assert_allclose(levels[1:], 0.01, rtol=0.35)
    assert np.isnan(judges.radial_spectrum(noise[:16, :16])[0]), "no frequency is that low"


def test_a_grating_has_its_power_in_its_ring():
    x = np.arange(64)
    grating = np.broadcast_to(0.5 + 0.3 * np.sin(2 * np.pi * x / 8)[:, None, None], (64, 64, 3))
    assert np.argmax(judges.radial_spectrum(grating)) == 4  # 1/8 of ½/16 cycles per pixel
    assert judges.spectrum_distance(grating, np.rot90(grating)) < 1e-6
    blurred = 0.5 + 0.5 * (grating - 0.5)
    assert judges.spectrum_distance(blurred, grating) > 1


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        (np.zeros((4, 4, 3)), np.ones((8, 2, 3)), 1.0),
        (np.full((4, 4, 3), 1.3), np.ones((4, 4, 3)), 0.0),  # clipped, as a file would be
        (np.concatenate([np.zeros((2, 4, 3)), np.ones((2, 4, 3))]), np.ones((3, 3, 3)), 0.5),
    ],
)
def test_colours(one, other, distance):
    assert judges.colour_distance(one, other) == pytest.approx(distance)


def test_diversity():
    noise = [noise_image(32, 32, seed) for seed in range(3)]
    assert judges.diversity(noise) == pytest.approx(1, abs=0.03)
    assert judges.diversity([noise[0], noise[0]]) == 0
    half = [noise[0], (noise[0] + noise[1]) / 2]
    assert 0.3 < judges.diversity(half) < 0.8
    assert judges.diversity(noise[:1]) is None
    assert judges.diversity([np.ones((4, 4, 3))] * 2) is None


def test_structure_is_told_of_one_size_only(pink):
    a, b = pink(20, 20), pink(20, 24)
    assert judges.structure(a, a)["ssim"] == pytest.approx(1)
    assert set(judges.structure(a, b).values()) == {None}
    small = judges.structure(a[:8, :8], a[:8, :8] * 0.9)
    assert small["ssim"] is None
    assert small["psnr_db"] is not None


def test_wrong_requests(chain, pink):
    with pytest.raises(ConfigError, match="did you mean 'gram'"):
        judged(chain, pink(16, 16), kinds=["grm"])
    with pytest.raises(ConfigError, match="block1_conv7"):
        Judges(chain(), pink(16, 16), ["block1_conv7"])
    with pytest.raises(ImageError, match="too small"):
        judged(chain, pink(1, 16))
