"""Ctrl-C: once to stop where nothing is lost, twice to leave at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A run that stopped since it was asked to; its message says how to go on with it."""


class Interrupts:
    """While the context is open, a first Ctrl-C is only noted, for `check` to act on.

    A second one raises KeyboardInterrupt wherever the program is. Outside the main thread, where
    Python hears no signals, and where another handler than Python's own is at work, nothing
    changes.

    Parameters
    ----------
    say : told at the first Ctrl-C that the run is about to stop
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._former: Any = None
        self.pending = False

    def __enter__(self) -> Interrupts:
        """Begin to listen."""
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._former = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave Ctrl-C to whom it was before."""
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)
            self._former = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.pending:
            signal.default_int_handler(number, frame)
        self.pending = True
        self._say("Stopping at the next step; Ctrl-C again leaves at once")

    def check(self, _: object = None) -> None:
        """Raise Interrupted if there was a Ctrl-C; an observer of steps."""
        if self.pending:
            raise Interrupted
