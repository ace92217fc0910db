"""A run folder for one process at a time."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from decouple import files
from decouple.errors import RunFolderError

NAME = ".lock"
# File systems without locks; then two processes are not kept apart.
_WITHOUT = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
# Seconds, for a second attempt where the holder removes the file just then.
_PATIENCE = 0.2


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Hold a folder while the block lasts; the system lets go of it when this process ends.

    Parameters
    ----------
    folder : which exists; a file `.lock` lies in it meanwhile

    Raises
    ------
    RunFolderError : another process holds it, or the file cannot be made.
    """
    path = Path(folder) / NAME
    lock = FileLock(path, timeout=_PATIENCE)
    _take(lock, path)
    try:
        yield
    finally:
        # While it is held: who waits for it sees that the file is gone, and makes another.
        with suppress(OSError):  # the folder may be gone; Windows removes it when it is let go of
            path.unlink()
        with suppress(OSError):
            lock.release()


def _take(lock: FileLock, path: Path) -> None:
    """Lock the file, where there are locks."""
    with files.disk_errors("use run folder", path.parent):
        try:
            with warnings.catch_warnings():
                # Where the system has no locks, the file's being there stands for one.
                warnings.simplefilter("ignore")
                lock.acquire(poll_interval=_PATIENCE / 4)
        except Timeout as error:
            raise RunFolderError(
                f"another process is at work in '{path.parent}': wait until it has ended, or stop "
                "it"
            ) from error
        except OSError as error:
            if error.errno not in _WITHOUT:
                raise
