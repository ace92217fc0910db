"""What a weights file holds, as plain arrays of which nothing is read before it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Stored:
    """An array in a file, of which nothing is read before it is asked for.

    Attributes
    ----------
    shape, dtype : as the file has them; () too where there are no values at all
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    _values: Callable[[], np.ndarray] = field(repr=False)

    def read(self) -> np.ndarray:
        """Its values, while the file is open."""
        return self._values()


@dataclass(frozen=True)
class Content:
    """What a file holds of networks.

    Attributes
    ----------
    names : of all layers, and of the models that say theirs
    layers : {layer that was asked for: {place that carries its name: arrays in it}}; kernels are
        (3, 3, C_in, C_out) and (N_in, N_out)
    preprocessing : that of files of this kind; None if it cannot be told
    """

    names: frozenset[str]
    layers: Mapping[str, Mapping[str, list[Stored]]]
    preprocessing: str | None = None
