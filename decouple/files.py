"""Paths, files that appear whole or not at all, and one line for what the disk refuses."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from decouple.errors import DamagedFile, RunFolderError
from decouple.legible import ERRORS

# Of files that are being written, by a process that may be killed meanwhile.
_ASIDE = re.compile(r"\.[0-9a-f]{16}\.part")


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with a leading `~` or `~user` as that home folder, or as it is if there is none."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises without a home)


def is_plain_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file, whose reading ends: no folder, pipe or device."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):  # the latter of a name with a NUL
        return False


def there(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads anywhere; that of a name that no file can have does not."""
    # pathlib raises for names that are too long.
    return os.path.exists(path)  # noqa: PTH110


@contextmanager
def disk_errors(action: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError of the block into one line, as `cannot write 'x': No space left on device`.

    Raises
    ------
    RunFolderError
        naming the file and the system's reason.
    """
    try:
        yield
    except RunFolderError:
        raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise RunFolderError(f"cannot {action} {str(path)!r}: {reason}") from error
    except ValueError as error:
        if _is_name(path):
            raise
        raise RunFolderError(f"cannot {action} {str(path)!r}: no file has such a name") from error


def _is_name(path: str | os.PathLike[str]) -> bool:
    """Whether the system could have a file of that name, as far as its characters go."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def opened_plain(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to be read, if it is a plain one: reading a pipe may wait for ever.

    Raises
    ------
    OSError : it is not there, or cannot be opened.
    DamagedFile : it is no plain file.
    """
    return open(path, "rb", opener=_open_plain)


def _open_plain(path: str, flags: int) -> int:
    number = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # which Windows does not know
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise DamagedFile(f"'{path}' is no plain file")
    return number


@contextmanager
def written_aside(path: str | os.PathLike[str], durable: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    A reader sees the former file or the new one, never a part. When the block fails, the
    temporary file is removed and `path` stays as it was. `durable` waits until the disk has it, so
    that this holds for a loss of power too.

    Raises
    ------
    RunFolderError
        for every OSError, naming the file and the reason.
    """
    path = Path(path)
    # The same folder, because a rename is atomic only within one file system. A short name,
    # because `path.name` may be as long as the file system allows.
    aside = path.with_name(f".{secrets.token_hex(8)}.part")  # see _ASIDE
    try:
        with disk_errors("write", path):
            yield aside
            if durable:
                with aside.open("r+b") as file:  # Windows flushes what may be written only
                    os.fsync(file.fileno())
            os.replace(aside, path)  # noqa: PTH105 (a file is replaced on every platform)
    finally:
        with suppress(OSError):  # the first error is the one that says what happened
            aside.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text so that it appears whole; raises RunFolderError.

    Names that are no UTF-8 are made legible.
    """
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", errors=ERRORS, newline="\n")


def remove_left_aside(folder: str | os.PathLike[str]) -> None:
    """Remove what `written_aside` left in a folder and below it where its process was killed.

    Only for who is alone with the folder: another's file would go while it is written. Files that
    cannot be removed stay.
    """
    for place, _, names in os.walk(folder):
        for name in filter(_ASIDE.fullmatch, names):
            with suppress(OSError):
                Path(place, name).unlink()
