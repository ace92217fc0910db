"""Which file a picture's name means, and whether it can be one."""

from __future__ import annotations

import difflib
import importlib.util
import os
import stat
from itertools import islice
from pathlib import Path

from decouple.errors import ConfigError, ImageError, unknown_name
from decouple.files import expanded

SAMPLE_PREFIX = "sample:"
# The TIFF and GIF files beside them are scikit-image's test fixtures, not pictures.
_SAMPLE_SUFFIXES = {".png", ".jpg"}


def sample_names() -> list[str]:
    """Names of the pictures that the installed scikit-image carries in its wheel, sorted."""
    return sorted(sample_files())


def sample_files() -> dict[str, Path]:
    """The pictures of the installed scikit-image by name; none if it is not installed."""
    # The folder is listed rather than `skimage.data` asked: its functions may go to the network,
    # and which pictures the wheel holds differs between versions.
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "data"
    return {file.stem: file for file in folder.glob("*") if file.suffix in _SAMPLE_SUFFIXES}


def located(source: object) -> tuple[Path, str]:
    """The file to open, and the name that messages give it."""
    if isinstance(source, str) and source.startswith(SAMPLE_PREFIX):
        samples = sample_files()
        name = one_line(source[len(SAMPLE_PREFIX) :])
        if name not in samples:
            raise ImageError(unknown_name("sample picture", name, sorted(samples)))
        return samples[name], SAMPLE_PREFIX + name
    if not isinstance(source, (str, bytes, os.PathLike)) or not os.fspath(source):
        raise ConfigError(
            f"{one_line(repr(source))} is no picture; give a file or {SAMPLE_PREFIX}NAME"
        )
    origin = os.fsdecode(source)
    return expanded(origin), origin


def check_file(path: Path, name: str) -> None:
    """Raise ImageError unless `path` is a file with something in it."""
    try:
        status = path.stat()
    except PermissionError as error:
        raise ImageError(f"no permission to look for {name}; check its folder's rights") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"no picture {name}{_missing_hint(path)}") from error
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(f"{name} is a folder; name one picture in it")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{name} is not a plain file; save the picture to one first")
    if status.st_size == 0:
        raise ImageError(f"{name} is empty (0 bytes); copy or download it again")


def _missing_hint(path: Path) -> str:
    if str(path) in sample_files():
        return f"; did you mean '{SAMPLE_PREFIX}{path}'?"
    try:
        # Bounded: a hint is not worth minutes in a folder of a million frames.
        neighbours = [entry.name for entry in islice(path.parent.iterdir(), 10_000)]
    except (OSError, ValueError):
        return f": there is no folder {str(path.parent)!r}"
    nearest = difflib.get_close_matches(path.name, neighbours, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {str(path.with_name(nearest[0]))!r}?"
    return f"; give an existing file, or {SAMPLE_PREFIX}NAME for a bundled picture"


def one_line(message: str) -> str:
    """Return the message with every line break and run of spaces as one space."""
    return " ".join(message.split())
