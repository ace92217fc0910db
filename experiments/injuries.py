"""Injuries to the files that runs read, drawn by chance, and how each of them ends.

What reads a file is called in this process, as the command line calls it before it begins to
compute. `experiments/mutations.py` tries thousands, `tests/test_mutations.py` some hundreds.
"""

from __future__ import annotations

import copy
import json
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from decouple.errors import DecoupleError

# No file of these takes a thousandth of that.
PATIENCE = 20.0
_ODD: list[Any] = [
    *(None, True, -1, 0, 10**400, 1.5, 1e-300, "", "text", "a" * 300, "${oc.env:HOME}", "\0"),
    *([], [[[[]]]], {}, {"a": 1}, {"name": "x"}, "../..", "!!python/name:os.system", "null", "*a"),
]
_ODD_YAML = [
    *("[]", "{}", "null", ".inf", "-1", "true", "1e400", "x", "2024-01-05", "!!python/none x"),
    *("!mine 3", "&a [*a]", '"a\\0b"', "[" * 40, "'", "9" * 5000, "x" * 300, "${seed}", "???"),
]
_ODD_LINES = ["mine: 1", "  mine: 1", "? [a]", "---", "\t- 1"]

Injury = Callable[[bytes, random.Random], bytes]


# What is done to a file.


def of_bytes(content: bytes, rng: random.Random) -> bytes:
    """Content with one injury, whatever it is."""
    return rng.choice((_flipped, _flipped_in_header, _cut, _lengthened, _overwritten))(content, rng)


def _flipped(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 3, 40])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flipped_in_header(content: bytes, rng: random.Random) -> bytes:
    """A bit of the place where an array says what it is."""
    data = bytearray(content)
    begins = [k for k in range(len(data)) if data.startswith(b"\x93NUMPY", k)]
    place = rng.choice(begins or [0]) + rng.randrange(128)
    data[min(place, len(data) - 1)] ^= 1 << rng.randrange(8)
    return bytes(data)


def _cut(content: bytes, rng: random.Random) -> bytes:
    """Without its end, or a piece."""
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + rng.choice([b"", content[end:]])


def _lengthened(content: bytes, rng: random.Random) -> bytes:
    start, more = rng.randrange(len(content)), rng.randbytes(rng.choice([1, 100]))
    return rng.choice([content + more, more + content, content + content[start:]])


def _overwritten(content: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    noise = rng.randbytes(min(64, len(content) - start))
    zeros = content[:start] + bytes(end - start) + content[end:]
    return rng.choice([zeros, content[:start] + noise + content[start + len(noise) :]])


def of_values(tree: Any, rng: random.Random) -> Any:
    """A tree of plain values in which one is another, is missing, or is called otherwise."""
    injured = copy.deepcopy(tree)
    held, key = rng.choice(list(places(injured)))
    kind = rng.randrange(4)
    if kind == 0:
        del held[key]
    elif kind == 1 and isinstance(held, dict):
        held[f"{key}_"] = held.pop(key)
    else:
        held[key] = copy.deepcopy(rng.choice(_ODD))
    return injured


def places(held: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of a tree with each of its keys or indices."""
    pairs = held.items() if isinstance(held, dict) else enumerate(held)
    for key, value in list(pairs):
        yield held, key
        if isinstance(value, dict | list):
            yield from places(value)


def of_json(content: bytes, rng: random.Random) -> bytes:
    """JSON with one injury, to its text or its values."""
    if rng.randrange(2):
        return of_bytes(content, rng)
    return json.dumps(of_values(json.loads(content), rng)).encode()


def of_yaml(content: bytes, rng: random.Random) -> bytes:
    """YAML with one injury, to its text, its lines or its values."""
    kind = rng.randrange(6)
    if kind < 2:
        return of_bytes(content, rng)
    if kind < 4:
        return yaml.safe_dump(of_values(yaml.safe_load(content), rng)).encode()
    lines = content.decode().splitlines()
    line = rng.randrange(len(lines))
    if kind == 4:
        lines[line] = f"{lines[line].partition(':')[0]}: {rng.choice(_ODD_YAML)}"
    else:
        lines.insert(line, rng.choice([*_ODD_LINES, rng.choice(lines)]))
    return "\n".join([*lines, ""]).encode()


# How it ends.


class Ending(Enum):
    """How reading an injured file ends; the latter four are faults."""

    REFUSED = "refused in one line"
    AS_BEFORE = "of no consequence"
    MADE_ANEW = "made anew, with one line"
    REPEATED = "other metrics, which a repetition tells from its own"
    READ = "another file, read as it is"
    TRACEBACK = "traceback"
    WRONG = "silently wrong"
    DESTROYED = "destroyed"
    HUNG = "hung"


FAULTS = (Ending.TRACEBACK, Ending.WRONG, Ending.DESTROYED, Ending.HUNG)


@dataclass(frozen=True)
class Subject:
    """A file that is injured, and what reads it.

    Attributes
    ----------
    name : of the file and what it is read for, in a few words
    folder : where it lies; nothing in it may be changed by reading
    file : its name there
    injured : how it is
    read : what reads it; tells how that ended, or raises DecoupleError
    removed : whether it may be missing as well
    """

    name: str
    folder: Path
    file: str
    injured: Injury
    read: Callable[[], Ending]
    removed: bool = True

    def tried(self, seed: int) -> tuple[Ending, str]:
        """Injure the file, have it read, and put it back; how it ended, and a line about it."""
        path, rng = self.folder / self.file, random.Random(f"{self.name} {seed}")
        kept = path.read_bytes()
        if self.removed and rng.random() < 0.02:
            path.unlink()
        else:
            path.write_bytes(self.injured(kept, rng))
        before = contents(self.folder)
        try:
            ending, line = self._read()
            after = contents(self.folder)
            if ending is Ending.MADE_ANEW:  # it was replaced
                before[path] = after[path]
            if ending not in FAULTS and after != before:
                ending = Ending.DESTROYED
        finally:
            path.write_bytes(kept)
        return ending, line

    def _read(self) -> tuple[Ending, str]:
        try:
            with in_time():
                return self.read(), ""
        except DecoupleError as error:
            line = str(error)
            return (Ending.REFUSED if line and "\n" not in line else Ending.TRACEBACK), line
        except TimeoutError:
            return Ending.HUNG, ""
        except Exception as error:
            return Ending.TRACEBACK, repr(error)


def contents(folder: Path) -> dict[Path, bytes]:
    """{path: what it holds} of all files in a folder and below it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def in_time() -> Iterator[None]:
    """Raise TimeoutError where the block takes longer than `PATIENCE`."""

    def too_late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    former = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
