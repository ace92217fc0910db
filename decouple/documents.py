"""JSON and YAML as data: plain values in mappings and lists, whatever a file may hold."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from decouple import files
from decouple.errors import DamagedFile

# As deep as anything of ours is nested, and more; recursion ends far behind it.
_DEEPEST = 64


def json_of(text: str | bytes) -> Any:
    """The value of a text in strict JSON: finite numbers, and no more levels than anyone needs.

    Raises
    ------
    ValueError : it is not one; the message is one line.
    """
    try:
        return _checked(json.loads(text, parse_float=_finite, parse_constant=_finite), 0)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: str | Path) -> Any:
    """The value of a file of strict JSON; see `json_of`.

    Raises
    ------
    DamagedFile : it is not one.
    RunFolderError : it is not there, or cannot be read.
    """
    return _read(path, json_of)


def read_yaml(path: str | Path) -> Any:
    """The value of a YAML file that names no kinds of its own and repeats no part by reference.

    Raises
    ------
    DamagedFile : it is not one.
    RunFolderError : it is not there, or cannot be read.
    """
    return _read(path, lambda text: _checked(yaml.load(text, _Loader), 0))


def _read(path: str | Path, value_of: Callable[[str], Any]) -> Any:
    with files.disk_errors("read", path), files.opened_plain(path) as file:
        data = file.read()
    try:
        return value_of(data.decode("utf-8"))
    except RecursionError:
        reason = "it is nested too deeply"
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
    raise DamagedFile(f"'{path}' is damaged: {reason}")


class _Loader(yaml.SafeLoader):
    """Without references, a few lines of which may stand for more values than memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it refers to another part of itself")
        return super().compose_node(parent, index)


def _checked(value: Any, depth: int) -> Any:
    """The value, if it is plain; ValueError if it is not."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        for key, held in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{key!r} is no name")
            _checked(held, depth + 1)
    elif isinstance(value, list):
        for held in value:
            _checked(held, depth + 1)
    elif isinstance(value, str):
        if "\0" in value:
            raise ValueError("it holds a NUL")
    elif not isinstance(value, bool | int | float | None):
        raise ValueError(f"it holds a {type(value).__name__}, which is no plain value")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number
