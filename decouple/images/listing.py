"""Which pictures a folder, a pattern or a list means, and what they are labelled."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import has_magic, iglob
from itertools import pairwise
from pathlib import Path

from decouple import files
from decouple.errors import ConfigError, DecoupleError, some_of
from decouple.images.locating import SAMPLE_PREFIX, sample_names
from decouple.legible import legible

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Of the files in a folder that are taken for pictures."""


@dataclass(frozen=True)
class ListedPicture:
    """A picture among many.

    Attributes
    ----------
    path : by which a table knows it: below the folder, or before the pattern's first wild card, or
        as the list has it; parts separated by `/`
    file : what `images.load` opens, a path or the name of a sample
    label : as it was given; empty where none was
    """

    path: str
    file: str | Path
    label: str = ""


def listed(source: str, labels: str | None = None, setting: str = "source") -> list[ListedPicture]:
    """The pictures that a name means, sorted by their paths; none of them is opened.

    Parameters
    ----------
    source : a folder, of which the files with one of `SUFFIXES` are taken, and no folders; a
        pattern (`photos/*/*.png`, `photos/**/*.jpg`, `sample:*`); or a CSV file with a column
        `path`, of files as seen from its folder, and perhaps one `label`
    labels : a CSV file with columns `path`, as the table has it, and `label`, of all these pictures
    setting : that names them, in a message

    Raises
    ------
    ConfigError : there are none; two have one path; a list names files that are not there; labels
        are missing, or of other pictures; a file is no such list.
    RunFolderError : a folder or a list cannot be read.
    """
    found = sorted(_found(source, f"{setting}={source}"), key=lambda picture: picture.path)
    for one, other in pairwise(found):
        if one.path == other.path:
            raise ConfigError(f"{setting}={source} names '{one.path}' twice")
    if labels is None:
        return found
    paths = [picture.path for picture in found]
    given = given_for(paths, labels, "table.labels", f"{setting}={source}")
    return [ListedPicture(p.path, p.file, label) for p, label in zip(found, given, strict=True)]


def given_for(
    paths: Sequence[str], name: str, setting: str, whose: str, column: str = "label"
) -> list[str]:
    """What a CSV file says of each of some paths, of which it must have all and no others.

    Parameters
    ----------
    paths : as a table has them
    name, setting : of the file, with columns `path` and `column`
    whose : the paths are, in a message

    Raises
    ------
    ConfigError : it says nothing of one, or names others; or is no such file.
    RunFolderError : it cannot be read.
    """
    given = {_normal(path): word for path, word in _rows(name, setting, column, needed=True)}
    _refuse(f"{setting}={name} has no {column} for", (p for p in paths if p not in given))
    known = set(paths)
    _refuse(f"{setting}={name} names what {whose} has not:", (p for p in given if p not in known))
    return [given[path] for path in paths]


def _found(source: str, told: str) -> list[ListedPicture]:
    if source.startswith(SAMPLE_PREFIX):
        names = [f"{SAMPLE_PREFIX}{name}" for name in sample_names()]
        return _some(told, {n: n for n in names if fnmatchcase(n, source)})
    place = files.expanded(source)
    if os.path.isdir(place):  # noqa: PTH112 (pathlib raises for names that are too long)
        return _some(told, _in_folder(place, told))
    if files.is_plain_file(place):
        if place.suffix.lower() != ".csv":
            raise ConfigError(
                f"{told} is one file: name a folder, a pattern such as '*.png', or a CSV "
                "file with a column path"
            )
        return _in_list(place, told)
    return _some(told, _matches(str(place)))


def _in_folder(folder: Path, told: str) -> dict[str, Path]:
    with files.disk_errors("read", folder):
        entries = sorted(folder.iterdir())
    found = {e.name: e for e in entries if e.suffix.lower() in SUFFIXES and not e.is_dir()}
    if entries and not found and all(entry.is_dir() for entry in entries):
        raise ConfigError(
            f"{told} holds folders only: name the pictures in them by a pattern, {folder}/*/*.png"
        )
    return found


def _matches(pattern: str) -> dict[str, Path]:
    """The files of a pattern, by what follows the part of it that has no wild card."""
    fixed = []
    for part in Path(pattern).parts:
        if has_magic(part):
            break
        fixed.append(part)
    base = Path(*fixed)
    places = (place for place in iglob(pattern, recursive=True) if os.path.isfile(place))  # noqa: PTH113, PTH207
    return {Path(place).relative_to(base).as_posix(): Path(place) for place in places}


def _some(told: str, places: Mapping[str, str] | Mapping[str, Path]) -> list[ListedPicture]:
    if not places:
        raise ConfigError(
            f"{told} has no pictures: name a folder with {', '.join(SUFFIXES)} files, a "
            "pattern such as 'photos/*.png', or a CSV file with a column path"
        )
    return [ListedPicture(legible(path), place) for path, place in places.items()]


def _in_list(place: Path, told: str) -> list[ListedPicture]:
    """The pictures of a CSV file; a file that it names by two words is named twice."""
    found = [
        ListedPicture(legible(_normal(path)), place.parent / path, label)
        for path, label in _rows(str(place), told.partition("=")[0])
    ]
    if not found:
        raise ConfigError(f"{told} lists no pictures")
    missing = (picture.path for picture in found if not files.there(picture.file))
    _refuse(f"{told} names files that are not there:", missing)
    return found


def _rows(
    name: str, setting: str, column: str = "label", needed: bool = False
) -> Iterator[tuple[str, str]]:
    """Path and label, or another column, of each line of a CSV file; empty if it has none."""
    place = files.expanded(name)
    with files.disk_errors("read", place), files.opened_plain(place) as file:
        content = file.read()
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, strict=True)
        columns = reader.fieldnames or []
        lacking = [c for c in ("path", column) if c not in columns and (needed or c == "path")]
        if lacking:
            raise ConfigError(f"{setting}={name} has no column {' and no column '.join(lacking)}")
        seen = set()
        for row in reader:
            path, label = row["path"] or "", row.get(column) or ""
            where = f"{setting}={name}, line {reader.line_num}"
            if not path or "\0" in path:
                raise ConfigError(f"{where}: there is no path")
            if column in columns and not label:
                raise ConfigError(f"{where}: '{path}' has no {column}")
            if _normal(path) in seen:
                raise ConfigError(f"{where}: '{path}' is named twice")
            seen.add(_normal(path))
            yield path, label
    except DecoupleError:
        raise
    except (csv.Error, ValueError) as error:
        raise ConfigError(f"{setting}={name} is no CSV file in UTF-8: {error}") from error


def _normal(path: str) -> str:
    return Path(os.path.normpath(path)).as_posix()


def _refuse(what: str, paths: Iterable[str]) -> None:
    """Raise ConfigError where there are any, with the first of them."""
    some = list(paths)
    if some:
        raise ConfigError(f"{what} {some_of(some)}")
