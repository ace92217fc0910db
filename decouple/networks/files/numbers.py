"""Numbers that lie in a file one behind the other, read when they are asked for."""

from __future__ import annotations

from math import prod
from typing import BinaryIO

import numpy as np

from decouple.networks.files.stored import Stored

_BFLOAT16 = "bfloat16"


def dtype_called(name: str) -> np.dtype:
    """A type of numbers, little-endian; bfloat16, which numpy lacks, is read as float32."""
    return np.dtype("<f4" if name == _BFLOAT16 else name).newbyteorder("<")


def width_of(name: str) -> int:
    """Bytes that a number takes in a file."""
    return 2 if name == _BFLOAT16 else dtype_called(name).itemsize


def array_of(data: bytes | memoryview, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a type, such as `float16`, out of its bytes."""
    if name != _BFLOAT16:
        return np.frombuffer(data, dtype_called(name)).reshape(shape)
    upper = np.frombuffer(data, "<u2").astype("<u4")  # half of the bits of a float32
    return (upper << 16).view("<f4").reshape(shape)


def stored(file: BinaryIO, at: int, name: str, shape: tuple[int, ...]) -> Stored:
    """An array of a type from an offset in bytes on."""

    def values() -> np.ndarray:
        file.seek(at)
        return array_of(file.read(prod(shape) * width_of(name)), name, shape)

    return Stored(shape, dtype_called(name), values)
