"""A run folder for one process at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from decouple import files
from decouple.errors import RunFolderError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
# File systems without locks; then two processes are not kept apart.
_WITHOUT = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


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
    if fcntl is None:
        yield
        return
    path = Path(folder) / NAME
    descriptor = _taken(path)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may be gone
            path.unlink()
        os.close(descriptor)


def _taken(path: Path) -> int:
    """The locked file's descriptor."""
    while True:
        with files.disk_errors("use run folder", path.parent):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _WITHOUT:
                return descriptor
            os.close(descriptor)
            raise RunFolderError(
                f"another process is at work in '{path.parent}': wait until it has ended, or stop "
                "it"
            ) from error
        # Who held it before may have removed the file between the two lines above.
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)
