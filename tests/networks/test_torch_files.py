"""Weights out of PyTorch's files of both formats, without PyTorch; what carries code is not run."""

import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks import network
from decouple.networks.architecture import VGG16
from decouple.networks.files import read_file, shapes_until
from decouple.run import main
from tests.networks.weight_files import (
    assert_pairs,
    named_by_keras,
    named_by_torchvision,
    random_arrays,
    write_safetensors,
    write_torch,
)

LAST = "block1_conv2"
SHAPES = shapes_until(VGG16, LAST)
ARRAYS = random_arrays(VGG16, LAST)
TENSORS = named_by_torchvision(ARRAYS)
BOTH = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "pickles"])


def assert_holds(path, arrays=ARRAYS):
    found = read_file(path, VGG16, SHAPES)
    assert found.preprocessing.name == "torch"
    assert_pairs(found.pairs, arrays)


@BOTH
@pytest.mark.parametrize("early", [False, True])
def test_a_state_dict(legacy, early, tmp_path):
    assert_holds(write_torch(tmp_path / "a.pth", TENSORS, legacy, early=early))


@BOTH
def test_the_same_activations(legacy, tmp_path):
    path = write_torch(tmp_path / "a.pth", TENSORS, legacy)
    reference = write_safetensors(tmp_path / "b.safetensors", named_by_keras(ARRAYS))
    image = np.random.default_rng(1).random((1, 8, 9, 3), np.float32)
    ours, theirs = (
        network("vgg16", LAST, str(file), "relu", "max", preprocessing=told).forward(image, [LAST])
        for file, told in ((path, "auto"), (reference, "torch"))
    )
    assert np.max(theirs[0]) > 0
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=3e-6 * np.max(theirs[0]))


@BOTH
def test_a_checkpoint(legacy, tmp_path):
    """Of a training: what else is in it does not matter."""

    def checkpoint(held):
        moments = {0: {"step": 3, "exp_avg": held["features.0.weight"]}}
        optimizer = {"state": moments, "param_groups": [{"lr": 1e-3, "params": [0]}]}
        return {"epoch": 3, "state_dict": held, "optimizer": optimizer, "best": float("nan")}

    assert_holds(write_torch(tmp_path / "a.pt", TENSORS, legacy, checkpoint))


@BOTH
def test_channels_last(legacy, tmp_path):
    """PyTorch keeps strides, whose order may be any."""

    def turned(held):
        for name, array in TENSORS.items():
            rebuild, (numbers, offset, shape, _, *rest) = held[name].made
            if array.ndim == 4:
                numbers.data = array.transpose(0, 2, 3, 1).tobytes()
                c, k = shape[1], shape[2]
                strides = (c * k * k, 1, c * k, c)
                held[name].made = rebuild, (numbers, offset, shape, strides, *rest)
        return held

    assert_holds(write_torch(tmp_path / "a.pth", TENSORS, legacy, turned))


@BOTH
def test_numbers_of_half_precision(legacy, tmp_path):
    halves = {name: tensor.astype("<f2") for name, tensor in TENSORS.items()}
    expected = {
        name: [array.astype("f2").astype("f4") for array in pair] for name, pair in ARRAYS.items()
    }
    assert_holds(write_torch(tmp_path / "a.pth", halves, legacy), expected)
    bits = {k: (v.view("<u4") >> 16).astype("<u2") for k, v in TENSORS.items()}
    expected = {
        name: [(array.view("<u4") & 0xFFFF0000).view("<f4") for array in pair]
        for name, pair in ARRAYS.items()
    }
    assert_holds(write_torch(tmp_path / "a.pth", bits, legacy), expected)


class Touch:
    """Pickles to a call that leaves a file."""

    def __init__(self, call, *arguments):
        self.made = call, arguments

    def __reduce__(self):
        return self.made


CODE = {
    "a command": Touch(os.system, "touch ran"),
    "an expression": Touch(eval, "open('ran', 'w')"),
    "a file": Touch(open, "ran", "w"),
}


def refused(path):
    with pytest.raises(WeightsError) as caught:
        read_file(path, VGG16, SHAPES)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    assert str(path) in message
    return message


@BOTH
@pytest.mark.parametrize("what", ["a command", "an expression", "a file"])
def test_nothing_of_a_file_is_run(what, legacy, tmp_path, monkeypatch):
    """Neither beside the tensors, nor in place of all."""
    monkeypatch.chdir(tmp_path)
    changes = [
        lambda held: CODE[what],
        lambda held: {"before": CODE[what], **held},
        lambda held: {**held, "after": [CODE[what]]},
    ]
    for change in changes:
        path = write_torch(tmp_path / "a.pth", TENSORS, legacy, change)
        assert "nothing of a file is run" in refused(path)
        assert not (tmp_path / "ran").exists()
    path.write_bytes(pickle.dumps(CODE[what]))
    assert "a pickle that PyTorch did not write" in refused(path)
    assert not (tmp_path / "ran").exists()


