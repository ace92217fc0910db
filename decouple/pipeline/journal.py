"""The motions of a run as they end, so that a run that was cut short goes on after them.

A layer's motion is a function of what it is given. A run that goes on carries out the same
composition of stages from its beginning, and each motion that had ended is handed its result
instead of being walked once more: so it does not matter where in the composition it was cut.
Where a run compares methods, what a method came to is kept in the same way, `once` it has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from decouple.errors import RunFolderError
from decouple.flows.motion import Flow, Moved
from decouple.flows.motion import Motion as Asked
from decouple.flows.trace import LayerTrace, Observer
from decouple.pipeline.kept import PART, Method, Motion
from decouple.record import forms
from decouple.record.checkpoint import read_parts, write_checkpoint
from decouple.record.history import NOTHING, Extent, earlier_rows
from decouple.stages.layerwise import move_layer

Done = TypeVar("Done")


class Journal:
    """`stages.layerwise.move_layer`, and whole methods, with a memory on the disk.

    Factors of K are kept too: reading one takes a thousandth of the time of forming it.

    Parameters
    ----------
    every_seconds : motions that ended are written when the last ones were so long ago
    known : what `read` found, of the run that is gone on with

    Attributes
    ----------
    rows : how far the history.csv goes that the last of the known motions is in, at its end
    seconds : that the run had taken until then
    known : how many motions had ended
    """

    def __init__(self, every_seconds: float, known: Sequence[Mapping[str, Any]] = ()) -> None:
        self._every = every_seconds
        self._parts = len(known)
        self._results: list[Motion | Method] = [done for part in known for done in part["entries"]]
        # Of `rows`: the folder, below the run's.
        self._rows_in = PurePosixPath(known[-1]["history"]["folder"] if known else "")
        self.rows: Extent = known[-1]["history"]["extent"] if known else NOTHING
        self.seconds: float = known[-1]["seconds"] if known else 0.0
        self.known = sum(isinstance(done, Motion) for done in self._results)
        self._next = 0
        self._pending: list[Motion | Method] = []
        self._written = self._began = time.monotonic()
        self._folder: Path | None = None
        self._within = PurePosixPath()
        self._flush: Callable[[], Extent] = lambda: NOTHING

    @classmethod
    def read(cls, folder: str | Path, every_seconds: float) -> Journal:
        """That of an earlier run, all of which is as it was written.

        Raises
        ------
        RunFolderError : a part of it, or the history that it goes on with, cannot be read.
        """
        known = []
        for number, (arrays, about) in enumerate(read_parts(folder), 1):
            try:
                known.append(forms.read(PART, about, arrays))
            except forms.Misfit as error:
                raise RunFolderError(
                    f"checkpoint.{number}.npz in '{folder}' is damaged, or of another version: "
                    f"{error}"
                ) from error
        if known and known[-1]["entries"] and isinstance(known[-1]["entries"][-1], Motion):
            history = known[-1]["history"]
            within = PurePosixPath(history["folder"])
            if within.is_absolute() or ".." in within.parts:
                raise RunFolderError(
                    f"the checkpoint in '{folder}' is damaged: it names '{within}'"
                )
            earlier_rows(Path(folder) / within, history["extent"])
        return cls(every_seconds, known)

    @property
    def rows_under_way(self) -> Extent:
        """`rows`, if the next motion is known; nothing where a history begins anew."""
        return self.rows if self._next < len(self._results) else NOTHING

    @contextmanager
    def kept_in(self, folder: Path, flush: Callable[[], Extent]) -> Iterator[None]:
        """Say whose motions follow.

        Parameters
        ----------
        folder : of the run; that of a method within it is not written to
        flush : brings the run's, or the method's, history.csv to the disk and tells how far it goes
        """
        former = self._folder, self._within, self._flush
        self._folder, self._flush = self._folder or folder, flush
        self._within = PurePosixPath(folder.relative_to(self._folder).as_posix())
        try:
            yield
        finally:
            self._folder, self._within, self._flush = former

    def move(
        self, image: np.ndarray, motion: Asked, flow: Flow, observer: Observer
    ) -> tuple[Moved, LayerTrace]:
        """`move_layer`, or what it had come to.

        Raises
        ------
        RunFolderError : the checkpoint is of another run, or cannot be written.
        """
        if self._next < len(self._results):
            done = self._results[self._next]
            if not isinstance(done, Motion) or not _fits(done, image, motion):
                raise RunFolderError(
                    f"the checkpoint does not fit this run: its entry {self._next + 1} is of "
                    f"{done}, not of {motion.stage}, {motion.extractor.layers[-1]} of this image"
                )
            self._next += 1
            return done.moved, done.trace
        moved, trace = move_layer(image, motion, flow, observer)
        # Now: rows of the next motion will have to be dropped.
        self.rows, self._rows_in = self._flush(), self._within
        self._keep(Motion(moved, trace))
        return moved, trace

    def once(self, name: str, carry_out: Callable[[], Done]) -> Done:
        """What a method came to: an object of a class that `kept.RESULTS` has a record of.

        Parameters
        ----------
        name : of the method; there is one of that name
        carry_out : called if it had not ended; its motions may be known all the same
        """
        for place in range(self._next, len(self._results)):
            known = self._results[place]
            if isinstance(known, Method) and known.name == name:
                self._next = place + 1
                return known.result  # type: ignore[return-value]
        done = carry_out()
        self._keep(Method(name, done))
        return done

    def _keep(self, done: Motion | Method) -> None:
        self._pending.append(done)
        if time.monotonic() - self._written >= self._every:
            self.write()

    def write(self) -> None:
        """Write what has ended since the last time."""
        if self._folder is None or not self._pending:
            return
        about, arrays = forms.written(
            PART,
            {
                "entries": self._pending,
                "history": {"folder": str(self._rows_in), "extent": self.rows},
                "seconds": self.seconds + time.monotonic() - self._began,
            },
        )
        write_checkpoint(self._folder, arrays, about, part=self._parts + 1)
        self._parts += 1
        self._pending = []
        self._written = time.monotonic()


def _fits(done: Motion, image: np.ndarray, motion: Asked) -> bool:
    """Whether that is what a motion of an image came to, as far as can be told without it."""
    place, way = (motion.stage, motion.extractor.layers[-1]), done.moved.way
    channels = None if way is None or way.curve is None else way.curve.values.shape[1]
    return (
        (done.trace.stage, done.trace.layer) == place
        and done.trace.feature_mse.keys() == {*motion.extractor.layers}
        and done.moved.image.shape == image.shape
        and channels in (None, len(motion.start))
    )
