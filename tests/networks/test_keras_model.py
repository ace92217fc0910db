"""Any Keras model as a network."""

import numpy as np
import pytest

from decouple.errors import ConfigError, ImageError, WeightsError
from decouple.features import ChannelMeans, LayerStatistics, check_features
from decouple.networks.keras_files import keras_application, keras_model, read_keras_model
from decouple.networks.keras_model import keras_network, smoothed
from decouple.stages import noise_reference, round_trip

keras = pytest.importorskip("keras")
layers = keras.layers
# Keras asks numpy for a copy in an older way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def small(activation="softplus", size=None):
    """With batch normalization, strides and a branch."""
    keras.utils.set_random_seed(1)
    image = keras.Input((size, size, 3))
    # Wide enough that activations bend: what is affine in an image cannot be moved apart.
    wide = keras.initializers.RandomNormal(stddev=0.5, seed=2)
    x = layers.Conv2D(
        12, 5, padding="same", kernel_initializer=wide, name="first", activation=activation
    )(image)
    x = layers.BatchNormalization(name="normalized")(x)
    y = layers.Conv2D(16, 3, strides=2, padding="same", name="strided")(x)
    x = layers.AveragePooling2D(2, name="pooled")(x)
    x = layers.Concatenate()([x, y])
    x = layers.Activation(activation, name="second")(
        layers.Conv2D(16, 3, padding="same", kernel_initializer=wide)(x)
    )
    return keras.Model(image, x, name="small")


@pytest.fixture(scope="module")
def network():
    return keras_network(small())


@pytest.fixture(scope="module")
def image(photograph):
    return photograph(32, 40)


def test_means_are_those_of_the_models_activations(network, image):
    features = ChannelMeans(network, ["second", "first"])
    assert features.layers == ("first", "second")
    model = network._model
    taps = keras.Model(model.inputs[0], [model.get_layer(n).output for n in features.layers])
    expected = [np.asarray(a).mean(axis=(0, 1, 2)) for a in taps(image[None].astype("f"))]
    np.testing.assert_allclose(features.measure(image), np.concatenate(expected), rtol=1e-5)


@pytest.mark.parametrize("statistic", ["means", "covariance"])
def test_its_features_do_what_is_promised(network, image, statistic):
    features = LayerStatistics(network, ["first", "second"], statistic, most=40)
    assert check_features(features, image)["adjoint"] < 1e-6
    found = check_features(features.in_float64(), image)
    assert found["derivative"] < 1e-6
    assert found["adjoint"] < 1e-13


def test_a_model_comes_back(network, image):
    features = ChannelMeans(network, ["first", "second"])
    reference = noise_reference(features, image.shape[:2])
    assert round_trip(image, features, reference).rms < 1e-4  # 80 dB


def test_it_knows_whether_it_is_smooth():
    assert keras_network(small()).smooth
    assert not keras_network(small("relu")).smooth
    assert keras_network(small("relu"), smooth=True).smooth


def test_a_smoothed_copy_is_near_and_smooth(image):
    model = small("relu")
    copies = [keras_network(smoothed(model, width=width)) for width in (0.1, 0.01)]
    assert all(copy.smooth for copy in copies)
    taps = ["first", "second"]
    own = ChannelMeans(keras_network(model), taps).measure(image)
    far, near = (np.abs(ChannelMeans(copy, taps).measure(image) - own).max() for copy in copies)
    assert 0 < near < far < 0.2 * np.abs(own).max()


@pytest.mark.parametrize(
    "rectifier",
    [
        layers.ReLU(0.2, name="r"),
        layers.ReLU(negative_slope=0.3, name="r"),
        layers.LeakyReLU(negative_slope=0.1, name="r"),
        layers.Activation("relu6", name="r"),
        layers.Activation("leaky_relu", name="r"),
    ],
)
def test_rectifiers_with_limits_and_slopes_are_smoothed(rectifier, image):
    given = keras.Input((None, None, 3))
    wide = keras.initializers.RandomNormal(stddev=0.5, seed=2)
    model = keras.Model(given, rectifier(layers.Conv2D(9, 3, kernel_initializer=wide)(given)))
    copy = keras_network(smoothed(model, width=0.01))
    assert (copy.smooth, keras_network(model).smooth) == (True, False)
    own, near = (ChannelMeans(net, ["r"]).measure(image) for net in (keras_network(model), copy))
    np.testing.assert_allclose(near, own, atol=2e-3)


def test_a_model_of_one_size_takes_others(image):
    fixed = ChannelMeans(keras_network(small(size=24)), ["second"])
    free = ChannelMeans(keras_network(small()), ["second"])
    np.testing.assert_allclose(fixed.measure(image), free.measure(image), rtol=1e-5)


def test_its_identity_follows_its_weights():
    model = small()
    before = keras_network(model).identity
    assert keras_network(small()).identity["weights"] == before["weights"]
    model.get_layer("first").bias.assign_add(np.ones(12, "f"))
    assert keras_network(model).identity["weights"] != before["weights"]


