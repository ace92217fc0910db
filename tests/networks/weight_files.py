"""Files of each kind of the same random numbers, as those who write them do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from decouple.networks.architecture import VGG16, Architecture
from decouple.networks.files import shapes_until

Arrays = Mapping[str, tuple[np.ndarray, np.ndarray]]


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
