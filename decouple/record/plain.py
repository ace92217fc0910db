"""Values that strict JSON can hold."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

from decouple.legible import legible


def plain(value: Any) -> Any:
    """Turn a value into what strict JSON can hold, keeping the order of keys.

    NaN and infinities become null, numpy scalars and arrays become numbers and lists, paths
    become strings and enum members their lower-case names. Strings hold whole characters.

    >>> plain({"psnr_db": float("inf"), "mse": np.float32(0.5), "size": (2, 3)})
    {'psnr_db': None, 'mse': 0.5, 'size': [2, 3]}

    Raises
    ------
    TypeError
        for a value that JSON has no place for.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return legible(os.fsdecode(value))
    if isinstance(value, Mapping):
        return {legible(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"JSON has no place for a {type(value).__name__}: {value!r}")
