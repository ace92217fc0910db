"""Modules of the user's own, which add experiments and flows: named when called, or installed.

`+plugin=my_module` imports a module that lies in this folder or on PYTHONPATH. A package that is
installed may announce one as an entry point of the group `decouple.plugins`; it is imported where
a name is asked for that is not built in, since looking for entry points takes a while.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from decouple.catalogue import groups
from decouple.config import register
from decouple.errors import ConfigError
from decouple.families import FAMILIES

ENTRY_POINTS = "decouple.plugins"
# Groups of settings to which a module may add choices.
_OPEN = ("experiment", "flow", "features")


def load(module: str | None) -> None:
    """Import a module, and make known what it registers; None is no module.

    Raises
    ------
    ConfigError : there is none of this name, or it cannot be imported.
    """
    if module is None:
        return
    if not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f"plugin={module} is no name of a module: give it as in an import")
    try:
        importlib.import_module(module)
    except ConfigError as error:
        raise ConfigError(f"plugin={module}: {error}") from error
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise ConfigError(_broken(module, error)) from error
        raise ConfigError(
            f"plugin={module}: there is no module {error.name} in this folder or on PYTHONPATH"
        ) from error
    except (Exception, SystemExit) as error:
        raise ConfigError(_broken(module, error)) from error
    register()


def load_for(words: Iterable[str]) -> None:
    """Import what the words of a command line need to be understood; raises as `load`.

    Parameters
    ----------
    words : as they were typed; several values of a choice stand between commas
    """
    told = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            told[name.lstrip("+")] = value.strip("'\"")
    load(told.get("plugin"))
    need(*((group, name) for group in _OPEN for name in told.get(group, "").split(",") if name))


def load_of(config: Mapping[str, Any]) -> None:
    """Import what a run's configuration needs, in whichever process; raises as `load`."""
    load(config.get("plugin"))
    chosen = {"experiment": config.get("experiment")}
    for group, first in (("flow", None), ("features", FAMILIES.names()[0])):
        held = config.get(group)
        chosen[group] = held.get("name", first) if isinstance(held, Mapping) else first
    need(*((group, str(name)) for group, name in chosen.items()))


def need(*choices: tuple[str, str]) -> None:
    """Import what is installed if one of these (group, name) is not known without."""
    known = groups()
    if any(name not in known[group] for group, name in choices):
        _load_installed()


def _load_installed() -> None:
    """Import all that is announced; one that does not work costs a line, and not the run."""
    for found in entry_points(group=ENTRY_POINTS):
        try:
            load(found.module)
        except ConfigError as error:
            print(f"{found.name}, which is installed, cannot be used: {error}", file=sys.stderr)


def _broken(module: str, error: BaseException) -> str:
    reason = " ".join(str(error).split()) or "no reason given"
    return f"plugin={module} cannot be imported: {type(error).__name__}: {reason}"
