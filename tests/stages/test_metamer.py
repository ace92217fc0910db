"""Images with the features of another: what stays, what does not, and where a walk ends."""

from __future__ import annotations

import numpy as np
import pytest

from decouple.errors import ConfigError, ImageError
from decouple.features.likeness import likeness, of_unrelated
from decouple.flows import StopReason
from decouple.flows.level_set import correlation, reflected
from decouple.flows.preconditioner import Factor
from decouple.images import rms
from decouple.images.noise import random_direction
from decouple.stages import StageError, metamer, metamer_from_noise
from decouple.stages.metamers import factor_at


@pytest.fixture(scope="module")
def one(extractor):
    return extractor(1)


@pytest.fixture(scope="module")
def nearby(one, source):
    return factor_at(source, one)


@pytest.fixture(scope="module")
def made(one, source, nearby):
    return [metamer(source, one, seed, nearby=nearby) for seed in (0, 1)]


def test_features_stay_and_nothing_else_does(one, source, made):
    wanted = one.measure(source)
    for done in made:
        error = one.mean_square(one.measure(done.image) - wanted)["block1_conv1"]
        assert error <= 1e-9 * np.mean(wanted**2)
        assert done.trace.stop_reason is StopReason.REACHED
        assert abs(correlation(done.image, source)) < 0.2
        contrast = rms(source - source.mean((0, 1)))
        assert rms(done.image - source) == pytest.approx(done.distance)
        assert done.distance > 1.2 * contrast
    assert rms(made[0].image - made[1].image) > contrast


def test_values_hardly_leave_the_range(made):
    for done in made:
        assert np.mean((done.image < 0) | (done.image > 1)) < 0.01


def test_two_layers(extractor, source):
    two = extractor(2)
    done = metamer(source, two, steps=2)
    assert max(done.relative_mse.values()) <= 1e-9
    assert list(done.relative_mse) == list(two.layers)
    assert done.trace.steps == 2


def test_the_same_seed_gives_the_same_image(one, source, nearby, made):
    again = metamer(source, one, 1, nearby=nearby)
    np.testing.assert_array_equal(again.image, made[1].image)
    alone = metamer(source, one, 1)
    np.testing.assert_array_equal(alone.image, made[1].image)


@pytest.mark.parametrize("directions", ["spectrum", "white"])
def test_a_walk_ends_at_a_distance(one, source, nearby, directions):
    done = metamer(source, one, distance=0.05, step=0.02, directions=directions, nearby=nearby)
    assert 0.05 <= done.distance < 0.07
    assert done.trace.steps == 3


def test_a_bound_that_rounding_does_not_meet_is_told_with_how_far_it_came(one, source, nearby):
    with pytest.raises(StageError, match=r"0 steps.*mse=1e-30.*larger mse") as found:
        metamer(source, one, mse=1e-30, nearby=nearby)
    np.testing.assert_array_equal(found.value.partial.image, source)


def test_gradients_that_depend_on_each_other_are_told(one, source, monkeypatch):
    monkeypatch.setattr(type(one), "normal_matrix", lambda self, _: -np.eye(self.size))
    monkeypatch.setattr(type(one), "estimated_normal_matrix", lambda self, _: -np.eye(self.size))
    with pytest.raises(StageError, match="metamer_0 came to an RMS distance of 0 in 0 steps"):
        metamer(source, one)


def test_noise_is_moved_to_all_features(extractor, source):
    two = extractor(2)
    made = [metamer_from_noise(source, two, seed) for seed in (0, 1, 0)]
    for done in made:
        assert max(done.relative_mse.values()) <= 1e-9
        assert list(done.relative_mse) == list(two.layers)
        assert done.trace.stop_reason is StopReason.REACHED
        assert abs(correlation(done.image, source)) < 0.2, "nothing else is left of the source"
    assert rms(made[0].image - made[1].image) > rms(source - source.mean((0, 1)))
    np.testing.assert_array_equal(made[0].image, made[2].image)


