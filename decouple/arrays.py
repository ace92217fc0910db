"""Arrays in .npz files: read whole, so that what a disk or a hand has changed is noticed.

`np.load` stops reading where an array should end, before a zip file's check sum is compared, and
makes room for whatever shape is claimed.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from decouple.errors import DamagedFile
from decouple.files import opened, written_aside

_SUFFIX = ".npy"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], durable: bool = False) -> None:
    """Write an uncompressed .npz file, which appears whole.

    Parameters
    ----------
    path : of the file
    arrays : {name: array} of numbers or text; no name is `file`
    durable : see `files.written_aside`

    Raises
    ------
    RunFolderError : it cannot be written.
    """
    with written_aside(path, durable) as aside, aside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """{name: array} of what `write_arrays` has written; arrays that may be written to.

    Raises
    ------
    DamagedFile : it is no such file, or is not as it was written.
    RunFolderError : it is not there, or cannot be read.
    """
    with opened(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archive.infolist()
                found = {_name(member): _array(archive, member) for member in members}
            if len(found) < len(members):
                raise ValueError("two arrays have one name")
        except Exception as error:  # zipfile and NumPy raise many kinds on damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DamagedFile(f"'{path}' is damaged, or no file of arrays: {reason}") from error
    return found


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, kinds, shapes and values of all arrays, in the order of their names."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        sha.update(repr((name, array.dtype.str, array.shape)).encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def _name(member: zipfile.ZipInfo) -> str:
    if not member.filename.endswith(_SUFFIX) or member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is no array")
    return member.filename.removesuffix(_SUFFIX)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    content = archive.read(member)  # to its end, where the check sum is compared
    stream = io.BytesIO(content)
    shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    held = len(content) - stream.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != held:
        raise ValueError(f"{member.filename} holds {held} bytes for {dtype} of shape {shape}")
    values = np.frombuffer(bytearray(stream.read()), dtype)
    return values.reshape(shape, order="F" if by_columns else "C")
