"""How values are kept as JSON and arrays, and made again of nothing but what they should be.

A form stands for a kind of value: what it writes is JSON, with the arrays put aside by the name of
their place (`moved.way.curve.values`), and it reads that alone. Numbers, shapes, names and versions
are all checked before anything is made of them. Nothing else than a form's values is ever made, and
an array that no form asked for is refused. Forms of what is made of others are in
`record.compounds`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np

Arrays = dict[str, np.ndarray]
NOT_FINITE = ("nan", "inf", "-inf")


class Misfit(ValueError):
    """What is no value of a form; the message names the place."""


@dataclass
class Held:
    """The arrays that are read from, and what was found of them.

    Attributes
    ----------
    arrays : {place: array}
    sizes : {a size's name: its value}, of the shapes that share it
    asked : places of the arrays that were read
    """

    arrays: Mapping[str, np.ndarray]
    sizes: dict[str, int] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)


class Form(Protocol):
    """A kind of value."""

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """The value as JSON; its arrays are put into `arrays`, under names that begin with `place`.

        Raises TypeError where it is of another kind.
        """

    def read(self, told: Any, place: str, held: Held) -> Any:
        """The value that was written so; Misfit if there is none."""


def written(form: Form, value: Any) -> tuple[Any, Arrays]:
    """A value as JSON and arrays."""
    arrays: Arrays = {}
    return form.write(value, "", arrays), arrays


def read(form: Form, told: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The value of a form that was written so.

    Raises
    ------
    Misfit : there is none, or there are more arrays than it has.
    """
    held = Held(arrays)
    value = form.read(told, "", held)
    if arrays.keys() != held.asked:
        raise Misfit(f"nothing of it is called {min(arrays.keys() - held.asked)!r}")
    return value


@dataclass(frozen=True)
class Number:
    """A float from `least` on; infinite or undefined ones too, unless it is to be `finite`."""

    least: float = -math.inf
    finite: bool = False

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        number = float(value)
        return number if math.isfinite(number) else str(number)

    def read(self, told: Any, place: str, held: Held) -> float:
        """See `Form`."""
        known = not self.finite and told in NOT_FINITE
        if not known and (isinstance(told, bool) or not isinstance(told, int | float)):
            raise misfit(place, told, "number")
        try:
            number = float(told)
        except OverflowError:
            raise misfit(place, told, "number") from None
        if number < self.least:
            raise misfit(place, told, f"number from {self.least:g} on")
        return number


@dataclass(frozen=True)
class Count:
    """An integer from `least` on."""

    least: int = 0

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return int(value)

    def read(self, told: Any, place: str, held: Held) -> int:
        """See `Form`."""
        if isinstance(told, bool) or not isinstance(told, int) or told < self.least:
            raise misfit(place, told, f"whole number from {self.least} on")
        return told


@dataclass(frozen=True)
class Text:
    """A string."""

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return str(value)

    def read(self, told: Any, place: str, held: Held) -> str:
        """See `Form`."""
        if not isinstance(told, str):
            raise misfit(place, told, "text")
        return told


@dataclass(frozen=True)
class Member:
    """A member of an enum, by its name."""

    kind: type[Enum]

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return self.kind(value).name

    def read(self, told: Any, place: str, held: Held) -> Enum:
        """See `Form`."""
        if not isinstance(told, str) or told not in self.kind.__members__:
            raise misfit(place, told, self.kind.__name__)
        return self.kind[told]


@dataclass(frozen=True)
class Array:
    """An array of numbers.

    Attributes
    ----------
    shape : of each axis its size, its size's name (which has one value for all arrays), or None for
        any; None for any axes
    kinds : of its numbers, in numpy's letters
    finite : whether all must be
    """

    shape: tuple[int | str | None, ...] | None
    kinds: str = "f"
    finite: bool = True

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        arrays[place] = np.asarray(value)
        return {"array": place}

    def read(self, told: Any, place: str, held: Held) -> np.ndarray:
        """See `Form`."""
        if told != {"array": place} or place not in held.arrays:
            raise misfit(place, told, "array")
        array = held.arrays[place]
        held.asked.add(place)
        right = array.dtype.kind in self.kinds and array.dtype.isnative
        if not right or not self._fits(array.shape, held.sizes):
            raise Misfit(
                f"{place} is an array {array.shape} of {array.dtype}, and not one of its own"
            )
        if self.finite and not np.isfinite(array).all():
            raise Misfit(f"{place} holds numbers that are not finite")
        return array

    def _fits(self, shape: tuple[int, ...], sizes: dict[str, int]) -> bool:
        if self.shape is None:
            return True
        if len(shape) != len(self.shape):
            return False
        for size, wanted in zip(shape, self.shape, strict=True):
            known = sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted
            if known not in (None, size):
                return False
        return True


@dataclass(frozen=True)
class Plain:
    """None, truths, numbers and text, in lists and in mappings with names.

    What strict JSON holds is written as it is; other numbers as `{"float": "inf"}`.
    """

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        if isinstance(value, Mapping):
            if value.keys() == {"float"} or not all(isinstance(name, str) for name in value):
                raise TypeError(
                    f"{place} has no place for a mapping of {', '.join(map(str, value))}"
                )
            return {name: self.write(held, place, arrays) for name, held in value.items()}
        if isinstance(value, list):
            return [self.write(held, place, arrays) for held in value]
        if isinstance(value, float | np.floating):
            number = float(value)
            return number if math.isfinite(number) else {"float": str(number)}
        if isinstance(value, np.integer):
            return int(value)
        if value is None or isinstance(value, bool | int | str):
            return value
        raise TypeError(f"{place} has no place for a {type(value).__name__}")

    def read(self, told: Any, place: str, held: Held) -> Any:
        """See `Form`."""
        if isinstance(told, list):
            return [self.read(item, place, held) for item in told]
        if not isinstance(told, dict):
            return told
        if told.keys() != {"float"}:
            return {name: self.read(item, place, held) for name, item in told.items()}
        if told["float"] not in NOT_FINITE:
            raise misfit(place, told, "plain value")
        return float(told["float"])


def misfit(place: str, told: object, wanted: str) -> Misfit:
    """What to raise where something is not what it should be."""
    shown = " ".join(repr(told).split())
    shown = shown if len(shown) < 60 else f"{shown[:57]}..."
    return Misfit(f"{place or 'it'} is {shown}, and no {wanted}")
