"""Forms of values that are made of others; see `record.forms`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decouple.record.forms import Arrays, Form, Held, Misfit, misfit


@dataclass(frozen=True)
class Maybe:
    """A value, or None."""

    form: Form

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return None if value is None else self.form.write(value, place, arrays)

    def read(self, told: Any, place: str, held: Held) -> Any:
        """See `Form`."""
        return None if told is None else self.form.read(told, place, held)


@dataclass(frozen=True)
class Several:
    """A tuple of any number of values of one form."""

    form: Form

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return [self.form.write(item, _in(place, k), arrays) for k, item in enumerate(value)]

    def read(self, told: Any, place: str, held: Held) -> tuple[Any, ...]:
        """See `Form`."""
        if not isinstance(told, list):
            raise misfit(place, told, "list")
        return tuple(self.form.read(item, _in(place, k), held) for k, item in enumerate(told))


@dataclass(frozen=True)
class Apart:
    """A value whose sizes are its own, and not those of the values beside it."""

    form: Form

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return self.form.write(value, place, arrays)

    def read(self, told: Any, place: str, held: Held) -> Any:
        """See `Form`."""
        return self.form.read(told, place, Held(held.arrays, {}, held.asked))


class Pair:
    """A tuple of two values."""

    def __init__(self, first: Form, second: Form) -> None:
        self._forms = (first, second)

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        both = enumerate(zip(self._forms, value, strict=True))
        return [form.write(item, _in(place, k), arrays) for k, (form, item) in both]

    def read(self, told: Any, place: str, held: Held) -> tuple[Any, Any]:
        """See `Form`."""
        if not isinstance(told, list) or len(told) != 2:
            raise misfit(place, told, "pair")
        first, second = self._forms
        return (
            first.read(told[0], _in(place, 0), held),
            second.read(told[1], _in(place, 1), held),
        )


@dataclass(frozen=True)
class Table:
    """A mapping of any names to values of one form."""

    form: Form

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return {str(k): self.form.write(v, _in(place, k), arrays) for k, v in value.items()}

    def read(self, told: Any, place: str, held: Held) -> dict[str, Any]:
        """See `Form`."""
        if not isinstance(told, dict):
            raise misfit(place, told, "mapping")
        return {name: self.form.read(item, _in(place, name), held) for name, item in told.items()}


@dataclass(frozen=True)
class Fields:
    """A mapping of these names to a value of its own form each."""

    forms: Mapping[str, Form]

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        return {k: form.write(value[k], _in(place, k), arrays) for k, form in self.forms.items()}

    def read(self, told: Any, place: str, held: Held) -> dict[str, Any]:
        """See `Form`."""
        if not isinstance(told, dict) or told.keys() != self.forms.keys():
            raise misfit(place, told, f"mapping of {', '.join(self.forms)}")
        return {k: form.read(told[k], _in(place, k), held) for k, form in self.forms.items()}


class Record:
    """An object of one class, by what it is made of.

    Parameters
    ----------
    kind : the class
    version : of what is written; another one is not read
    forms : {attribute: form}
    make : the object from its attributes; by default the class
    check : what is wrong with an object, in a few words; None if nothing is
    """

    def __init__(
        self,
        kind: type,
        version: int,
        forms: Mapping[str, Form],
        make: Callable[..., Any] | None = None,
        check: Callable[[Any], str | None] = lambda _: None,
    ) -> None:
        self.kind, self.version, self.forms = kind, version, dict(forms)
        self._make, self._check = make or kind, check

    @property
    def name(self) -> str:
        """How the class is called in a file."""
        return f"{self.kind.__name__} {self.version}"

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        if type(value) is not self.kind:
            raise TypeError(f"{place} is for a {self.kind.__name__}, not a {type(value).__name__}")
        values = {name: getattr(value, name) for name in self.forms}
        return {self.name: Fields(self.forms).write(values, place, arrays)}

    def read(self, told: Any, place: str, held: Held) -> Any:
        """See `Form`."""
        if not isinstance(told, dict) or told.keys() != {self.name}:
            raise misfit(place, told, self.name)
        made = self._make(**Fields(self.forms).read(told[self.name], place, held))
        wrong = self._check(made)
        if wrong is not None:
            raise Misfit(f"{place or self.name}: {wrong}")
        return made


class OneOf:
    """An object of one of several classes, each with its record."""

    def __init__(self, *records: Record) -> None:
        self.records = list(records)

    def add(self, record: Record) -> None:
        """Let there be another class."""
        self.records.append(record)

    def write(self, value: Any, place: str, arrays: Arrays) -> Any:
        """See `Form`."""
        for record in self.records:
            if type(value) is record.kind:
                return record.write(value, place, arrays)
        raise TypeError(f"{place} has no place for a {type(value).__name__}")

    def read(self, told: Any, place: str, held: Held) -> Any:
        """See `Form`."""
        for record in self.records:
            if isinstance(told, dict) and record.name in told:
                return record.read(told, place, held)
        raise misfit(place, told, " or ".join(record.name for record in self.records))


def _in(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)
