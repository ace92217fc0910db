"""What TensorFlow computes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from decouple.errors import ConfigError


@contextmanager
def placed(device: str) -> Iterator[None]:
    """Compute within the block on `cpu`, `gpu` (the first), or as TensorFlow chooses (`auto`).

    Raises
    ------
    ConfigError : there is no GPU.
    """
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise ConfigError("device=gpu, but TensorFlow sees no GPU: take device=cpu or auto")
    with tf.device(None if device == "auto" else f"/{device.upper()}:0"):
        yield


def described(device: str) -> str:
    """The name of what `placed` computes on."""
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu" or not gpus:
        return "CPU"
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "GPU"))
