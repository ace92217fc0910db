"""Standard streams that may be closed, or break, while a run goes on.

Whoever reads them may leave (`| head -1`), the disk behind them may fill up, and they may not be
there at all (`>&-`): a run that takes hours does not end for that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, TypeVar, cast

from decouple.legible import make_legible

Done = TypeVar("Done")


class LastingStream:
    """A text stream that drops what can no longer be written; else the stream itself.

    Attributes
    ----------
    lost : why it could not be written; None as long as it could
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """What is not about writing is the stream's own."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop; the number of characters."""
        return self._tried(lambda: self._stream.write(text), len(text))

    def flush(self) -> None:
        """Bring what was written to whoever reads it, or drop it."""
        self._tried(self._stream.flush, None)

    def _tried(self, do: Callable[[], Done], dropped: Done) -> Done:
        if self.lost is None:
            try:
                return do()
            except OSError as error:
                self.lost = error
                self._lead_nowhere()
        return dropped

    def _lead_nowhere(self) -> None:
        """Let go what the stream still holds, and what compiled code will write to it."""
        with suppress(OSError, ValueError):  # a stream of Python's alone has no descriptor
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def lasting_streams() -> Iterator[tuple[LastingStream, LastingStream]]:
    """While the block lasts, standard output and standard error take every text, come what may."""
    _open_closed_descriptors()
    former = sys.stdout, sys.stderr
    make_legible(former)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        # Python has None for a stream that was closed when it began.
        streams = tuple(LastingStream(nowhere if stream is None else stream) for stream in former)
        sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", streams)
        try:
            yield cast("tuple[LastingStream, LastingStream]", streams)
        finally:
            for stream in streams:
                stream.flush()
            sys.stdout, sys.stderr = former


def _open_closed_descriptors() -> None:
    """Else the next file that is opened would be standard output, and hold what is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
