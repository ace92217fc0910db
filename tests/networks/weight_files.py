"""Files of each kind of the same random numbers, as those who write them do."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from decouple.networks.architecture import VGG16, Architecture
from decouple.networks.files import shapes_until

Arrays = Mapping[str, tuple[np.ndarray, np.ndarray]]
Tensors = dict[str, np.ndarray]


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