# {what a pickle does: (its bytes, words of the refusal)}
PROGRAMS = {
    "calls by an old opcode": (b"(S'touch ran'\nios\nsystem\n.", "it needs os.system"),
    "calls by another": (b"(cos\nsystem\nS'touch ran'\no.", "it needs os.system"),
    "calls by a third": (
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch ran\x85R.",
        "it needs os.system",
    ),
    "names parts of a module": (
        b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
        "collections.OrderedDict.__init__",
    ),
    "names many lines": (
        b"\x80\x04\x8c\x02os\x8d\0\x10\0\0\0\0\0\0" + b"a\n" * 2**11 + b"\x93.",
        "it needs os.a a a",
    ),
    "changes what is allowed": (
        b"\x80\x02ctorch\nFloatStorage\n}X\x04\0\0\0nameX\x0d\0\0\0DoubleStorages.b.",
        "is missing",
    ),
    "changes what stands for a tensor": (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\0\0\0__defaults__Ns\x86b.",
        "is missing",
    ),
    "asks for what was registered": (b"\x80\x02\x82\x01.", "not a readable PyTorch file"),
    "puts far away": (b"\x80\x02Nr\xf0\xff\xff\xff.", "is missing"),
    "claims bytes": (b"\x80\x04\x8e\xff\xff\xff\xff\xff\0\0\0.", "not a readable PyTorch file"),
    "claims numbers by a word": (b"\x80\x02X\x03\0\0\0abcQ.", "not a readable PyTorch file"),
    "is a number": (b"\x80\x02K\x01.", "block1_conv1 is missing"),
    "ends": (b"\x80\x02", "not a readable PyTorch file"),
    "is nothing": (b"", "not a readable PyTorch file"),
    "holds itself": (b"\x80\x02}q\0X\x01\0\0\0ah\0s.", "block1_conv1 is missing"),
}  # fmt: skip


@pytest.mark.parametrize("what", PROGRAMS)
def test_programs(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, words = PROGRAMS[what]
    path = write_torch(tmp_path / "a.pth", TENSORS, change=lambda held: program)
    tracemalloc.start()
    try:
        assert words in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "ran").exists()
    # Nothing is left of it for the file that comes next.
    assert_holds(write_torch(tmp_path / "b.pth", TENSORS))


def viewed(offset, shape, strides):
    """Another view of the numbers of a bias."""

    def change(held):
        rebuild, (numbers, *_) = held["features.2.bias"].made
        held["features.2.bias"].made = rebuild, (numbers, offset, shape, strides)
        return held

    return change


def emptied(held):
    _, (numbers, *_) = held["features.2.bias"].made
    numbers.data = b""
    return held


VIEWS = {
    "a huge one": (viewed(0, (10**12,), (1,)), "outside of its numbers"),
    "without strides": (viewed(0, (10**12,), (0,)), "block1_conv2 has shapes"),
    "behind the end": (viewed(1, (64,), (1,)), "outside of its numbers"),
    "with far strides": (viewed(0, (64,), (10**9,)), "outside of its numbers"),
    "before the beginning": (viewed(-1, (64,), (1,)), "the shape of a tensor"),
    "backwards": (viewed(63, (64,), (-1,)), "the shape of a tensor"),
    "of no whole number": (viewed(0, (64.0,), (1,)), "the shape of a tensor"),
    "of too many strides": (viewed(0, (64,), (1, 1)), "a tensor of it is none"),
    "of no numbers": (emptied, "outside of its numbers"),
}


@BOTH
@pytest.mark.parametrize("what", VIEWS)
def test_views_of_other_numbers(what, legacy, tmp_path):
    change, words = VIEWS[what]
    path = write_torch(tmp_path / "a.pth", TENSORS, legacy, change)
    tracemalloc.start()
    try:
        assert words in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


@BOTH
def test_integers(legacy, tmp_path):
    quantized = {name: tensor.astype("i1") for name, tensor in TENSORS.items()}
    assert "holds int8" in refused(write_torch(tmp_path / "a.pth", quantized, legacy))


@BOTH
@pytest.mark.parametrize("share", [0.0001, 0.5, 0.9999])
def test_truncated(share, legacy, tmp_path):
    path = write_torch(tmp_path / "a.pth", TENSORS, legacy)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(path)


def test_another_byte_order(tmp_path):
    path = write_torch(tmp_path / "a.pth", TENSORS)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["archive/byteorder"] = b"big"
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in members.items():
            archive.writestr(name, held)
    assert "not little-endian" in refused(path)
    path.write_bytes(content.replace(b"data/0", b"data/9"))
    assert "'0' are not there" in refused(path)


def test_numbers_that_are_counted_otherwise(tmp_path):
    path = write_torch(tmp_path / "a.pth", TENSORS, legacy=True)
    count = struct.pack("<q", TENSORS["features.0.weight"].size)
    for other in (2**62, -1, 5):
        path.write_bytes(path.read_bytes().replace(count, struct.pack("<q", other), 1))
        assert f"of {other} numbers '0' no tensor is made" in refused(path)
        path = write_torch(tmp_path / "a.pth", TENSORS, legacy=True)


def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["+experiment=self_transfer", "network=vgg16", "layers=1", "image.size=16"]
    write_torch(tmp_path / "good.pth", TENSORS)
    write_torch(tmp_path / "bad.pth", TENSORS, change=lambda held: CODE["a command"])
    assert main([*words, "network.weights=good.pth", "plan=true"]) == 0
    capsys.readouterr()
    assert main([*words, "network.weights=bad.pth"]) == 2
    assert "system, and nothing of a file is run" in capsys.readouterr().err.splitlines()[-1]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.pth", "good.pth"]
