"""Files of each kind of the same random numbers, as those who write them do."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np

from decouple.networks.architecture import VGG16, Architecture
from decouple.networks.files import shapes_until

Arrays = Mapping[str, tuple[np.ndarray, np.ndarray]]
Tensors = dict[str, np.ndarray]


def assert_pairs(found: Arrays, expected: Arrays) -> None:
    """Every expected kernel and bias was found, to the bit."""
    for name, pair in expected.items():
        for ours, theirs in zip(found[name], pair, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


def random_arrays(architecture: Architecture = VGG16, last: str = "block2_conv1") -> Arrays:
    """{layer: (kernel, bias)} in Keras's layout, float32, such that some of each channel lives."""
    rng = np.random.default_rng(0)
    return {
        name: (
            (rng.standard_normal(kernel) / np.sqrt(4.5 * kernel[2])).astype(np.float32),
            rng.standard_normal(bias).astype(np.float32),
        )
        for name, (kernel, bias) in shapes_until(architecture, last).items()
    }


def in_torchs_order(array: np.ndarray) -> np.ndarray:
    """A kernel as (C_out, C_in, 3, 3); a bias as it is."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1)) if array.ndim == 4 else array


def named_by_torchvision(arrays: Arrays, architecture: Architecture = VGG16) -> Tensors:
    """`features.N.weight` and `features.N.bias`, as torchvision counts its modules."""
    named, number = {}, 0
    for layer in architecture.layers:
        if layer.name in arrays:
            for part, array in zip(("weight", "bias"), arrays[layer.name], strict=True):
                named[f"features.{number}.{part}"] = in_torchs_order(array)
        number += 2 if hasattr(layer, "filters") else 1
    return named


def renamed(tensors: Tensors, old: str, new: str) -> Tensors:
    return {name.replace(old, new): tensor for name, tensor in tensors.items()}


def named_by_keras(arrays: Arrays) -> Tensors:
    """`block1_conv1/kernel` and `block1_conv1/bias`, in Keras's order."""
    return {
        f"{layer}/{part}": array
        for layer, pair in arrays.items()
        for part, array in zip(("kernel", "bias"), pair, strict=True)
    }


def named_by_caffe(arrays: Arrays) -> Tensors:
    """`conv1_1.weight` and `conv1_1.bias`, in Caffe's order, which is PyTorch's."""
    return {
        f"conv{layer[5]}_{layer[-1]}.{part}": in_torchs_order(array)
        for layer, pair in arrays.items()
        for part, array in zip(("weight", "bias"), pair, strict=True)
    }


_SAFETENSORS = {
    **{"<f4": "F32", "<f8": "F64", "<f2": "F16", "|i1": "I8"},
    **{"<u2": "BF16", "|u1": "F8_E4M3"},
}


