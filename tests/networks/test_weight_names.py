"""Tensors by the names and in the order of axes that frameworks have: the same activations."""

import h5py
import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks import network
from decouple.networks.architecture import VGG16, VGG19
from decouple.networks.classifier import _DENSE
from decouple.networks.files import read_file, shapes_until
from decouple.networks.files.naming import content_of
from decouple.networks.files.stored import Stored
from tests.networks.weight_files import (
    assert_pairs,
    in_torchs_order,
    named_by_caffe,
    named_by_keras,
    named_by_torchvision,
    random_arrays,
    renamed,
    write_safetensors,
)

LAST = "block2_conv1"
TAPS = ("block1_conv1", LAST)
ARRAYS = random_arrays(VGG16, LAST)
KERAS, TORCH = named_by_keras(ARRAYS), named_by_torchvision(ARRAYS)

# {how they are named: (tensors, preprocessing that they tell)}
NAMES = {
    "torchvision's": (TORCH, "torch"),
    "torchvision's, behind others": (renamed(TORCH, "features", "state_dict.features"), "torch"),
    "torchvision's, of several GPUs": (renamed(TORCH, "features", "features.module"), "torch"),
    "torchvision's in Keras's order": (
        {k: v.transpose(2, 3, 1, 0) if v.ndim == 4 else v for k, v in TORCH.items()},
        None,
    ),
    "of a sequence": (renamed(TORCH, "features.", ""), None),
    "of a sequence in a model": (renamed(TORCH, "features", "encoder"), None),
    "Keras's": (KERAS, "caffe"),
    "Keras's with dots": (renamed(KERAS, "/", "."), "caffe"),
    "Keras's in a model": ({f"vgg16/{k}:0": v for k, v in KERAS.items()}, "caffe"),
    "Keras's of ImageNet": (
        renamed(renamed(KERAS, "/kernel", "_W_1:0"), "/bias", "_b_1:0"),
        "caffe",
    ),
    "Keras's in PyTorch's order": ({k: in_torchs_order(v) for k, v in KERAS.items()}, None),
    "Caffe's": (named_by_caffe(ARRAYS), None),
}  # fmt: skip


def seen(path, preprocessing):
    """Activations of a small picture, as VGG was trained."""
    net = network("vgg16", LAST, str(path), "relu", "max", preprocessing=preprocessing)
    return net.forward(np.random.default_rng(1).random((1, 16, 18, 3), np.float32), TAPS)


@pytest.fixture(scope="module")
def activations(tmp_path_factory):
    """{preprocessing: activations}, of the numbers in an HDF5 file of Keras's layout."""
    path = tmp_path_factory.mktemp("weights") / "a.h5"
    with h5py.File(path, "w") as file:
        for name, tensor in KERAS.items():
            file[name] = tensor
    return {name: seen(path, name) for name in ("caffe", "torch")}


@pytest.mark.parametrize("how", NAMES)
def test_the_same_numbers_give_the_same_activations(how, activations, tmp_path):
    tensors, told = NAMES[how]
    path = write_safetensors(tmp_path / "a.safetensors", tensors)
    if told is None:
        with pytest.raises(WeightsError, match=r"preprocessing=caffe .*preprocessing=torch"):
            read_file(path, VGG16, shapes_until(VGG16, LAST))
    else:
        found = read_file(path, VGG16, shapes_until(VGG16, LAST))
        assert found.preprocessing.name == told
    for preprocessing, expected in activations.items():
        for mine, their in zip(seen(path, preprocessing), expected, strict=True):
            assert np.max(their) > 0
            np.testing.assert_allclose(mine, their, rtol=0, atol=3e-6 * np.max(their))


@pytest.mark.parametrize("named", [named_by_keras, named_by_caffe])
@pytest.mark.parametrize(("held", "asked"), [(VGG16, VGG19), (VGG19, VGG16)])
@pytest.mark.parametrize("last", ["block4_conv1", "block5_conv1"])
def test_another_network(held, asked, last, named, tmp_path):
    few = {name: (tensor(1, 1, 1, 1), tensor(1)) for name in shapes_until(held, last)}
    for tensors in (named(few), named_by_torchvision(few, held)):
        path = write_safetensors(tmp_path / "a.safetensors", tensors)
        with pytest.raises(WeightsError, match=f"it holds {held.name}; give network={held.name}"):
            read_file(path, asked, shapes_until(asked, "block1_conv1"))