def test_features_that_noise_does_not_reach_are_told_with_how_near_it_came(one, source):
    with pytest.raises(StageError, match=r"in 2 iterations.*mse=1e-09.*more iterations") as found:
        metamer_from_noise(source, one, iterations=2)
    reached = found.value.partial.relative_mse["block1_conv1"]
    assert 1e-9 < reached < 1
    assert f"{reached:.1e}" in str(found.value)


def test_a_metric_that_there_is_not_is_told(one, source):
    def nearby():
        return Factor(np.full((one.size, one.size), np.inf), source.size)

    with pytest.raises(StageError, match="in 0 iterations"):
        metamer_from_noise(source, one, nearby=nearby)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"iterations": 0}, "iterations=0"),
        ({"mse": -1.0}, "mse=-1"),
        ({"start": "colour"}, "did you mean 'colours'"),
    ],
)
def test_mistakes_from_noise(one, source, settings, said):
    with pytest.raises(ConfigError, match=said):
        metamer_from_noise(source, one, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"step": 0}, "step=0"),
        ({"distance": -1}, "distance=-1"),
        ({"mse": float("inf")}, "mse=inf"),
        ({"steps": 0}, "steps=0"),
        ({"directions": "wite"}, "did you mean 'white'"),
    ],
)
def test_mistakes(one, source, settings, said):
    with pytest.raises(ConfigError, match=said):
        metamer(source, one, **settings)


def test_an_image_without_freedom_is_refused(extractor, photograph):
    for made in (metamer, metamer_from_noise):
        with pytest.raises(ImageError, match="192 values, and 192 features"):
            made(photograph(8, 8), extractor(2))


@pytest.mark.parametrize("size", [(24, 32), (25, 31)])
def test_directions(photograph, size):
    image = photograph(*size)
    spectrum = random_direction("spectrum", image, 3)
    assert rms(spectrum) == pytest.approx(1)
    np.testing.assert_allclose(spectrum.mean((0, 1)), 0, atol=1e-12)
    powers = [np.abs(np.fft.fft2(x - x.mean((0, 1)), axes=(0, 1))) for x in (image, spectrum)]
    np.testing.assert_allclose(powers[1], powers[0] * powers[1].max() / powers[0].max(), atol=1e-9)
    assert abs(correlation(spectrum, image)) < 0.5
    assert not np.allclose(spectrum, random_direction("spectrum", image, 4))


def test_a_direction_turns_back_at_the_ends_of_the_range():
    image = np.array([0.0, 0.01, 0.5, 1.0, 1.1, -0.3])
    found = reflected(image, np.array([-1.0, -1, -1, 1, 1, -1]), 0.1)
    np.testing.assert_array_equal(found, [1, 1, -1, -1, -1, 1])


def test_features_of_unrelated_pictures_are_far_off(one, source, made, pink):
    unrelated = [pink(32, 44, 1), 1 - 0.5 * source, source**3]
    null = of_unrelated(one, unrelated)
    assert len(null) == 6
    of = likeness(one, one.measure(made[0].image), one.measure(source))
    assert of.snr_db > 90 > max(other.snr_db for other in null)
    assert of.least_spearman > max(other.least_spearman for other in null)


def test_likeness_of_what_is_equal_or_has_no_order(one, source):
    features = one.measure(source)
    same = likeness(one, features, features)
    assert (same.snr_db, same.least_spearman) == (np.inf, pytest.approx(1))
    flat = likeness(one, np.ones_like(features), features)
    assert flat.spearman == {}
    assert np.isnan(flat.least_spearman)


def test_the_factor_is_formed_once(one, source, monkeypatch):
    asked = []
    monkeypatch.setattr(Factor, "near", classmethod(lambda *what: asked.append(what) or "factor"))
    nearby = factor_at(source, one)
    assert asked == []
    assert (nearby(), nearby()) == ("factor", "factor")
    assert len(asked) == 1
