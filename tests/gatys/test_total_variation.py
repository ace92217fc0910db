import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.gatys import TotalVariation

FORMS = ("power", "squared", "absolute")
H, W = 6, 9


def value(term, image):
    return float(term.value(tf.constant(np.asarray(image)[None]), H * W))


def ramp(down, right):
    """A plane, with slopes per pixel."""
    plane = down * np.arange(H)[:, None] + right * np.arange(W)[None, :]
    return np.repeat(plane[..., None], 3, axis=-1)


@pytest.mark.parametrize("form", FORMS)
def test_zero_on_a_flat_image_with_a_finite_gradient(form):
    image = tf.fill((1, H, W, 3), tf.constant(0.4, tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(image)
        variation = TotalVariation(form).value(image, H * W)
    assert float(variation) == 0
    np.testing.assert_array_equal(tape.gradient(variation, image), 0)


def test_known_values_on_a_ramp():
    image, interior = ramp(0.03, 0.04), 3 * (H - 1) * (W - 1)
    assert value(TotalVariation("power"), image) == pytest.approx(interior * 0.05**2.5)
    assert value(TotalVariation("squared"), image) == pytest.approx(interior * 0.05**2)
    assert value(TotalVariation("absolute"), image) == pytest.approx(0.035)
    assert value(TotalVariation(exponent=2), image) == pytest.approx(interior * 0.05**4)


@pytest.mark.parametrize("exponent", [1.0, 1.25])
def test_formula_of_the_keras_example_in_0_255(exponent):
    image = np.random.default_rng(0).random((H, W, 3))
    total = 0.0
    for i in range(H - 1):
        for j in range(W - 1):
            for channel in range(3):
                a = (255 * (image[i, j, channel] - image[i + 1, j, channel])) ** 2
                b = (255 * (image[i, j, channel] - image[i, j + 1, channel])) ** 2
                total += (a + b) ** exponent
    assert value(TotalVariation(exponent=exponent, scale=255), image) == pytest.approx(total)


def test_formula_of_d2l_on_the_normalized_picture():
    image, std = np.random.default_rng(0).random((H, W, 3)), np.array([0.229, 0.224, 0.225])
    normalized = (image - [0.485, 0.456, 0.406]) / std
    expected = 0.5 * (
        np.abs(np.diff(normalized, axis=0)).mean() + np.abs(np.diff(normalized, axis=1)).mean()
    )
    assert value(TotalVariation("absolute", scale=tuple(1 / std)), image) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"form": "abs"}, "did you mean 'absolute'"),
        ({"exponent": 0.5}, "from 1"),
        ({"exponent": np.nan}, "from 1"),
        ({"form": "squared", "exponent": 2.0}, "no meaning"),
        ({"scale": 0.0}, "positive"),
        ({"scale": (1.0, 2.0)}, "positive number, or three"),
        ({"scale": np.inf}, "positive"),
    ],
)
def test_wrong_options(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        TotalVariation(**options)
