"""Where the files lay that a run names, so that it is gone on with and repeated from any folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from glob import iglob
from pathlib import Path
from typing import Any

import yaml

from decouple.documents import read_yaml
from decouple.files import expanded, there
from decouple.record.folder import RunFolder

NAME = "files.yaml"


def write_places(folder: RunFolder, places: Mapping[str, str]) -> None:
    """Keep the absolute path of each setting's file, by the setting's dotted name."""
    if places:
        folder.write_text(NAME, yaml.safe_dump(dict(places), sort_keys=False, allow_unicode=True))


def seen_from_here(config: Mapping[str, Any], run_dir: str | Path) -> dict[str, Any]:
    """A run's settings, with the absolute path for each name that means another file from here.

    A file that is no longer where it lay keeps its name: it may have moved along with the folder.

    Parameters
    ----------
    config : plain containers, as config.yaml has them
    run_dir : the run folder

    Raises
    ------
    RunFolderError : the file that says where they lay is damaged.
    """
    found = deepcopy(dict(config))
    for setting, place in _places(Path(run_dir) / NAME).items():
        *above, last = setting.split(".")
        held: Any = found
        for name in above:
            held = held.get(name) if isinstance(held, dict) else None
        key: Any = int(last) if isinstance(held, list) and last.isdecimal() else last
        if not isinstance(_at(held, key), str):
            continue
        found_there = there(place) or any(iglob(place, recursive=True))  # noqa: PTH207
        if found_there and absolute(held[key]) != place:
            held[key] = place
    return found


def _at(held: Any, key: Any) -> Any:
    """What a mapping or a list has in a place; None where it has none."""
    try:
        return held[key]
    except (KeyError, IndexError, TypeError):
        return None


def absolute(name: str) -> str:
    """The path from the root, symbolic links as they are."""
    return os.path.abspath(expanded(name))  # noqa: PTH100


def _places(path: Path) -> dict[str, str]:
    found = read_yaml(path) if there(path) else None
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