def tensor(*shape):
    return np.ones(shape, "<f4")


FOREIGN = {
    "batch normalization": (
        {"features.0.weight": tensor(64, 3, 3, 3), "features.1.running_mean": tensor(64)},
        "vgg16_bn",
    ),
    "batch normalization in a model": (
        {"m.features.0.weight": tensor(64, 3, 3, 3), "m.features.1.running_var": tensor(64)},
        "vgg16_bn",
    ),
    "batch normalization in a sequence": (
        {"0.weight": tensor(64, 3, 3, 3), "1.running_mean": tensor(64)},
        "vgg16_bn",
    ),
    "vgg11": (
        {f"features.{k}.weight": tensor(64, 3, 3, 3) for k in (0, 3, 6)},
        "features.N with N = 0, 3, 6 are those of neither vgg16 nor vgg19",
    ),
    "vgg13": ({f"{k}.weight": tensor(64, 3, 3, 3) for k in (0, 2, 5, 7, 10, 12, 15)}, "neither"),
    "ResNet": ({"layer1.0.conv1.weight": tensor(64, 64, 3, 3)}, "block1_conv1 is missing"),
    "nothing": ({}, "block1_conv1 is missing"),
    "no biases": ({k: v for k, v in TORCH.items() if v.ndim == 4}, "has shapes"),
    "a layer less": (
        {k: v for k, v in named_by_caffe(ARRAYS).items() if "conv2_1" not in k},
        "block2_conv1 is missing",
    ),
    "moments alone": (renamed(KERAS, "block", "optimizer/block"), "block1_conv1 is missing"),
    "two networks": (
        {**TORCH, **{f"ema.{k}": 2 * v for k, v in TORCH.items()}},
        "features.0 and ema.features.0 differ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_vgg(what, tmp_path):
    tensors, words = FOREIGN[what]
    path = write_safetensors(tmp_path / "a.safetensors", tensors)
    with pytest.raises(WeightsError, match=words) as caught:
        read_file(path, VGG16, shapes_until(VGG16, LAST))
    assert "\n" not in str(caught.value)


def test_beside_a_vgg_there_may_be_more(tmp_path):
    more = {
        "classifier.0.weight": tensor(8, 7),
        "decoder.0.weight": tensor(3, 5, 3, 3),
        "optimizer.features.0.weight": tensor(64, 3, 3, 3),
        "decoder.1.running_mean": tensor(3),
        "epoch": tensor(),
    }
    path = write_safetensors(tmp_path / "a.safetensors", {**more, **TORCH})
    found = read_file(path, VGG16, shapes_until(VGG16, LAST))
    assert found.preprocessing.name == "torch"
    assert_pairs(found.pairs, ARRAYS)


def test_dense_layers_take_pixels_in_keras_order():
    """torchvision flattens channels first; with its matrices turned the same labels come out."""
    rng = np.random.default_rng(4)
    pixels = rng.standard_normal((7, 7, 512)).astype(np.float32)
    first = rng.standard_normal((6, 512 * 7 * 7)).astype(np.float32)
    second = rng.standard_normal((5, 6)).astype(np.float32)
    tensors = {
        f"classifier.{number}.weight": Stored(held.shape, held.dtype, lambda held=held: held)
        for number, held in ((0, first), (3, second))
    }
    layers = content_of(tensors, VGG16, _DENSE.keys()).layers
    turned = [next(iter(layers[name].values()))[0] for name in ("fc1", "fc2")]
    assert [one.shape for one in turned] == [first.shape[::-1], second.shape[::-1]]
    theirs = second @ (first @ pixels.transpose(2, 0, 1).ravel())
    ours = pixels.ravel() @ turned[0].read() @ turned[1].read()
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
