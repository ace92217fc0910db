"""What is promised for trained filters, with those of ImageNet where they are at hand."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import decouple as dc
from decouple.features import alive_on, fidelity
from decouple.images import resized, rms
from decouple.known_weights import KERAS_VGG16
from decouple.networks.architecture import VGG16
from decouple.networks.files import read_file, shapes_until
from decouple.run import main
from decouple.stages import noise_image
from tests.networks.weight_files import (
    named_by_torchvision,
    write_onnx,
    write_safetensors,
    write_torch,
)

VARIABLE = "DECOUPLE_IMAGENET_VGG16"


@pytest.fixture(scope="module")
def weights():
    """The file of VGG-16's ImageNet convolutions, in Keras's layout."""
    cached = Path.home() / ".keras/models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    named = os.environ.get(VARIABLE)
    if named:
        assert Path(named).is_file(), f"{VARIABLE}={named} is no file"
        return named
    if not cached.is_file():
        pytest.skip(f"no ImageNet filters: neither {VARIABLE} nor Keras's cached file")
    return str(cached)


@pytest.fixture(scope="module")
def two(weights):
    return dc.ChannelMeans(dc.vgg16(weights=weights, last="block2_conv1"), layers=2)


@pytest.mark.parametrize("last", ["block1_conv1", "block3_conv1", "block5_conv3"])
def test_the_numbers_are_known(weights, last):
    found = read_file(Path(weights), VGG16, shapes_until(VGG16, last))
    assert (found.known, found.preprocessing.name) == (KERAS_VGG16, "caffe")


@pytest.mark.parametrize("kind", ["safetensors", "PyTorch", "ONNX"])
def test_they_are_known_in_files_of_every_kind(weights, kind, tmp_path):
    """In PyTorch's order, under torchvision's names: they stay what Caffe's preprocessing is of."""
    shapes = shapes_until(VGG16, "block2_conv1")
    tensors = named_by_torchvision(read_file(Path(weights), VGG16, shapes).pairs)
    write = {"safetensors": write_safetensors, "PyTorch": write_torch, "ONNX": write_onnx}[kind]
    path = write(tmp_path / "a", tensors)
    made, original = (dc.vgg16(weights=str(w), last="block2_conv1") for w in (path, weights))
    assert made.origin == KERAS_VGG16
    assert made.identity == original.identity


def there_and_back(extractor, image):
    noise = noise_image(*image.shape[:2], 0)
    extractor = extractor.masked(alive_on(extractor, [noise, image], 1e-3))
    said = []
    reference = dc.noise_reference(extractor, image.shape[:2])
    return dc.round_trip(image, extractor, reference, say=said.append), said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coffee", "rocket"])
def test_pictures_come_back(two, name):
    image = dc.load(f"sample:{name}", size=48).pixels.astype(float)
    done, said = there_and_back(two, image)
    assert not said
    assert rms(done.noisified.image - image) > 0.05
    assert done.rms == rms(done.imposed.image - image) <= 1e-4
    same = np.round(255 * np.clip(done.imposed.image, 0, 1)) == np.round(255 * image)
    assert same.all()
    # Known before the way back: how much errors grow on it.
    growths = [t.growth for t in done.trace if t.stage == "noisify_source"]
    assert len(growths) == 2
    assert min(growths) >= 1


@pytest.mark.slow
def test_so_does_one_that_is_nearly_flat(two):
    wall = pytest.importorskip("experiments.common").drawn_wall(48)
    done, _ = there_and_back(two.first(1), wall)
    # Its features fade on the way back: what steps had left of them, not made up for, became 4e-5.
    assert done.rms <= 2e-6
    assert done.trace[0].path == "blend"


def test_the_smooth_network_sees_what_the_trained_one_does(weights):
    extractor = dc.ChannelMeans(dc.vgg16(weights=weights), layers=5)
    for name in ("astronaut", "coffee", "chelsea", "rocket", "hubble_deep_field"):
        found = fidelity(extractor, dc.load(f"sample:{name}", size=128).pixels)
        assert len(found) == 5
        for layer, likeness in found.items():
            assert likeness.correlation >= 0.99, (name, layer)
            assert likeness.relative_difference <= 0.1, (name, layer)


@pytest.mark.slow
def test_a_transfer_ends_with_a_picture_and_says_how_faithful_it_was(weights, tmp_path):
    run = tmp_path / "run"
    settings = ["network=vgg16", f"network.weights={weights}", "image.size=48", f"run_dir={run}"]
    pictures = ["source=sample:coffee", "target=sample:chelsea", "transfer.check=false"]
    assert main(["+experiment=transfer", *pictures, *settings]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["transfer"]["decoupled_feature_mse"] is None
    assert {row["stage"] for row in metrics["stages"]} >= {"impose", "noisify_target"}
    assert "noisify_result" not in {row["stage"] for row in metrics["stages"]}
    assert (run / "images" / "result.png").is_file()
    found = metrics["network"]["fidelity"]
    assert list(found) == ["block1_conv1", "block2_conv1"]
    assert min(layer["correlation"] for layer in found.values()) >= 0.99
    assert "against ReLU and max pooling" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_nearly_flat_picture_leaves_for_a_reference_of_another_size(two, comes_back):
    """Its way is bent where it begins: steps shorter than any other picture has asked for."""
    moon = dc.load("sample:moon", size=96).pixels
    one = two.first(1)
    reference = dc.noise_reference(one, size=(122, 96))
    off = dc.noisify(moon, one, reference, comes_back=comes_back)
    assert off.trace[-1].stop_reason is dc.StopReason.REACHED
    assert rms(one.measure(off.image) - reference.vector(one)) < 1e-2 * rms(reference.vector(one))


def test_a_nearly_flat_piece_of_a_photograph_has_decoupled_features_too(two):
    """Float32 knows nothing of its way: its steps are solved in float64."""
    piece = dc.load("sample:retina").pixels[500:788, 300:588]
    flat = resized(piece, (24, 24))
    assert flat.std(axis=(0, 1)).max() < 0.06
    one = two.first(1)
    reference = dc.noise_reference(one, size=(24, 24))
    off = dc.noisify(flat, one, reference, comes_back=False)
    assert [trace.stop_reason for trace in off.trace] == [dc.StopReason.REACHED]
    assert rms(one.measure(off.image) - reference.vector(one)) < 1e-2 * rms(reference.vector(one))
