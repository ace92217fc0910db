"""Any function of an image as features, and what is said of one that is broken."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError, FeaturesError
from decouple.features import Features, FunctionFeatures, Point, check_features
from decouple.stages import decoupling_defect, noise_reference, round_trip


def two_means(image):
    return {
        "mean": tf.reduce_mean(image, axis=(0, 1)),
        "square": tf.reduce_mean(image**2, axis=(0, 1)),
    }


@pytest.fixture(scope="module")
def features():
    return FunctionFeatures(two_means, {"mean": 3, "square": 3})


@pytest.fixture(scope="module")
def image(photograph):
    return photograph(24, 30)


@pytest.fixture(scope="module")
def bank():
    """Fifteen lines of a user's: means and deviations of random 7×7 filters with softplus."""
    kernels = np.random.default_rng(3).normal(size=(7, 7, 3, 12))
    kernels -= kernels.mean(axis=(0, 1), keepdims=True)
    kernels /= np.sqrt(np.square(kernels).sum(axis=(0, 1, 2)))

    def of_filters(image):
        kernel = tf.constant(kernels, image.dtype)
        seen = tf.nn.softplus(10 * tf.nn.conv2d(image[None], kernel, 1, "SAME")) / 10
        mean = tf.reduce_mean(seen, axis=(0, 1, 2))
        variance = tf.reduce_mean((seen - mean) ** 2, axis=(0, 1, 2))
        return {"mean": mean, "deviation": tf.sqrt(variance)}

    return FunctionFeatures(of_filters, {"mean": 12, "deviation": 12})


def test_values_and_derivatives(features, image):
    flat = image.reshape(-1, 3)
    expected = np.concatenate([flat.mean(axis=0), (flat**2).mean(axis=0)])
    np.testing.assert_allclose(features.measure(image), expected, rtol=1e-14)
    rows = np.concatenate(list(features.jacobian_rows(features.linearize(image))))
    np.testing.assert_allclose(rows[3:].sum(axis=0), 2 * image.ravel() / len(flat), rtol=1e-13)
    assert features.layers == ("mean", "square")
    assert features.first(1).sizes == (3,)


def test_in_float32_it_differs_by_rounding(image):
    single = FunctionFeatures(two_means, {"mean": 3, "square": 3}, dtype="float32")
    double = single.in_float64()
    assert (single.epsilon, double.epsilon) == (np.finfo("f").eps, np.finfo("d").eps)
    far = np.abs(single.measure(image) - double.measure(image)).max()
    assert 0 < far < 1e-5
    assert max(check_features(single, image).values()) < 1e-2


def test_the_decoupled_square_is_the_variance(features, image):
    """With the mean at the reference's first, no more is left of the mean in it."""
    reference = noise_reference(features, image.shape[:2])
    done = round_trip(image, features, reference, tolerance=1e-10)
    expected = image.var(axis=(0, 1)) + reference.features["mean"] ** 2
    taken = done.noisified.features.values["square"]
    np.testing.assert_allclose(taken, expected, rtol=1e-12)
    assert done.rms < 1e-10  # 200 dB


def test_moving_along_the_mean_leaves_the_decoupled_square_as_it_is(features, image):
    reference = noise_reference(features, image.shape[:2])
    defect = decoupling_defect(image, features, reference, tolerance=1e-9)
    assert defect.matrix()[0, 1] < 1e-9
    assert defect.own["square"].ratio == pytest.approx(1, abs=1e-6)


def test_a_users_filters_come_back(bank, image):
    reference = noise_reference(bank, image.shape[:2])
    assert round_trip(image, bank, reference).rms < 1e-4  # 80 dB


def test_vectors_may_come_in_order_or_alone(image):
    ordered = FunctionFeatures(lambda x: list(two_means(x).values()), {"mean": 3, "square": 3})
    alone = FunctionFeatures(lambda x: two_means(x)["mean"], {"mean": 3})
    assert ordered.measure(image)[:3] == pytest.approx(alone.measure(image))


