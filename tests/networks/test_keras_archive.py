"""Weights out of `.keras` files, which are read as data."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks import vgg16
from decouple.networks.architecture import VGG16, VGG19
from decouple.networks.files import read_file, shapes_until
from tests.networks.weight_files import assert_pairs, random_arrays

LAST = "block2_conv1"
SHAPES = shapes_until(VGG16, LAST)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def arrays():
    return random_arrays(VGG16, LAST)


@pytest.fixture(scope="module")
def model(arrays):
    whole = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    for name, pair in arrays.items():
        whole.get_layer(name).set_weights(pair)
    return keras.Model(whole.input, whole.get_layer(LAST).output)


def rewritten(path, change):
    """Change its members, {name: bytes}."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def without_names(members):
    """As Keras wrote before it put names beside the weights."""
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "a") as file:
        file.visititems(lambda _, item: item.attrs.pop("name", None))
        del file["vars"]
    members["model.weights.h5"] = content.getvalue()


def assert_holds(path, arrays, network=VGG16):
    found = read_file(path, network, SHAPES)
    assert found.preprocessing.name == "caffe"
    assert_pairs(found.pairs, arrays)


def nested(model):
    image = keras.Input((32, 32, 3))
    early = keras.layers.Conv2D(3, 1, name="colours")(image)
    return keras.Model(image, keras.layers.Dense(2)(model(early)))


def trained(model):
    model = keras.models.clone_model(model)
    model.compile("adam", "mse")
    rng = np.random.default_rng(3)
    model.train_on_batch(rng.random((1, 32, 32, 3)), rng.random((1, 16, 16, 128)))
    return model


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", ["plain", "nested"])
def test_models_that_keras_saves(kind, named, model, arrays, tmp_path):
    path = tmp_path / "a.keras"
    (model if kind == "plain" else nested(model)).save(path)
    if not named:
        rewritten(path, without_names)
    assert_holds(path, arrays)


def test_of_a_trained_model_the_moments_are_not_read(model, tmp_path):
    path = tmp_path / "a.keras"
    made = trained(model)
    made.save(path)
    assert_holds(path, {name: made.get_layer(name).get_weights() for name in SHAPES})


def test_it_gives_the_activations_of_the_model(model, tmp_path):
    model.save(tmp_path / "a.keras")
    net = vgg16(weights=str(tmp_path / "a.keras"), last=LAST, activation="relu", pooling="max")
    image = np.random.default_rng(1).random((1, 32, 32, 3), np.float32)
    theirs = np.asarray(model(keras.applications.vgg16.preprocess_input(255 * image)))
    assert theirs.max() > 0
    np.testing.assert_allclose(
        net.forward(image, [LAST])[0], theirs, rtol=0, atol=3e-6 * theirs.max()
    )


def test_whatever_its_name(model, arrays, tmp_path):
    path = tmp_path / "a.zip"
    model.save(tmp_path / "a.keras")
    (tmp_path / "a.keras").rename(path)
    assert_holds(path, arrays)


def test_the_name_of_the_network_is_in_the_configuration(model, tmp_path):
    """Both networks have these layers."""
    path = tmp_path / "a.keras"
    keras.Model(model.input, model.output, name="vgg19").save(path)
    rewritten(path, without_names)
    with pytest.raises(WeightsError, match="it holds vgg19"):
        read_file(path, VGG16, SHAPES)
    assert set(read_file(path, VGG19, SHAPES).pairs) == set(SHAPES)


def drop(name):
    return lambda members: members.pop(name)


def put(name, content):
    return lambda members: members.update({name: content})


# {what is done to it: (how, words of the refusal)}
INJURIES = {
    "no weights": (drop("model.weights.h5"), "it has no model.weights.h5"),
    "weights of no HDF5": (put("model.weights.h5", b"none"), "not a readable .keras file"),
    "half of the weights": (
        lambda members: members.update(
            {"model.weights.h5": members["model.weights.h5"][:200_000]}
        ),
        "not a readable .keras file",
    ),
    "a configuration of no JSON": (put("config.json", b"{"), "not a readable .keras file"),
    "a configuration of no model": (put("config.json", b"[]"), "not a readable .keras file"),
    "a deep configuration": (put("config.json", b"[" * 100_000), "not a readable .keras file"),
    "a subclass": (put("config.json", json.dumps({"config": {}}).encode()), "readable"),
}  # fmt: skip


@pytest.mark.parametrize("what", INJURIES)
def test_damaged_archives(what, model, tmp_path):
    path = tmp_path / "a.keras"
    model.save(path)
    change, words = INJURIES[what]
    rewritten(path, change)
    with pytest.raises(WeightsError, match=words) as caught:
        read_file(path, VGG16, SHAPES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_truncated(share, model, tmp_path):
    path = tmp_path / "a.keras"
    model.save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match=r"not a readable \.keras file"):
        read_file(path, VGG16, SHAPES)


def test_a_bomb(tmp_path):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr("model.weights.h5", bytes(2**24))
    with pytest.raises(WeightsError, match="larger than such a file can hold"):
        read_file(path, VGG16, SHAPES)
