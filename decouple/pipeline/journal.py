"""The motions of a run as they end, so that a run that was cut short goes on after them.

A layer's motion is a function of what it is given. A run that goes on carries out the same
composition of stages from its beginning, and each motion that had ended is handed its result
instead of being walked once more: so it does not matter where in the composition it was cut.
Where a run compares methods, what a method came to is kept in the same way, `once` it has ended.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from decouple.errors import RunFolderError
from decouple.flows import StopReason, Way
from decouple.flows.motion import Flow, Motion, Moved
from decouple.flows.paths import Curve
from decouple.flows.preconditioner import Factor
from decouple.flows.trace import LayerTrace, Observer
from decouple.record.checkpoint import read_parts, write_checkpoint
from decouple.stages.layerwise import move_layer

Done = TypeVar("Done")
# Nothing else is ever made from a checkpoint.
_KINDS: dict[str, type] = {kind.__name__: kind for kind in (Moved, LayerTrace, Way, Curve, Factor)}


class Journal:
    """`stages.layerwise.move_layer`, and whole methods, with a memory on the disk.

    Factors of K are kept too: reading one takes a thousandth of the time of forming it.

    Parameters
    ----------
    every_seconds : motions that ended are written when the last ones were so long ago
    known : what `read` found, of the run that is gone on with

    Attributes
    ----------
    length : of the history.csv that the last of the known motions is in, in bytes, at its end
    seconds : that the run had taken until then
    known : how many motions had ended
    """

    def __init__(
        self, every_seconds: float, known: list[tuple[dict[str, np.ndarray], dict[str, Any]]]
    ) -> None:
        self._every = every_seconds
        self._parts = len(known)
        # Of a motion (Moved, LayerTrace), of a method (its name, what it came to).
        self._results: list[tuple[Any, Any]] = []
        self.length, self.seconds = 0, 0.0
        for arrays, about in known:
            self._results += decoded(about["motions"], arrays)
            self.length, self.seconds = int(about["history"]), float(about["seconds"])
        self.known = sum(isinstance(first, Moved) for first, _ in self._results)
        self._next = 0
        self._pending: list[tuple[Any, Any]] = []
        self._written = self._began = time.monotonic()
        self._folder: Path | None = None
        self._flush: Callable[[], int] = lambda: 0

    @classmethod
    def read(cls, folder: str | Path, every_seconds: float) -> Journal:
        """That of an earlier run.

        Raises
        ------
        RunFolderError : a part of it cannot be read.
        """
        try:
            return cls(every_seconds, list(read_parts(folder)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunFolderError(
                f"the checkpoint in '{folder}' is damaged, or of another version: {error!r}"
            ) from error

    @property
    def length_under_way(self) -> int:
        """`length`, if the next motion is known; 0 where a history begins anew."""
        return self.length if self._next < len(self._results) else 0

    @contextmanager
    def kept_in(self, folder: Path, flush: Callable[[], int]) -> Iterator[None]:
        """Say whose motions follow.

        Parameters
        ----------
        folder : of the run; that of a method within it is not written to
        flush : brings the run's, or the method's, history.csv to the disk and tells its bytes
        """
        former = self._folder, self._flush
        self._folder, self._flush = self._folder or folder, flush
        try:
            yield
        finally:
            self._folder, self._flush = former

    def move(
        self, image: np.ndarray, motion: Motion, flow: Flow, observer: Observer
    ) -> tuple[Moved, LayerTrace]:
        """`move_layer`, or what it had come to.

        Raises
        ------
        RunFolderError : the checkpoint is of another run, or cannot be written.
        """
        if self._next < len(self._results):
            moved, trace = self._results[self._next]
            place = (motion.stage, motion.extractor.layers[-1])
            if not isinstance(moved, Moved) or (trace.stage, trace.layer) != place:
                of = f"{trace.stage}, {trace.layer}" if isinstance(moved, Moved) else moved
                raise RunFolderError(
                    f"the checkpoint does not fit this run: its entry {self._next + 1} is of {of}, "
                    f"not of {', '.join(place)}"
                )
            self._next += 1
            return moved, trace
        done = move_layer(image, motion, flow, observer)
        # Now: rows of the next motion will have to be dropped.
        self.length = self._flush()
        self._keep(done)
        return done

    def once(self, name: str, carry_out: Callable[[], Done]) -> Done:
        """What a method came to: plain values and arrays, in mappings, lists and tuples.

        Parameters
        ----------
        name : of the method; there is one of that name
        carry_out : called if it had not ended; its motions may be known all the same
        """
        for place in range(self._next, len(self._results)):
            known, result = self._results[place]
            if known == name:
                self._next = place + 1
                return result
        done = carry_out()
        self._keep((name, done))
        return done

    def _keep(self, done: tuple[Any, Any]) -> None:
        self._pending.append(done)
        if time.monotonic() - self._written >= self._every:
            self.write()

    def write(self) -> None:
        """Write what has ended since the last time."""
        if self._folder is None or not self._pending:
            return
        arrays: dict[str, np.ndarray] = {}
        about = {
            "motions": encoded(self._pending, arrays),
            "history": self.length,
            "seconds": self.seconds + time.monotonic() - self._began,
        }
        write_checkpoint(self._folder, arrays, about, part=self._parts + 1)
        self._parts += 1
        self._pending = []
        self._written = time.monotonic()


def encoded(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON, its arrays put into `arrays` and named in their place.

    Raises
    ------
    TypeError : a value of a kind that no motion has.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, StopReason):
        return {"reason": value.name}
    if isinstance(value, list):
        return [encoded(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encoded(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        return {"mapping": {str(key): encoded(item, arrays) for key, item in value.items()}}
    if type(value) in _KINDS.values():
        kind = type(value)
        fields = {
            name: encoded(item, arrays)
            for name, item in vars(value).items()
            # What is only worked out when it is asked for is no part of a value.
            if not isinstance(getattr(kind, name, None), cached_property)
        }
        return {"kind": kind.__name__, "fields": fields}
    raise TypeError(f"a checkpoint has no place for a {type(value).__name__}")


def decoded(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The inverse of `encoded`; KeyError, TypeError or ValueError where there is none."""
    if isinstance(value, list):
        return [decoded(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "float" in value:
        return float(value["float"])
    if "reason" in value:
        return StopReason[value["reason"]]
    if "tuple" in value:
        return tuple(decoded(item, arrays) for item in value["tuple"])
    if "mapping" in value:
        return {key: decoded(item, arrays) for key, item in value["mapping"].items()}
    kind = _KINDS[value["kind"]]
    made: object = object.__new__(kind)
    vars(made).update({name: decoded(item, arrays) for name, item in value["fields"].items()})
    return made
