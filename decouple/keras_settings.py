"""Keras as this package needs it: with TensorFlow, float32 and channels last.

What a user has set otherwise, in `KERAS_BACKEND`, in `keras.json` or by `keras.config`, would end
in tracebacks or in other numbers. The backend is that of the process, once Keras is imported; the
rest is as needed during each use, and then the user's again.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from decouple.errors import ConfigError
from decouple.files import expanded

_NEEDED = {"backend": "tensorflow", "floatx": "float32", "image_data_format": "channels_last"}
_BACKEND = "KERAS_BACKEND"
ELSEWHERE = Path("/tmp/.keras")
"""Where Keras goes when the user's home cannot be written."""
# {setting: what a user had}
_overruled: dict[str, str] = {}


def claim_backend() -> None:
    """Have Keras compute with TensorFlow, if it is not imported yet; TensorFlow imports it."""
    if "keras" in sys.modules:
        return
    told = _of_file()
    if os.environ.get(_BACKEND):  # Keras, too, takes it before the file's
        told["backend"] = os.environ[_BACKEND]
    _overruled.update(
        {k: told[k] for k, needed in _NEEDED.items() if told.get(k, needed) != needed}
    )
    os.environ[_BACKEND] = _NEEDED["backend"]


def settings_file() -> Path:
    """Where Keras reads what a user has set."""
    home = expanded("~")
    folder = home / ".keras" if os.access(home, os.W_OK) else ELSEWHERE
    return expanded(os.environ.get("KERAS_HOME", folder)) / "keras.json"


def overruled() -> str | None:
    """What a user had set that does not hold here, in one line; None where all holds."""
    if not _overruled:
        return None
    theirs = ", ".join(f"{key} {value}" for key, value in _overruled.items())
    return (
        f"Your settings of Keras ({theirs}) do not hold here: decouple computes with TensorFlow, "
        "float32 and channels last"
    )


@cache
def warn_overruled() -> None:
    """Warn of `overruled`, once."""
    line = overruled()
    if line is not None:
        warnings.warn(line, stacklevel=3)


class _Later(MetaPathFinder, Loader):
    """Finds Keras where it is, and does not load it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """That of Keras, with this in its loader's place."""
        spec = PathFinder.find_spec(name, path) if name == "keras" else None
        if spec is not None:
            spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """ImportError, which TensorFlow takes for a Keras that is not installed."""
        raise ImportError("Keras is loaded where it is used")


@contextmanager
def keras_later() -> Iterator[None]:
    """TensorFlow, where it is imported within the block, leaves Keras to who uses it first.

    It loads it for the sake of saved models alone. With it come scikit-learn and matplotlib, and
    together they take as long as the rest of TensorFlow. Where a user has settings of Keras that
    do not hold here, they are looked at by Keras itself, before anything is begun.
    """
    later = _Later()
    if overruled() is None:
        sys.meta_path.insert(0, later)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.meta_path.remove(later)


@contextmanager
def keras_as_needed() -> Iterator[Any]:
    """Keras, which makes within the block what it makes by default.

    Raises
    ------
    ConfigError : it cannot be imported, or was before this package, with another backend.
    """
    try:
        import keras
    except Exception as error:  # of any kind: a setting is refused, or a library missing
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"Keras does not start: {reason} (it reads {settings_file()})") from error

    config = keras.config
    if config.backend() != _NEEDED["backend"]:
        raise ConfigError(
            f"Keras was imported with the backend {config.backend()}, and decouple needs "
            f"tensorflow: import decouple first, or set {_BACKEND}=tensorflow"
        )
    policy, floatx, form = config.dtype_policy(), config.floatx(), config.image_data_format()
    config.set_floatx(_NEEDED["floatx"])
    config.set_dtype_policy(_NEEDED["floatx"])
    config.set_image_data_format(_NEEDED["image_data_format"])
    try:
        yield keras
    finally:
        config.set_floatx(floatx)
        config.set_dtype_policy(policy)
        config.set_image_data_format(form)


def _of_file() -> dict[str, str]:
    """What `keras.json` says; where it cannot be read, Keras has its own words for that."""
    with suppress(OSError, ValueError):
        told = json.loads(settings_file().read_text(encoding="utf-8"))
        if isinstance(told, dict):
            return {key: str(value) for key, value in told.items()}
    return {}
