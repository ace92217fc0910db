"""Pixel moments: the authors' closed form, its values, gradients, and the lift beside it."""

import numpy as np
import pytest
from scipy import stats

from decouple.errors import ConfigError, FeaturesError
from decouple.features import FunctionFeatures, Moments, check_features
from decouple.features.moments import orthokurtosis
from decouple.flows import Lift, stepper
from decouple.stages import Reference, noise_reference, noisify, round_trip

GRID = (np.arange(1001) + 0.5) / 1001


@pytest.mark.parametrize(
    ("law", "pole", "value"),
    [
        (stats.expon(), -0.491970569610, 1.9835478255),
        (stats.gamma(2), -0.293437330444, 2.3214732584),
        (stats.lognorm(0.5), -0.281993042938, 2.6239606070),
        (stats.beta(2, 5), -0.148527901623, 2.2793097149),
        (stats.uniform(), 0.0, 1.7999976048),
    ],
)
def test_golden_values(law, pole, value):
    found = orthokurtosis(law.ppf(GRID))
    assert found.pole == pytest.approx(pole, abs=1e-8)
    assert found.value == pytest.approx(value, abs=1e-8)


def test_of_few_values():
    for three in ([0, 1, 5], [-3, 2, 2.5], [1, 10, 100]):
        assert orthokurtosis(np.array(three)).value == pytest.approx(1.5, abs=1e-12)
    assert orthokurtosis(np.array([0, 1, 3, 7])).value == pytest.approx(1.595041322314, abs=1e-12)


def test_it_is_invariant_under_möbius_maps():
    x = stats.gamma(2).ppf(GRID)
    value = orthokurtosis(x).value
    for a, b, c, d in ((2, 1, 0, 3), (1, 0, 0.1, 1), (-1, 4, 0.05, 2), (0, 1, 1, 0.7)):
        moved = (a * x + b) / (c * x + d)
        assert orthokurtosis(moved).value == pytest.approx(value, abs=1e-9)


def test_its_gradient_is_that_of_differences():
    rng = np.random.default_rng(0)
    x = rng.gamma(2.0, size=400)
    gradient = orthokurtosis(x).gradient
    for k in (0, 17, int(x.argmax()), int(x.argmin())):
        h = 1e-5
        ahead, behind = (orthokurtosis(x + s * h * (np.arange(400) == k)).value for s in (1, -1))
        assert gradient[k] == pytest.approx((ahead - behind) / (2 * h), abs=1e-8)


def test_its_gradient_is_orthogonal_to_the_others():
    x = np.random.default_rng(1).gamma(3.0, size=500)
    gradient = orthokurtosis(x).gradient
    others = np.stack([np.ones_like(x), x, x**2])
    size = np.linalg.norm(gradient) * np.linalg.norm(others, axis=1)
    assert (np.abs(others @ gradient) < 1e-12 * size).all()


@pytest.mark.parametrize("values", [np.full(9, 2.0), [0, 0, 0, 1, 2], [0, 1, 2, 2, 2]])
def test_what_has_none_is_told(values):
    with pytest.raises(FeaturesError, match="skewness"):
        orthokurtosis(np.array(values, float))


@pytest.mark.parametrize(("of", "sizes"), [("colours", (3,) * 4), ("bands", (3,) * 3)])
def test_as_features_they_do_what_is_promised(of, sizes, photograph):
    moments = Moments(of=of)
    assert moments.sizes == sizes
    found = check_features(moments, photograph(24, 30))
    assert found["derivative"] < 1e-6
    assert found["adjoint"] < 1e-13


def test_values_are_those_of_the_colours(photograph):
    image = photograph(24, 30)
    found = Moments(orders=3).split(Moments(orders=3).measure(image))
    flat = image.reshape(-1, 3)
    np.testing.assert_allclose(found["mean"], flat.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found["variance"], flat.var(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found["skewness"], stats.skew(flat), rtol=1e-11)


def test_they_come_off_to_the_gaussians_and_back(photograph):
    image, moments = photograph(24, 30), Moments()
    reference = Reference(moments.gaussian(), 24, 30, seed=0, draws=1)
    done = round_trip(image, moments, reference, tolerance=1e-9)
    assert done.rms < 1e-9
    # Orders 1 to 3 are decoupled: what is recorded of each is what the image itself has.
    raw = moments.split(moments.measure(image))
    for order in ("mean", "variance", "skewness"):
        np.testing.assert_allclose(done.noisified.features.values[order], raw[order], atol=1e-12)


def test_the_lift_on_plain_kurtosis_finds_the_closed_form(photograph):
    """Kurtosis is coupled with skewness; its decoupled value is the orthokurtosis."""
    import tensorflow as tf

    def four(image):
        x = tf.reshape(image, [-1, 3])
        mean = tf.reduce_mean(x, axis=0)
        variance = tf.reduce_mean((x - mean) ** 2, axis=0)
        z = (x - mean) / tf.sqrt(variance)
        return [mean, variance, tf.reduce_mean(z**3, axis=0), tf.reduce_mean(z**4, axis=0)]

    names = ("mean", "variance", "skewness", "kurtosis")
    features = FunctionFeatures(four, dict.fromkeys(names, 3))
    image = photograph(24, 30)
    values = dict(zip(names, ([0.0] * 3, [1.0] * 3, [0.0] * 3, [3.0] * 3), strict=True))
    values = {name: np.array(value) for name, value in values.items()}
    reference = Reference(values, 24, 30, seed=0, draws=1)
    exact = Lift(stepper("dop853"))
    off = noisify(
        image, features, reference, exact, tolerance=1e-8, features_only=True, comes_back=False
    )
    expected = [orthokurtosis(colour).value for colour in image.reshape(-1, 3).T]
    np.testing.assert_allclose(off.features.values["kurtosis"], expected, rtol=1e-6)
    raw = features.split(features.measure(image))["kurtosis"]
    assert np.abs(raw - expected).max() > 1e-2


def test_noise_is_a_reference_too(photograph):
    image, moments = photograph(24, 30), Moments(of="luminance")
    reference = noise_reference(moments, image.shape[:2])
    assert round_trip(image, moments, reference).rms < 1e-4


@pytest.mark.parametrize(("orders", "of"), [(0, "colours"), (5, "colours"), (1, "bands"), (2, "x")])
def test_what_there_is_not_is_refused(orders, of):
    with pytest.raises(ConfigError):
        Moments(orders, of)