def write_safetensors(path: Path, tensors: Tensors, change: Callable | None = None) -> Path:
    """A header and the numbers; arrays of uint16 are the bits of bfloat16, of uint8 of float8."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        ends = [len(data), len(data) + tensor.nbytes]
        kind = _SAFETENSORS[tensor.dtype.str]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": ends}
        data += tensor.tobytes()
    if change:
        change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


class _Storage:
    """Numbers that a tensor views; outside of the pickle, by its key."""

    def __init__(self, kind: type, key: str, data: bytes) -> None:
        self.kind, self.key, self.data = kind, key, data


class _Tensor:
    def __init__(self, rebuild: Callable, arguments: tuple) -> None:
        self.made = rebuild, arguments

    def __reduce__(self) -> tuple:
        return self.made


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=2)

    def persistent_id(self, held: object) -> object:
        if not isinstance(held, _Storage):
            return None
        pid = ("storage", held.kind, held.key, "cpu", len(held.data) // held.kind.width)
        return (*pid, None) if held.kind.views else pid


_STORAGES = {
    **{"<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage"},
    **{"<u2": "BFloat16Storage", "|i1": "CharStorage"},
}


def _stand_ins(legacy: bool) -> dict[str, ModuleType]:
    """Modules with what the pickles of PyTorch name, which need not be installed."""
    torch, utils, nn = (ModuleType(name) for name in ("torch", "torch._utils", "torch.nn"))
    parameter = nn.parameter = ModuleType("torch.nn.parameter")
    torch._utils, torch.nn = utils, nn
    for kind, name in _STORAGES.items():
        told = {"__module__": "torch", "width": np.dtype(kind).itemsize, "views": legacy}
        setattr(torch, name, type(name, (), told))

    def named(module: ModuleType, name: str) -> None:
        def made(*_: object) -> None:
            raise AssertionError("it is only named")

        made.__module__, made.__qualname__, made.__name__ = module.__name__, name, name
        setattr(module, name, made)

    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"):
        named(utils, name)
    named(parameter, "Parameter")
    return {module.__name__: module for module in (torch, utils, nn, parameter)}


Change = Callable[[dict[str, object]], object]


def write_torch(
    path: Path,
    tensors: Tensors,
    legacy: bool = False,
    change: Change | None = None,
    early: bool = False,
) -> Path:
    """As `torch.save` writes a state dict, in a zip or as before 1.6.

    Parameters
    ----------
    path : of the file
    tensors : arrays of uint16 are the bits of bfloat16
    legacy : pickles with the numbers behind them
    change : makes another object of the state dict
    early : as PyTorch of 2017 made tensors and parameters
    """
    modules = _stand_ins(legacy)
    with mock.patch.dict(sys.modules, modules):
        utils, parameter = modules["torch._utils"], modules["torch.nn.parameter"].Parameter
        storages, held = [], OrderedDict()
        for name, array in tensors.items():
            kind = getattr(modules["torch"], _STORAGES[array.dtype.str])
            storages.append(_Storage(kind, str(len(storages)), array.tobytes()))
            strides = tuple(stride // array.itemsize for stride in array.strides)
            view = (storages[-1], 0, array.shape, strides)
            if early:
                made = _Tensor(utils._rebuild_tensor, view)
                held[name] = _Tensor(parameter, (made,))
                held[name].made += ((True, False, OrderedDict()),)
            else:
                held[name] = _Tensor(utils._rebuild_tensor_v2, (*view, False, OrderedDict()))
        held._metadata = OrderedDict({"": {"version": 1}})
        whole = change(held) if change else held
        _write(path, whole, storages, legacy)
    return path


def _write(path: Path, whole: object, storages: list[_Storage], legacy: bool) -> None:
    def pickled(what: object) -> bytes:
        stream = io.BytesIO()
        _Pickler(stream).dump(what)
        return stream.getvalue()

    if legacy:
        system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
        parts = (0x1950A86A20F9469CFC6C, 1001, system, whole, [one.key for one in storages])
        numbers = (
            struct.pack("<q", len(one.data) // one.kind.width) + one.data for one in storages
        )
        path.write_bytes(b"".join([*map(pickled, parts), *numbers]))
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", whole if type(whole) is bytes else pickled(whole))
        archive.writestr("archive/byteorder", "little")
        for one in storages:
            archive.writestr(f"archive/data/{one.key}", one.data)
        archive.writestr("archive/version", "3\n")


def _varint(number: int) -> bytes:
    low, high = number & 127, number >> 7
    return bytes([low | 128]) + _varint(high) if high else bytes([low])


def message(*fields: tuple[int, int | bytes | str]) -> bytes:
    """A message of Protocol Buffers: numbers of fields, each with a number, bytes or a text."""
    out = b""
    for field, held in fields:
        if isinstance(held, int):
            out += _varint(field << 3) + _varint(held)
        else:
            data = held.encode() if isinstance(held, str) else held
            out += _varint(field << 3 | 2) + _varint(len(data)) + data
    return out


_ONNX = {"<f4": 1, "<f8": 11, "<f2": 10, "<u2": 16, "|i1": 3}


def initializer(name: str, array: np.ndarray, raw: bool = True) -> bytes:
    """A tensor of an ONNX file; arrays of uint16 are the bits of bfloat16."""
    field = 9 if raw else {"<f4": 4, "<f8": 10}[array.dtype.str]
    dimensions = [(1, length) for length in array.shape]
    return message(*dimensions, (2, _ONNX[array.dtype.str]), (8, name), (field, array.tobytes()))


def onnx_model(initializers: list[bytes], convolutions: list[tuple[str, str]] = ()) -> bytes:
    """A model with these initializers and nodes, whose fields are numbered as in onnx.proto."""
    nodes = [
        message((1, "x"), (1, kernel), (1, bias), (2, "x"), (3, f"node {kernel}"), (4, "Conv"))
        for kernel, bias in convolutions
    ]
    relu = message((1, "x"), (2, "x"), (4, "Relu"))
    graph = message(*((1, node) for node in [*nodes, relu]), *((5, one) for one in initializers))
    return message((1, 8), (2, "a test"), (7, graph), (8, message((2, 17))))


def write_onnx(path: Path, tensors: Tensors, raw: bool = True) -> Path:
    """Tensors as initializers, and each pair in a convolution."""
    names = list(tensors)
    pairs = list(zip(names[::2], names[1::2], strict=True))
    parts = [initializer(name, array, raw) for name, array in tensors.items()]
    path.write_bytes(onnx_model(parts, pairs))
    return path
