"""Layers in ONNX files: the initializers of the graph, by their names or by its convolutions.

An ONNX file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding),
of which a few fields of onnx.proto are looked at; what they are made of lies in the file as it is
in memory, and only what a network has is read. The package `onnx` would take the whole into memory
twice, and asks for versions of protobuf that some versions of TensorFlow exclude.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

from decouple.errors import WeightsError
from decouple.files import opened_plain
from decouple.networks.architecture import Architecture
from decouple.networks.files import naming
from decouple.networks.files.numbers import array_of, dtype_called, width_of
from decouple.networks.files.stored import Content, Stored

# Numbers of fields in onnx.proto.
_GRAPH = 7
_NODES, _INITIALIZERS = 1, 5
_INPUTS, _OPERATOR = 1, 4
_DIMENSIONS, _TYPE, _FLOATS, _NAME, _RAW, _DOUBLES, _LOCATION = 1, 2, 4, 8, 9, 10, 14
_ELSEWHERE = 1
_TYPES = {
    **{1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"},
    **{2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool"},
}
# Of the encoding.
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class _Message:
    """The fields of a message: {number: values}, each a number or what its bytes are."""

    numbers: Mapping[int, list[int]]
    parts: Mapping[int, list[memoryview]]

    def texts(self, field: int) -> list[str]:
        """Those of a field of texts."""
        return [bytes(part).decode("utf-8", "replace") for part in self.parts.get(field, ())]

    def number(self, field: int) -> int:
        """The last of a field, 0 where there is none."""
        return self.numbers.get(field, [0])[-1]


@contextmanager
def opened(path: Path, architecture: Architecture, asked: Set[str]) -> Iterator[Content]:
    """As `hdf5.opened`."""
    with opened_plain(path) as file:
        # It is unmapped when nothing looks into it any more.
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        yield _content(data, architecture, asked)


def _content(data: memoryview, architecture: Architecture, asked: Set[str]) -> Content:
    graphs = [_message(part) for part in _message(data).parts.get(_GRAPH, ())]
    if not graphs:
        raise ValueError("it has no graph")
    tensors = {
        name: tensor
        for graph in graphs
        for part in graph.parts.get(_INITIALIZERS, ())
        for name, tensor in [_tensor(_message(part))]
    }
    content = naming.content_of(tensors, architecture, asked)
    if any(content.layers.values()):
        return content
    nodes = [_message(part) for graph in graphs for part in graph.parts.get(_NODES, ())]
    inputs = [node.texts(_INPUTS) for node in nodes if "Conv" in node.texts(_OPERATOR)]
    pairs = [[tensors[name] for name in names[1:] if name in tensors] for names in inputs]
    return naming.in_order(pairs, architecture, asked)


def _tensor(message: _Message) -> tuple[str, Stored]:
    (name,) = message.texts(_NAME) or [""]
    if message.number(_LOCATION) == _ELSEWHERE:
        raise WeightsError(
            f"{name} lies in another file, which is not read: save the model with the numbers in it"
        )
    # One by one, or packed, as the version of Protocol Buffers has it.
    packed = (n for part in message.parts.get(_DIMENSIONS, ()) for n in _varints(part))
    shape = (*message.numbers.get(_DIMENSIONS, ()), *packed)
    kind = _TYPES.get(message.number(_TYPE), "V1")
    typed = {"float32": _FLOATS, "float64": _DOUBLES}.get(kind, _RAW)
    data = (message.parts.get(_RAW) or message.parts.get(typed) or [memoryview(b"")])[-1]
    if kind in _TYPES.values() and prod(shape) * width_of(kind) != len(data):
        raise WeightsError(f"{name} of shape {shape} has {len(data)} bytes of {kind}")
    return name, Stored(shape, dtype_called(kind), partial(array_of, data, kind, shape))


def _message(data: memoryview) -> _Message:
    numbers: dict[int, list[int]] = defaultdict(list)
    parts: dict[int, list[memoryview]] = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            number, at = _varint(data, at)
            numbers[field].append(number)
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"it has a field of kind {kind}")
        if length > len(data) - at:
            raise ValueError("it ends within a field")
        if kind == _BYTES:
            parts[field].append(data[at : at + length])
        at += length
    return _Message(numbers, parts)


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _varint(data, at)
        yield number


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    number = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        number |= (byte & 127) << (7 * place)
        if byte < 128:
            return number, at + place + 1
    raise ValueError("it ends within a number")