@pytest.mark.parametrize(
    ("names", "message"),
    [(2, "by their names"), (["frist"], "did you mean 'first'"), ([], "empty"),
     (["first", "first"], "twice")],
)  # fmt: skip
def test_layers_that_there_are_not_are_refused(network, names, message):
    with pytest.raises(ConfigError, match=message):
        ChannelMeans(network, names)


def test_an_image_that_is_too_small_is_told():
    image = keras.Input((None, None, 3))
    deep = layers.Conv2D(4, 9, padding="valid", activation="softplus", name="deep")(image)
    features = ChannelMeans(keras_network(keras.Model(image, deep)), ["deep"])
    features.check_size(9, 9)
    with pytest.raises(ImageError, match="too small for deep"):
        features.check_size(8, 30)


def test_a_model_of_something_else_is_refused():
    vector = keras.Input((7,))
    with pytest.raises(ConfigError, match="images"):
        keras_network(keras.Model(vector, layers.Dense(3)(vector)))


class TestFiles:
    def test_a_file_gives_the_same_features(self, tmp_path, network, image):
        network._model.save(tmp_path / "small.keras")
        again = keras_network(read_keras_model(str(tmp_path / "small.keras")))
        np.testing.assert_array_equal(
            *(ChannelMeans(n, ["second"]).measure(image) for n in (network, again))
        )

    def test_a_smoothed_model_is_read_again(self, tmp_path):
        smoothed(small("relu")).save(tmp_path / "smooth.keras")
        assert keras_network(read_keras_model(str(tmp_path / "smooth.keras"))).smooth

    def test_code_is_not_run(self, tmp_path):
        image = keras.Input((None, None, 3))
        x = layers.Conv2D(4, 3)(image)
        ran = []
        x = layers.Lambda(lambda t: (ran.append(1), t)[1], output_shape=lambda s: s)(x)
        path = tmp_path / "lambda.keras"
        keras.Model(image, x).save(path)
        ran.clear()
        with pytest.raises(WeightsError, match="needs code of its own"):
            read_keras_model(str(path))
        assert not ran

    def test_a_class_of_another_module_is_not_made(self, tmp_path):
        @keras.saving.register_keras_serializable("elsewhere")
        class Twice(layers.Layer):
            def call(self, x):
                return 2 * x

        image = keras.Input((None, None, 3))
        path = tmp_path / "own.keras"
        keras.Model(image, Twice()(image)).save(path)
        with pytest.raises(WeightsError, match="Twice"):
            read_keras_model(str(path))

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}"])
    def test_what_is_no_model_is_told(self, tmp_path, content):
        path = tmp_path / "no.keras"
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="no Keras model"):
            read_keras_model(str(path))
        with pytest.raises(WeightsError, match="no Keras model"):
            read_keras_model(str(tmp_path / "missing.keras"))


def test_of_keras_applications(image):
    model, preprocess = keras_application("MobileNetV2")
    network = keras_network(model, preprocess)
    assert not network.smooth
    np.testing.assert_allclose(preprocess(np.full((1, 2, 2, 3), 0.5, "f")), 0, atol=1e-6)
    with pytest.raises(ConfigError, match="did you mean 'ResNet50'"):
        keras_application("Resnet50")


def test_by_what_a_command_line_says(tmp_path, image):
    small("relu").save(tmp_path / "small.keras")
    path = str(tmp_path / "small.keras")
    as_it_is, smooth = keras_model(path, activation="relu"), keras_model(path)
    assert (as_it_is.smooth, smooth.smooth) == (False, True)
    assert as_it_is.origin == path
    own = ChannelMeans(as_it_is, ["first"]).measure(image)
    np.testing.assert_allclose(
        own, ChannelMeans(keras_network(small("relu")), ["first"]).measure(image)
    )
    bytes_ = ChannelMeans(keras_model(path, activation="relu", preprocessing="bytes"), ["first"])
    np.testing.assert_allclose(bytes_.measure(image), 255 * own, rtol=1e-4)  # no bias
    for wrong in ({"preprocessing": "caffee"}, {"model": "ResNet5", "weights": "random"}):
        with pytest.raises(ConfigError, match="did you mean"):
            keras_model(**{"model": path, **wrong})
    with pytest.raises(ConfigError, match="weights of a model"):
        keras_model("MobileNetV2", weights="some.h5")


def test_in_float32_steps_are_finished_in_float64(image):
    """A plain difference of large features in float32 says nothing of a short step."""
    given = keras.Input((None, None, 3))
    wide = keras.initializers.RandomNormal(stddev=0.5, seed=2)
    shifted = layers.Conv2D(
        12, 5, kernel_initializer=wide, bias_initializer=keras.initializers.Constant(3000.0)
    )(given)
    bent = layers.Conv2D(12, 5, kernel_initializer=wide, activation="softplus")(given)
    features = ChannelMeans(
        keras_network(keras.Model(given, layers.Add(name="sum")([0.01 * shifted, bent]))), ["sum"]
    )
    assert not features.exact_secant
    reference = noise_reference(features, image.shape[:2])
    assert round_trip(image, features, reference, tolerance=1e-5).rms < 1e-5  # 100 dB
