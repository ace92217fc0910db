"""What a file's numbers were trained with: told by the file, by its numbers, or by the user."""

import json

import h5py
import keras
import numpy as np
import pytest
from omegaconf import OmegaConf

from decouple import known_weights
from decouple.config import StopConfig
from decouple.errors import ConfigError
from decouple.networks import vgg16, vgg19
from decouple.networks.architecture import VGG16, VGG19
from decouple.networks.files import read_file, shapes_until
from decouple.networks.preprocessing import PREPROCESSINGS
from decouple.parsing import stop_rules
from decouple.pipeline.loaded import forget
from decouple.run import main

LAST = "block1_conv2"
SHAPES = shapes_until(VGG16, LAST)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Random filters, which both networks can have, in Keras's layout."""
    rng = np.random.default_rng(0)
    made = tmp_path_factory.mktemp("weights") / "a.h5"
    with h5py.File(made, "w") as file:
        for name, (kernel, bias) in SHAPES.items():
            file[f"{name}/kernel"] = rng.standard_normal(kernel).astype(np.float32)
            file[f"{name}/bias"] = rng.standard_normal(bias).astype(np.float32)
    return made


@pytest.fixture(autouse=True)
def load_anew():
    """What is known of a file is another thing in each test."""
    forget()
    yield
    forget()


@pytest.fixture
def recognised(path, monkeypatch):
    """The file's numbers are ImageNet's, as far as anybody knows."""
    pairs = read_file(path, VGG16, SHAPES).pairs
    arrays = [array for pair in pairs.values() for array in pair]
    for count in (2, 4):
        digest = known_weights.digest_of(arrays[:count])
        monkeypatch.setitem(known_weights._KNOWN, digest, known_weights.KERAS_VGG16)
    return known_weights.KERAS_VGG16


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf"])
def test_it_is_what_keras_gives_its_models(mode):
    image = np.random.default_rng(1).random((5, 7, 3))
    expected = keras.applications.imagenet_utils.preprocess_input(255 * image, mode=mode)
    given = PREPROCESSINGS[mode].applied(image)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_in_the_first_convolution_it_is_the_same(name, path):
    """Away from the border: zero padding stands for another colour before and after it."""
    net = vgg19(weights=str(path), last=LAST, preprocessing=name, activation="relu", pooling="max")
    assert net.described()["preprocessing"] == name
    image = np.random.default_rng(2).random((1, 9, 8, 3), np.float32)
    ours = np.asarray(net.forward(image, ("block1_conv1",))[0])[:, 1:-1, 1:-1]
    kernel, bias = read_file(path, VGG19, SHAPES).pairs["block1_conv1"]
    given = PREPROCESSINGS[name].applied(image)
    theirs = np.maximum(np.asarray(keras.ops.conv(given, kernel, 1, "valid") + bias), 0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-6 * theirs.max())


def test_keras_layouts_tell_caffes(path):
    assert vgg19(weights=str(path), last=LAST).weights.preprocessing == "caffe"
    assert read_file(path, VGG19, SHAPES, "torch").preprocessing.name == "torch"


def test_networks_of_different_preprocessing_are_different(path):
    made = [
        vgg19(weights=str(path), last=LAST, preprocessing=name).identity["weights"]
        for name in PREPROCESSINGS
    ]
    assert len(set(made)) == len(PREPROCESSINGS)


@pytest.mark.parametrize("weights", ["calibrated", "imagenet", "auto"])
def test_it_is_told_of_files_alone(weights):
    with pytest.raises(ConfigError, match=f"no meaning with weights={weights}"):
        vgg19(weights=weights, last=LAST, preprocessing="torch")


def test_a_word_that_is_none(path):
    with pytest.raises(ConfigError, match="did you mean 'torch'"):
        vgg19(weights=str(path), last=LAST, preprocessing="torchvision")


def test_known_numbers_are_known_wherever_they_lie(path, recognised):
    said = []
    net = vgg16(weights=str(path), last=LAST, say=said.append)
    assert net.origin == recognised
    assert said == [f"Weights: '{path}' holds {recognised}"]
    # However many layers are looked at.
    assert vgg16(weights=str(path), last="block1_conv1").origin == recognised
    assert known_weights.are_imagenets(net.origin)
    assert net.trained


def test_with_another_preprocessing_they_are_another_network(path, recognised):
    net = vgg16(weights=str(path), last=LAST, preprocessing="torch")
    assert (net.origin, net.weights.preprocessing) == ("a.h5", "torch")
    assert vgg16(weights=str(path), last=LAST, preprocessing="caffe").origin == recognised


def test_other_numbers_are_not(path, tmp_path, recognised):
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(other, "a") as file:
        file["block1_conv2/bias"][63] = np.nextafter(file["block1_conv2/bias"][63], np.float32(9))
    assert vgg16(weights=str(other), last=LAST).origin == "other.h5"
    assert not known_weights.are_imagenets("other.h5")


@pytest.mark.parametrize("name", ["imagenet", "calibrated", known_weights.KERAS_VGG16])
def test_a_file_is_not_taken_for_what_it_is_called(name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(path.read_bytes())
    net = vgg16(weights=f"./{name}" if " " in name else str(tmp_path / name), last=LAST)
    assert net.trained
    assert not known_weights.are_imagenets(net.origin)
    assert net.origin.endswith(f"/{name}")


RUN = ["layers=1", "image.size=16", "network=vgg16"]
GATYS = ["+experiment=gatys_moreno", "gatys.content.layers=[block1_conv1]", "gatys.save_every=null"]


@pytest.mark.parametrize("known", [True, False])
def test_reports_weights_suit_known_numbers_alone(known, path, tmp_path, request):
    """`gatys.weights=auto` is raw with ImageNet's filters from a file, too."""
    if known:
        request.getfixturevalue("recognised")
    run = tmp_path / "run"
    words = [*GATYS, *RUN, f"network.weights={path}", "stop.max_iterations=1", f"run_dir={run}"]
    assert main(words) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    page = (run / "report.html").read_text()
    assert ("raw, as" in page) == known
    assert metrics["network"]["weights"] == (known_weights.KERAS_VGG16 if known else "a.h5")
    assert metrics["network"]["preprocessing"] == "caffe"
    assert (known_weights.KERAS_VGG16 in page) == known


def test_thresholds_for_imagenets_are_absolute_with_known_numbers():
    stop = OmegaConf.merge(OmegaConf.structured(StopConfig), {"scale": "imagenet", "loss": 0.5})
    rules = [
        stop_rules(stop, origin).common
        for origin in ("imagenet", known_weights.KERAS_VGG16, "a.h5")
    ]
    assert [(rule.scale, rule.loss) for rule in rules] == [
        ("absolute", 0.5),
        ("absolute", 0.5),
        ("initial", 0.005),
    ]


def test_a_run_does_not_go_on_with_another_preprocessing(path, tmp_path, capsys, monkeypatch):
    """It is part of the network's digest, which checkpoints know."""
    run = tmp_path / "run"
    words = ["+experiment=self_transfer", *RUN, f"network.weights={path}", f"run_dir={run}"]
    assert main(words) == 0
    assert main([f"verify={run}"]) == 0
    monkeypatch.setattr(
        "decouple.networks.files.reading.PREPROCESSINGS",
        {**PREPROCESSINGS, "caffe": PREPROCESSINGS["torch"]},
    )
    forget()
    assert main([f"verify={run}"]) == 2
    assert "weights are not those of the run" in capsys.readouterr().err
