"""Arrays and what is said of them in one file, of which every bit is known.

An archive is an uncompressed zip of `about.json` and an .npy file for each array, which numpy opens
as well. `about.json` holds the SHA-256 digest of each array's file, and the archive's comment that
of `about.json`: the digest of the whole. A member is read whole and compared before anything is
made of it (numpy alone stops reading where an array ends, before a member's checksum is looked at),
and one that `about.json` does not name is not read at all.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from decouple import files
from decouple.documents import json_of
from decouple.errors import DamagedFile, RunFolderError
from decouple.record.plain import plain

ABOUT = "about.json"
_SUFFIX = ".npy"
# In numpy's letters.
_NUMBERS = "biuf"
# Of about.json, in bytes; a run's settings and traces take some thousands.
_LONGEST = 2**26


@dataclass(frozen=True)
class Archive:
    """What an archive holds.

    Attributes
    ----------
    about : what is said of the arrays; plain values
    arrays : {name: array} of numbers
    digest : SHA-256 of all that, in hexadecimal
    """

    about: dict[str, Any]
    arrays: dict[str, np.ndarray]
    digest: str


def write_archive(
    path: str | Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]
) -> None:
    """Write an archive, which appears whole and is on the disk then.

    Parameters
    ----------
    path : of the file, which is replaced if it is there
    arrays : {name: array} of numbers
    about : plain values; finite numbers

    Raises
    ------
    RunFolderError : the file cannot be written.
    TypeError, ValueError : a value that JSON has no place for, or an array of objects.
    """
    with (
        files.written_aside(path, durable=True) as aside,
        zipfile.ZipFile(aside, "w") as archive,
    ):
        digests = {}
        for name, array in arrays.items():
            data = _npy(array)
            digests[name] = hashlib.sha256(data).hexdigest()
            archive.writestr(name + _SUFFIX, data)
        told = {"about": plain(about), "arrays": digests}
        text = json.dumps(told, allow_nan=False).encode()
        archive.writestr(ABOUT, text)
        archive.comment = hashlib.sha256(text).hexdigest().encode()


def read_archive(path: str | Path, with_arrays: bool = True) -> Archive:
    """Read an archive; arrays come back bit for bit.

    Parameters
    ----------
    path : of the file
    with_arrays : whether they are read, and not only what is said of them

    Raises
    ------
    DamagedFile : it is not what was written, to the bit.
    RunFolderError : it is not there, or cannot be read.
    """
    with _opened(path) as (archive, members):
        return _read(archive, members, with_arrays)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """{name: array} of numbers, of an uncompressed .npz file as numpy writes it.

    Raises
    ------
    DamagedFile : it is none; or a member's checksum is not that of the member.
    RunFolderError : it is not there, or cannot be read.
    """
    arrays = {}
    with _opened(path) as (archive, members):
        for name in members:
            array = _array(archive.read(name))
            if not name.endswith(_SUFFIX) or array.dtype.kind not in _NUMBERS:
                raise ValueError(f"{name!r} holds no numbers")
            arrays[name.removesuffix(_SUFFIX)] = array
    return arrays


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """An uncompressed zip file, and {name: member}; DamagedFile for whatever is wrong with it."""
    path = Path(path)
    try:
        with files.disk_errors("read", path), files.opened_plain(path) as file:
            archive = zipfile.ZipFile(file)
            yield archive, _members(archive, path.stat().st_size)
    except RunFolderError:
        raise
    # zipfile says in a dozen ways that a file is none of its own, struct.error among them.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DamagedFile(f"'{path}' is damaged, or of another version: {reason}") from error


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    members = {member.filename: member for member in archive.infolist()}
    if len(members) != len(archive.infolist()):
        raise ValueError("a member of it is there twice")
    for member in members.values():
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > size:
            raise ValueError(f"{member.filename!r} is no part of it")
    return members


def _read(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], with_arrays: bool
) -> Archive:
    if ABOUT not in members:
        raise ValueError(f"it has no {ABOUT}")
    if members[ABOUT].file_size > _LONGEST:
        raise ValueError(f"its {ABOUT} has {members[ABOUT].file_size} bytes")
    text = archive.read(ABOUT)
    digest = hashlib.sha256(text).hexdigest()
    if archive.comment != digest.encode():
        raise ValueError(f"its {ABOUT} is not what was written")
    told = json_of(text)
    digests = told["arrays"]
    strangers = members.keys() - {ABOUT, *(name + _SUFFIX for name in digests)}
    if strangers:
        raise ValueError(f"nothing of it is called {min(strangers)!r}")
    arrays = {}
    for name, expected in digests.items() if with_arrays else ():
        data = archive.read(name + _SUFFIX)
        if hashlib.sha256(data).hexdigest() != expected:
            raise ValueError(f"{name!r} is not what was written")
        arrays[name] = _array(data)
    return Archive(dict(told["about"]), arrays, digest)


def _npy(array: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.lib.format.write_array(data, np.asanyarray(array), allow_pickle=False)
    return data.getvalue()


def _array(data: bytes) -> np.ndarray:
    """The array of an .npy file, all of which it takes."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):  # the others are for names of fields, and for headers beyond 64 KiB
        raise ValueError(f"an array of version {version}")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    rest = len(data) - stream.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"an array of {shape} {dtype} in {rest} bytes")
    flat = np.frombuffer(data, dtype, offset=stream.tell())
    # Numbers that can be written to, in an order of axes as they had.
    return flat.reshape(shape, order="F" if fortran_order else "C").copy(order="K")
