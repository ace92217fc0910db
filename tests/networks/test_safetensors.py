"""Weights out of safetensors files, good and bad."""

import struct
import tracemalloc

import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks.architecture import VGG16
from decouple.networks.files import read_file, shapes_until
from tests.networks.weight_files import named_by_torchvision, random_arrays, write_safetensors

LAST = "block1_conv2"
SHAPES = shapes_until(VGG16, LAST)
ARRAYS = random_arrays(VGG16, LAST)
TENSORS = named_by_torchvision(ARRAYS)


def bfloat16(array):
    """Its bits: the upper half of a float32."""
    return (array.view("<u4") >> 16).astype("<u2")


PRECISIONS = {
    "float32": (lambda a: a, lambda a: a),
    "float64": (lambda a: a.astype("<f8") + 1e-12, lambda a: (a + 1e-12).astype("f4")),
    "float16": (lambda a: a.astype("<f2"), lambda a: a.astype("f2").astype("f4")),
    "bfloat16": (bfloat16, lambda a: (a.view("<u4") & 0xFFFF0000).view("<f4")),
}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_numbers_of_each_precision(precision, tmp_path):
    written, expected = PRECISIONS[precision]
    tensors = {name: written(tensor) for name, tensor in TENSORS.items()}
    found = read_file(write_safetensors(tmp_path / "a", tensors), VGG16, SHAPES)
    for name, pair in ARRAYS.items():
        for ours, theirs in zip(found.pairs[name], pair, strict=True):
            assert ours.dtype == np.float32
            np.testing.assert_array_equal(ours, expected(theirs))


def told(**change):
    return lambda header: header["features.2.bias"].update(change)


HUGE = 10**12
# {what the header says of a bias: (how, words of the refusal)}
HEADERS = {
    "a huge shape": (told(shape=[HUGE]), "is said to lie at"),
    "a huge place": (told(data_offsets=[0, 4 * HUGE], shape=[HUGE]), "is said to lie at"),
    "a place before the numbers": (told(data_offsets=[-256, 0]), "is none"),
    "a shape of no whole number": (told(shape=[64.0]), "is none"),
    "a shape of a truth": (told(shape=[64, True]), "is none"),
    "a shape below 0": (told(shape=[-8, -8]), "is none"),
    "another shape": (told(shape=[8, 8]), "block1_conv2 has shapes"),
    "integers": (told(dtype="I32"), "block1_conv2 holds int32"),
    "numbers of eight bits": (told(dtype="F8_E5M2", shape=[64]), "holds |V1"),
    "another length": (told(dtype="F16"), "is said to lie at"),
    "no place": (lambda header: header["features.2.bias"].pop("data_offsets"), "not a readable"),
    "no shape": (told(shape=None), "not a readable safetensors file"),
    "a list": (lambda header: header.update({"features.2.bias": []}), "not a readable"),
    "no bias": (lambda header: header.pop("features.2.bias"), "block1_conv2 has shapes"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_headers_that_lie(what, tmp_path):
    change, words = HEADERS[what]
    path = write_safetensors(tmp_path / "a.safetensors", TENSORS, change)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read_file(path, VGG16, SHAPES)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9999])
def test_truncated(share, tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", TENSORS)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match=r"a\.safetensors"):
        read_file(path, VGG16, SHAPES)


@pytest.mark.parametrize(
    ("length", "header"),
    [(2**63, b"{}"), (2**25, b"{}" + bytes(2**25)), (3, b"{a}"), (2**17, b'{"":' * 2**15)],
)
def test_no_header(length, header, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header)
    with pytest.raises(WeightsError, match=r"a\.safetensors"):
        read_file(path, VGG16, SHAPES)