def test_other_names_tell_them_apart(features):
    other = FunctionFeatures(two_means, {"mean": 3, "square": 3}, identity={"seed": "2"})
    assert features.identity["function"].endswith("two_means")
    assert other.identity != features.identity


def stepped(image):
    return tf.reduce_mean(tf.round(4 * image), axis=(0, 1))


def constant(image):
    return 0 * tf.reduce_mean(image, axis=(0, 1)) + 1


def undefined(image):
    return tf.sqrt(tf.reduce_mean(image, axis=(0, 1)) - 1)


def random(image):
    return tf.reduce_mean(image, axis=(0, 1)) + tf.random.normal([3], dtype=image.dtype)


def short(image):
    return tf.reduce_mean(image, axis=(0, 1))[:2]


def fails(image):
    return tf.linalg.matmul(image, tf.zeros([7, 7], image.dtype))


def single(image):
    return tf.cast(tf.reduce_mean(image, axis=(0, 1)), tf.float32)


def unnamed(image):
    return {"other": tf.reduce_mean(image, axis=(0, 1))}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (stepped, "not differentiable"),
        (constant, "does not change with the image"),
        (undefined, "NaN or infinite values in mean"),
        (random, "not deterministic"),
        (short, r"mean the shape \(2,\), not \(3,\)"),
        (fails, "fails in float64"),
        (single, "float32 of an image in float64"),
        (unnamed, "gives nothing for mean"),
        (two_means, "nothing for"),
    ],
)
def test_a_broken_function_is_named_in_one_line(function, message, image):
    name = "mean" if function is not two_means else "means"
    with pytest.raises(FeaturesError, match=message) as error:
        check_features(FunctionFeatures(function, {name: 3}), image)
    assert "\n" not in str(error.value)


def test_groups_and_dtypes_that_cannot_be():
    with pytest.raises(FeaturesError, match="groups"):
        FunctionFeatures(two_means, {})
    with pytest.raises(FeaturesError, match="groups"):
        FunctionFeatures(two_means, {"mean": 0})
    with pytest.raises(ConfigError, match="float16"):
        FunctionFeatures(two_means, {"mean": 3}, dtype="float16")


class Rough(Features):
    """Written by hand: the mean of each colour, with faults that a test puts in."""

    def __init__(self, **faults):
        super().__init__({"mean": 3})
        self.faults = faults

    @property
    def identity(self):
        return {"features": "rough"}

    def measure(self, image):
        return self.faults.get("measure", lambda x: x.mean(axis=(0, 1)))(image)

    def linearize(self, image):
        return Point(image.shape, None, self.measure(image), image)

    def jvp(self, point, tangent):
        return self.faults.get("scale", 1.0) * tangent.mean(axis=(0, 1))

    def vjp(self, point, cotangent):
        height, width, _ = point.shape
        flat = np.broadcast_to(cotangent, point.shape) / (height * width)
        return self.faults.get("vjp", lambda g: g)(flat)


def test_four_methods_are_enough(image):
    assert max(check_features(Rough(), image).values()) < 1e-8
    reference = noise_reference(Rough(), image.shape[:2])
    assert round_trip(image, Rough(), reference).rms < 1e-4


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"scale": 1.1}, "derivative of mean"),
        ({"vjp": lambda g: 2 * g}, "not the adjoint"),
        ({"vjp": lambda g: g[1:]}, "vjp gives"),
        ({"vjp": lambda g: g * np.nan}, "not finite"),
        ({"measure": lambda x: x.mean(axis=(0, 1)).astype("f")}, "float64"),
        ({"measure": lambda x: x.mean(axis=(0, 1))[:2]}, "shape"),
    ],
)
def test_a_fault_is_named(faults, message, image):
    with pytest.raises(FeaturesError, match=message):
        check_features(Rough(**faults), image)
