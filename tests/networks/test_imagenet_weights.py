"""ImageNet's weights as Keras would download them."""

import socket
import sys

import keras
import pytest

from decouple.errors import WeightsError
from decouple.networks import vgg19, weights
from tests.networks.keras_files import LAST, assert_equals_keras


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    home = tmp_path / "keras"
    (home / "models").mkdir(parents=True)
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


@pytest.fixture
def file_of_keras(monkeypatch, empty_cache, whole_file):
    """What Keras would download is the test's file."""
    module = sys.modules[keras.applications.VGG19.__module__]
    asked = []

    def get_file(name, url, **_):
        asked.append(name)
        return str(whole_file)

    monkeypatch.setattr(module.file_utils, "get_file", get_file)
    monkeypatch.setattr(weights, "reachable", lambda: True)
    return asked


@pytest.fixture
def no_network(monkeypatch, empty_cache):
    monkeypatch.setattr(weights, "is_cached", lambda _: False)
    monkeypatch.setattr(weights, "reachable", lambda: False)


@pytest.mark.parametrize("origin", ["imagenet", "auto"])
def test_keras_loads_it(file_of_keras, keras_model, arrays, origin):
    said = []
    net = vgg19(weights=origin, last=LAST, activation="relu", pooling="max", say=said.append)
    assert file_of_keras == ["vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    assert net.weights.origin == "imagenet"
    assert_equals_keras(net, keras_model, arrays)
    assert len(said) == (origin == "auto")
    assert all("ImageNet" in line and "\n" not in line for line in said)


def test_without_network_imagenet_is_refused(no_network):
    with pytest.raises(WeightsError, match="cannot be downloaded") as caught:
        vgg19(weights="imagenet", last=LAST)
    assert "\n" not in str(caught.value)


def test_without_network_auto_falls_back(no_network):
    said = []
    net = vgg19(weights="auto", last="block1_conv1", say=said.append)
    assert net.weights.origin == "calibrated"
    assert len(said) == 1
    assert "calibrated" in said[0]
    assert "\n" not in said[0]


def test_without_a_home_nothing_is_cached(homeless, monkeypatch):
    monkeypatch.setattr(weights, "reachable", lambda: False)
    assert not weights.is_cached("vgg19_weights.h5")
    assert vgg19(last="block1_conv1", say=lambda _: None).weights.origin == "calibrated"


def test_a_download_that_fails_is_told_in_one_line(monkeypatch, empty_cache):
    module = sys.modules[keras.applications.VGG19.__module__]

    def get_file(*_, **__):
        raise Exception("URL fetch failure on ...:\n 404 --\n Not Found")

    monkeypatch.setattr(module.file_utils, "get_file", get_file)
    monkeypatch.setattr(weights, "reachable", lambda: True)
    with pytest.raises(WeightsError, match="404 -- Not Found") as caught:
        vgg19(weights="imagenet", last=LAST)
    assert "\n" not in str(caught.value)
    assert socket.getdefaulttimeout() is None


def test_the_cache_is_where_keras_has_it(empty_cache):
    name = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    (empty_cache / "models" / name).touch()
    assert weights.is_cached(name)
