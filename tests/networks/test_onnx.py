"""Weights out of ONNX files: initializers by their names, or by the graph's convolutions."""

import tracemalloc

import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks import network
from decouple.networks.architecture import VGG16, VGG19
from decouple.networks.files import read_file, shapes_until
from tests.networks.weight_files import (
    assert_pairs,
    in_torchs_order,
    initializer,
    message,
    named_by_keras,
    named_by_torchvision,
    onnx_model,
    random_arrays,
    write_onnx,
    write_safetensors,
)

LAST = "block1_conv2"
SHAPES = shapes_until(VGG16, LAST)
ARRAYS = random_arrays(VGG16, LAST)
TENSORS = named_by_torchvision(ARRAYS)
NAMELESS = {f"onnx::Conv_{number}": tensor for number, tensor in enumerate(TENSORS.values(), 50)}


def assert_holds(found, arrays=ARRAYS):
    assert_pairs(found.pairs, arrays)


def refused(path, asked=VGG16):
    with pytest.raises(WeightsError) as caught:
        read_file(path, asked, shapes_until(asked, LAST))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("raw", [True, False])
def test_layers_by_their_names(raw, tmp_path):
    path = write_onnx(tmp_path / "a.onnx", TENSORS, raw)
    found = read_file(path, VGG16, SHAPES)
    assert found.preprocessing.name == "torch"
    assert_holds(found)


def test_the_same_activations(tmp_path):
    path = write_onnx(tmp_path / "a.onnx", TENSORS)
    reference = write_safetensors(tmp_path / "b.safetensors", named_by_keras(ARRAYS))
    image = np.random.default_rng(1).random((1, 8, 9, 3), np.float32)
    ours, theirs = (
        network("vgg16", LAST, str(file), "relu", "max", preprocessing=told).forward(image, [LAST])
        for file, told in ((path, "auto"), (reference, "torch"))
    )
    assert np.max(theirs[0]) > 0
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=3e-6 * np.max(theirs[0]))


def test_out_of_keras(tmp_path):
    """Names of Keras and the order of ONNX: what the numbers were trained with is not told."""
    tensors = {
        f"StatefulPartitionedCall/vgg16_1/{layer}_1/{part}:0": in_torchs_order(array)
        for layer, pair in ARRAYS.items()
        for part, array in zip(("convolution/ReadVariableOp", "Reshape"), pair, strict=True)
    }
    path = write_onnx(tmp_path / "a.onnx", tensors)
    assert "network.preprocessing=caffe" in refused(path)
    assert_holds(read_file(path, VGG16, SHAPES, "caffe"))


def test_without_names(tmp_path):
    path = write_onnx(tmp_path / "a.onnx", NAMELESS)
    message = refused(path)
    assert "network.preprocessing=caffe" in message
    assert "network.preprocessing=torch" in message
    assert_holds(read_file(path, VGG16, SHAPES, "torch"))


@pytest.mark.parametrize("kind", ["<f8", "<f2"])
def test_numbers_of_other_precisions(kind, tmp_path):
    tensors = {name: tensor.astype(kind) for name, tensor in TENSORS.items()}
    found = read_file(write_onnx(tmp_path / "a.onnx", tensors), VGG16, SHAPES)
    expected = {n: [a.astype(kind).astype("f4") for a in pair] for n, pair in ARRAYS.items()}
    assert_holds(found, expected)


def test_doubles_of_their_own_field(tmp_path):
    tensors = {name: tensor.astype("<f8") for name, tensor in TENSORS.items()}
    assert_holds(read_file(write_onnx(tmp_path / "a.onnx", tensors, False), VGG16, SHAPES))


@pytest.mark.parametrize(("held", "asked"), [(VGG16, VGG19), (VGG19, VGG16)])
@pytest.mark.parametrize("named", [True, False])
def test_another_network(named, held, asked, tmp_path):
    few = {
        name: (np.ones((1, 1, 1, bias[0]), "<f4"), np.ones(1, "<f4"))
        for name, (_, bias) in shapes_until(held, "block4_conv1").items()
    }
    tensors = named_by_torchvision(few, held)
    if not named:
        tensors = {f"v_{number}": tensor for number, tensor in enumerate(tensors.values())}
    path = write_onnx(tmp_path / "a.onnx", tensors)
    assert f"it holds {held.name}; give network={held.name}" in refused(path, asked)


