"""The numbers of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Weights:
    """The numbers of a network.

    Attributes
    ----------
    kernels, biases : per convolution, shapes (3, 3, C_in, C_out) and (C_out,), float32
    offset : (3,), subtracted from an image in [0, 1] before the first convolution, so that the
        zero padding stands for this colour
    widths : per convolution, the unit of its softplus's width: the standard deviation of its
        pre-activations on the synthetic batch, twice that at the first one of trained networks
    origin : `calibrated`, `imagenet`, what a file's numbers are if they are known, or its name
    digest : hexadecimal SHA-256 of kernels, biases and offset, and so of the preprocessing too
    preprocessing : see `PREPROCESSINGS`; None of calibrated ones, which were made for `offset`
    """

    kernels: Mapping[str, np.ndarray]
    biases: Mapping[str, np.ndarray]
    offset: np.ndarray
    widths: Mapping[str, float]
    origin: str
    digest: str
    preprocessing: str | None = None

    @property
    def trained(self) -> bool:
        """Whether they were learned from pictures."""
        return self.origin != "calibrated"
