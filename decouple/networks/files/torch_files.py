"""Layers in PyTorch's files, `.pth` and `.pt`, read without PyTorch and without running anything.

Such a file is a pickle of a state dict, beside the numbers of its tensors: a zip since PyTorch 1.6,
and before that, as torchvision's vgg16-397923af.pth still is, five pickles with the numbers behind
them. A pickle is a program, whose calls are what it is dangerous for. Here it may call the few
things that tensors and state dicts are made of, which stand for numbers in the file, and anything
else ends the reading. That needs no 200 MB of PyTorch on the user's machine.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from decouple.errors import WeightsError
from decouple.files import opened_plain
from decouple.networks.architecture import Architecture
from decouple.networks.files import naming
from decouple.networks.files.numbers import stored, width_of
from decouple.networks.files.stored import Content, Stored

# What pickles of earlier versions begin with: protocol 2, and the magic number that follows.
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PROTOCOL = 1001
PICKLE = "data.pkl"
# In bytes, and in levels of dictionaries; a state dict's has 10 KB in two.
_LONGEST, _DEEPEST = 2**24, 8

_TYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


@dataclass(frozen=True)
class _Numbers:
    """Where the numbers of tensors lie: `count` of a type, in the part of the file called `key`."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of numbers; offset and strides in numbers."""

    numbers: _Numbers
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Kind:
    """Stands for a class of storages."""

    name: str


class _Parameter:
    """Stands for torch.nn.Parameter, whose other attributes are of no use here."""

    data: Any

    def __new__(cls, data: Any = None, *_: Any) -> _Parameter:
        made = super().__new__(cls)
        made.data = data
        return made


def _tensor(numbers: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    whole = (offset, *shape, *strides)
    if not isinstance(numbers, _Numbers) or len(shape) != len(strides):
        raise WeightsError("a tensor of it is none")
    if not all(type(number) is int and number >= 0 for number in whole):
        raise WeightsError(f"the shape of a tensor is {shape}, and its strides are {strides}")
    return _Tensor(numbers, offset, tuple(shape), tuple(strides))


# All that a pickle may name. Nothing of it does more than to hold what it is given.
_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    ("torch.nn.parameter", "Parameter"): _Parameter,
    **{("torch", name): _Kind(name) for name in _TYPES},
}


# That in Python: its table of opcodes can be changed, and its memo takes no more than is put there.
class _Unpickler(pickle._Unpickler):
    """Makes state dicts of stand-ins.

    Attributes
    ----------
    numbers : {key: numbers} that tensors have
    """

    def __init__(self, data: BinaryIO) -> None:
        super().__init__(data)
        self.numbers: dict[str, _Numbers] = {}

    def find_class(self, module: str, name: str) -> Any:
        """One of what is allowed; WeightsError if it is another's."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise WeightsError(
            f"it needs {module}.{name}, and nothing of a file is run: of a model of PyTorch's give "
            "what torch.save(model.state_dict(), FILE) writes, or a safetensors file"
        )

    def persistent_load(self, pid: Any) -> _Numbers:
        """The numbers of a tensor, of which the pickle says type, key, device and count."""
        word, kind, key, _, count, *view = pid
        if word != "storage" or not isinstance(kind, _Kind) or type(count) is not int or any(view):
            raise WeightsError("the numbers of a tensor are none of this file's, or of another's")
        return self.numbers.setdefault(str(key), _Numbers(_TYPES[kind.name], str(key), count))

    def _build(self) -> None:
        """What an object is told beyond its making is dropped, but for the data of parameters."""
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        state, made = stack.pop(), stack[-1]
        if isinstance(made, _Parameter) and made.data is None and isinstance(state, tuple):
            made.data = state[0]

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: _build,
    }
    for _code in (pickle.EXT1, pickle.EXT2, pickle.EXT4):
        del dispatch[_code[0]]


@contextmanager
def opened(path: Path, architecture: Architecture, asked: Set[str]) -> Iterator[Content]:
    """As `hdf5.opened`."""
    with opened_plain(path) as file:
        made = _of_zip(file) if zipfile.is_zipfile(file) else _of_pickles(file)
        yield naming.content_of(made, architecture, asked)


def _of_zip(file: BinaryIO) -> dict[str, Stored]:
    """Tensors of a zip: data.pkl, byteorder, and a member data/KEY for each storage."""
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        (name,) = (name for name in members if name.rpartition("/")[2] == PICKLE)
        folder = name[: -len(PICKLE)]
        if members[name].file_size > _LONGEST:
            raise WeightsError(f"its {PICKLE} has {members[name].file_size} bytes")
        order = f"{folder}byteorder"
        if order in members and archive.open(order).read(9) != b"little":
            raise WeightsError("its numbers are not little-endian")
        unpickler = _Unpickler(io.BytesIO(archive.read(name)))
        made = unpickler.load()
        places = {}
        for key in unpickler.numbers:
            member = members.get(f"{folder}data/{key}")
            if member is None or member.compress_type != zipfile.ZIP_STORED:
                raise WeightsError(f"the numbers {key!r} are not there, or compressed")
            places[key] = _data_of(file, member), member.file_size
    return _placed(made, file, places)


def _data_of(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Where an uncompressed member's bytes begin: behind its header, a name and extra bytes."""
    file.seek(member.header_offset)
    header = file.read(30)
    name, extra = struct.unpack("<HH", header[26:30])
    return member.header_offset + len(header) + name + extra