KERNEL, BIAS = TENSORS["features.0.weight"], TENSORS["features.0.bias"]
OF_KERNEL = [(1, length) for length in KERNEL.shape]


def changed(*fields):
    """A kernel of other fields, with a bias."""
    return onnx_model([message(*fields), initializer("features.0.bias", BIAS)])


# {what: (bytes of the file, words of the refusal)}
BAD = {
    "numbers in another file": (
        changed(*OF_KERNEL, (2, 1), (8, "features.0.weight"), (13, b"\x0a\x01a"), (14, 1)),
        "features.0.weight lies in another file",
    ),
    "a huge shape": (
        changed((1, 2**40), (1, 2**40), (2, 1), (8, "features.0.weight"), (9, b"\0" * 8)),
        "has 8 bytes of float32",
    ),
    "a shape below 0": (
        changed((1, 2**64 - 1), (2, 1), (8, "features.0.weight"), (9, b"\0" * 8)),
        "has 8 bytes of float32",
    ),
    "no numbers": (changed(*OF_KERNEL, (2, 1), (8, "features.0.weight")), "has 0 bytes of float32"),
    "integers": (
        changed(*OF_KERNEL, (2, 3), (8, "features.0.weight"), (9, bytes(KERNEL.size))),
        "block1_conv1 holds int8",
    ),
    "an unknown type": (
        changed(*OF_KERNEL, (2, 99), (8, "features.0.weight"), (9, bytes(KERNEL.size))),
        "block1_conv1 holds |V1",
    ),
    "normalization": (
        onnx_model([initializer("features.1.running_mean", BIAS)]),
        "batch normalization",
    ),
    "no bias": (onnx_model([initializer("a", KERNEL)], [("a", "")]), "block1_conv1 has shapes"),
    "another graph": (
        onnx_model([initializer("a", KERNEL[:32])], [("a", "")]),
        "its convolutions' channels (32) are those of neither vgg16 nor vgg19",
    ),
    "no convolution": (onnx_model([]), "channels (none)"),
    "no kernel": (onnx_model([], [("a", "b")]), "channels (none)"),
    "no graph": (message((1, 8)), "not a readable ONNX file (it has no graph)"),
    "a group": (b"\x08\x08\x0b", "not a readable ONNX file (it has a field of kind 3)"),
    "a number without end": (b"\x08" + b"\xff" * 20, "not a readable ONNX file"),
    "a field without end": (b"\x08\x08\x3a\xff\x7f\x00", "not a readable ONNX file (it ends"),
    "a name that is no text": (
        onnx_model([message((8, b"\xff"), (2, 1), (9, b""), (1, 0))]),
        "channels (none)",
    ),
    "two names": (onnx_model([message((8, "a"), (8, "b"))]), "not a readable ONNX file"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit(what, tmp_path):
    content, words = BAD[what]
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        assert words in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_truncated(share, tmp_path):
    path = write_onnx(tmp_path / "a.onnx", TENSORS)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "not a readable ONNX file" in refused(path)


def test_files_of_the_package(tmp_path):
    """Where it is installed: what it writes is what the tests write by hand."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    parts = [onnx.numpy_helper.from_array(tensor, name) for name, tensor in TENSORS.items()]
    nodes = [
        helper.make_node("Conv", ["x", f"features.{k}.weight", f"features.{k}.bias"], ["x"])
        for k in (0, 2)
    ]
    image = helper.make_tensor_value_info("x", kind, [1, 3, None, None])
    graph = helper.make_graph(nodes, "vgg", [image], [image], parts)
    onnx.save(helper.make_model(graph), tmp_path / "a.onnx")
    found = read_file(tmp_path / "a.onnx", VGG16, SHAPES)
    assert found.preprocessing.name == "torch"
    assert_holds(found)
