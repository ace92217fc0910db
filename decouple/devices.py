"""What TensorFlow computes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any

import tensorflow as tf

from decouple.blas import undisturbed
from decouple.errors import ConfigError

_DEVICE = ContextVar("_DEVICE", default="auto")


@contextmanager
def placed(device: str) -> Iterator[None]:
    """Compute within the block on `cpu`, `gpu` (the first), or as TensorFlow chooses (`auto`).

    That is on the first GPU where there is one; where there are several they share what can be
    computed side by side (`on_each`).

    Raises
    ------
    ConfigError : there is no GPU.
    """
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise ConfigError("device=gpu, but TensorFlow sees no GPU: take device=cpu or auto")
    token = _DEVICE.set(device)
    try:
        where = None if device == "auto" else f"/{device.upper()}:0"
        with tf.device(where), undisturbed():
            yield
    finally:
        _DEVICE.reset(token)


def side_by_side() -> tuple[str, ...]:
    """Names of the devices that compute side by side: all GPUs; none where there is only one."""
    names = tuple(device.name for device in tf.config.list_logical_devices("GPU"))
    return names if _DEVICE.get() == "auto" and len(names) > 1 else ()


def on_each(
    program: Callable[..., tf.Tensor], common: Any, parts: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """`program(common, part)` for each part, in order, side by side where there are devices.

    `program` is a `tf.function`. There is one part, or no more than `side_by_side` names.
    """
    if len(parts) == 1:
        return [program(common, parts[0])]
    names = side_by_side()
    # Every device is given something: what is computed twice is dropped.
    given = [*parts, *[parts[0]] * (len(names) - len(parts))]
    strategy = _strategy(names)
    shares = strategy.experimental_distribute_values_from_function(
        lambda context: given[context.replica_id_in_sync_group]
    )
    done = strategy.experimental_local_results(_replicated(program, names)(common, shares))
    return list(done[: len(parts)])


@cache
def _strategy(names: tuple[str, ...]) -> Any:
    return tf.distribute.MirroredStrategy(list(names))


@lru_cache(maxsize=32)
def _replicated(program: Callable[..., tf.Tensor], names: tuple[str, ...]) -> Callable[..., Any]:
    strategy = _strategy(names)

    @tf.function(reduce_retracing=True)
    def run(common: Any, shares: Any) -> Any:
        return strategy.run(lambda part: program(common, part), args=(shares,))

    return run


def described() -> str:
    """The name of what is computed on; see `placed`."""
    gpus = tf.config.list_physical_devices("GPU")
    if _DEVICE.get() == "cpu" or not gpus:
        return "CPU"
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "GPU"))