def _of_pickles(file: BinaryIO) -> dict[str, Stored]:
    """Tensors of pickles: magic number, protocol, system, state dict, keys; then the numbers."""
    file.seek(0)
    if file.read(len(LEGACY)) != LEGACY:
        raise WeightsError(
            "it is a pickle that PyTorch did not write, and nothing of a file is run: give what "
            "torch.save(model.state_dict(), FILE) writes, or a safetensors file"
        )
    pickles = io.BytesIO(file.read(_LONGEST))
    protocol, system = (_Unpickler(pickles).load() for _ in range(2))
    if protocol != _PROTOCOL or system["little_endian"] is not True:
        raise WeightsError("it is of a version of PyTorch, or of a machine, that is not known")
    unpickler = _Unpickler(pickles)
    made = unpickler.load()
    keys = _Unpickler(pickles).load()
    places, at = {}, len(LEGACY) + pickles.tell()
    for key in keys:
        file.seek(at)
        (count,) = struct.unpack("<q", file.read(8))
        numbers = unpickler.numbers.get(key)
        if numbers is None or count != numbers.count:
            raise WeightsError(f"of {count} numbers {key!r} no tensor is made")
        places[key] = at + 8, count * width_of(numbers.kind)
        at += 8 + count * width_of(numbers.kind)
    return _placed(made, file, places)


def _named(held: Any, name: str, depth: int) -> Iterator[tuple[str, _Tensor]]:
    """Tensors by the keys of the dictionaries around them, with dots between."""
    if isinstance(held, _Parameter):
        held = held.data
    if isinstance(held, _Tensor):
        yield name, held
    elif isinstance(held, Mapping) and depth:
        for key, value in held.items():
            yield from _named(value, f"{name}.{key}".lstrip("."), depth - 1)


def _placed(made: Any, file: BinaryIO, places: Mapping[str, tuple[int, int]]) -> dict[str, Stored]:
    """Tensors of numbers that lie in the file: {key: offset, bytes}."""
    size = file.seek(0, io.SEEK_END)
    found = {}
    for name, tensor in _named(made, "", _DEEPEST):
        at, length = places[tensor.numbers.key]
        width = width_of(tensor.numbers.kind)
        steps = zip(tensor.shape, tensor.strides, strict=True)
        count = 1 + sum((n - 1) * step for n, step in steps) if prod(tensor.shape) else 0
        end = (tensor.offset + count) * width
        if end > length or at + end > size:
            raise WeightsError(f"{name} of shape {tensor.shape} lies outside of its numbers")
        own = stored(file, at + tensor.offset * width, tensor.numbers.kind, (count,))
        found[name] = Stored(tensor.shape, own.dtype, partial(_values, tensor, own))
    return found


def _values(tensor: _Tensor, own: Stored) -> np.ndarray:
    flat = own.read()
    strides = tuple(step * flat.itemsize for step in tensor.strides)
    return np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
