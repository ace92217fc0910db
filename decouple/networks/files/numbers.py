"""Numbers that lie in a file one behind the other, read when they are asked for."""

from __future__ import annotations

from math import prod
from typing import BinaryIO

import numpy as np

from decouple.networks.files.stored import Stored

BFLOAT16 = "bfloat16"


def dtype_called(name: str) -> np.dtype:
    """A type of numbers, little-endian; bfloat16, which numpy lacks, is read as float32."""
    return np.dtype("<f4" if name == BFLOAT16 else name).newbyteorder("<")


def stored(file: BinaryIO, at: int, name: str, shape: tuple[int, ...]) -> Stored:
    """An array of a type, such as `float16`, from an offset in bytes on."""

    def values() -> np.ndarray:
        bits = np.dtype("<u2") if name == BFLOAT16 else dtype_called(name)
        file.seek(at)
        data = file.read(prod(shape) * bits.itemsize)
        array = np.frombuffer(data, bits).reshape(shape)
        # The upper half of the bits of a float32.
        return (array.astype("<u4") << 16).view("<f4") if name == BFLOAT16 else array

    return Stored(shape, dtype_called(name), values)
