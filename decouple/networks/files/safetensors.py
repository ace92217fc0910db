"""Layers in safetensors files: a JSON header of names, types, shapes and places, then the numbers.

As https://huggingface.co/docs/safetensors/index has it. Read here, in a few lines, as the package
gives no bfloat16 to numpy, and nothing else is needed of it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from decouple.errors import WeightsError
from decouple.files import opened_plain
from decouple.networks.architecture import Architecture
from decouple.networks.files import naming
from decouple.networks.files.numbers import stored, width_of
from decouple.networks.files.stored import Content, Stored

_LENGTH = struct.Struct("<Q")
# Of the header, in bytes; that of a large language model has some 100,000.
_LONGEST = 2**24
_TYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def begins(path: Path, first: bytes) -> bool:
    """Whether a length and the brace of a JSON object come first."""
    if first[8:9] != b"{":
        return False
    return 2 <= _LENGTH.unpack(first[:8])[0] <= path.stat().st_size - 8


@contextmanager
def opened(path: Path, architecture: Architecture, asked: Set[str]) -> Iterator[Content]:
    """As `hdf5.opened`."""
    with opened_plain(path) as file:
        size = path.stat().st_size - _LENGTH.size
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        if length > min(size, _LONGEST):
            raise WeightsError(f"its header claims {length} bytes")
        header = json.loads(file.read(length))
        tensors = dict(_tensors(header, file, _LENGTH.size + length, size - length))
        yield naming.content_of(tensors, architecture, asked)


def _tensors(
    header: Mapping[str, Mapping[str, Any]], file: BinaryIO, begin: int, size: int
) -> Iterator[tuple[str, Stored]]:
    for name, told in header.items():
        if name == "__metadata__":
            continue
        # Others, such as eight-bit floats, are no numbers here.
        kind = _TYPES.get(told["dtype"])
        shape, (first, last) = tuple(told["shape"]), told["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, first, last)):
            raise WeightsError(f"the header's shape or place of {name} is none")
        if last > size or (kind and last - first != prod(shape) * width_of(kind)):
            raise WeightsError(f"{name} of shape {shape} is said to lie at {first} to {last}")
        yield name, stored(file, begin + first, kind or "V1", shape)
