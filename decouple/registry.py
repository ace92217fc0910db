"""Things that are known by a name: what is built in, and what a module of the user's adds."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from decouple.errors import ConfigError, unknown_name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class Named(Protocol):
    """What a registry holds."""

    @property
    def name(self) -> str:
        """By which it is known."""

    @property
    def home(self) -> str:
        """The module that it comes from."""


Kind = TypeVar("Kind", bound=Named)


class Registry(Generic[Kind]):
    """Things in the order in which they were added.

    Parameters
    ----------
    kind : what its things are called, in errors
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._held: dict[str, Kind] = {}

    def add(self, thing: Kind) -> Kind:
        """Add a thing, which is returned; its own module may put another in its place.

        Raises
        ------
        ConfigError : its name is none, or is another module's.
        """
        if not _NAME.fullmatch(thing.name):
            raise ConfigError(
                f"'{thing.name}' is no name of {self._kind}: letters, digits and underscores"
            )
        held = self._held.get(thing.name)
        if held is not None and held.home != thing.home:
            raise ConfigError(
                f"{self._kind} '{thing.name}' is taken by {held.home}: {thing.home} must give it "
                "another name"
            )
        self._held[thing.name] = thing
        return thing

    def named(self, name: str) -> Kind:
        """The thing of a name; ConfigError with the nearest one if there is none."""
        if name not in self._held:
            raise ConfigError(unknown_name(self._kind, name, self._held))
        return self._held[name]

    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self._held)

    def __contains__(self, name: object) -> bool:
        """Whether there is a thing of this name."""
        return name in self._held

    def __iter__(self) -> Iterator[Kind]:
        """The things."""
        return iter(self._held.values())


def check_place(place: str) -> str:
    """`place`, if it reads `module:function`; else ConfigError."""
    if not _PLACE.fullmatch(place):
        raise ConfigError(f"'{place}' must name a function as module:function")
    return place


def function_at(place: str) -> Callable[..., Any]:
    """The function that `module:function` names; its module is imported now.

    Raises
    ------
    ConfigError : there is no such function.
    """
    module, _, name = check_place(place).partition(":")
    found = getattr(importlib.import_module(module), name, None)
    if not callable(found):
        raise ConfigError(f"'{place}': the module {module} has no function {name}")
    return found
