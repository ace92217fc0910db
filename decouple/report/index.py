"""index.html over a folder of runs: each with its result, its numbers, and the way to its page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from decouple import files
from decouple.errors import ConfigError, DecoupleError, RunFolderError
from decouple.overrides import differences, read_config, word
from decouple.record.metrics import read_metrics
from decouple.report import facts
from decouple.report.linked import address_of, measures
from decouple.report.page import PAGE
from decouple.report.template import Embedded, render
from decouple.report.wording import time_of

INDEX = "index.html"
_THUMBNAIL = 320  # pixels, twice what is shown, for finely resolved screens
_OURS = b'<meta name="generator" content="decouple">'
# Where the line that tells one of these pages from a stranger's stands.
_HEAD = 4096


@dataclass(frozen=True)
class _Entry:
    """A run as the page shows it.

    Attributes
    ----------
    name : its folder, relative to the one that the page is of
    began : when, of its config.yaml
    title : its experiment in words
    pictures : names of its source and target
    address : of its own page, or of its folder; empty where it has neither
    picture : its result
    numbers : {title: value}
    differing : settings that differ from the experiment's, as words
    notice : what must be known before all else; empty if nothing
    """

    name: str
    began: datetime
    title: str
    pictures: str = ""
    address: str = ""
    picture: Embedded | None = None
    numbers: dict[str, str] = field(default_factory=dict)
    differing: str = ""
    notice: str = ""

    @property
    def words(self) -> str:
        """In what a reader searches, in small letters."""
        held = (self.name, self.title, self.pictures, self.differing, self.notice)
        return " ".join(held).lower()


def write_index(folder: str | Path) -> tuple[Path, int]:
    """Write `index.html` over all runs below a folder, the latest first.

    Runs that have not ended, and those of which a file is damaged, are shown with a word on that.
    The page is one file; it links to the runs' own pages by relative addresses.

    Parameters
    ----------
    folder : in which runs lie, at any depth

    Returns
    -------
    The file, and how many runs it shows.

    Raises
    ------
    ConfigError : there is no such folder, or no run in it.
    RunFolderError : the page cannot be written, or an index.html of something else is there.
    """
    folder = Path(folder)
    with files.disk_errors("read", folder):
        if not folder.is_dir():
            raise ConfigError(f"index={folder}: there is no such folder")
        found = list(_runs_below(folder))
    if not found:
        raise ConfigError(f"index={folder}: there is no run in it, which has a config.yaml")
    page = folder / INDEX
    _refuse_a_strangers(page)
    entries = sorted((_entry(run, folder) for run in found), key=lambda e: e.began, reverse=True)
    sweeps = {run.parent for run in found if files.there(run.parent / PAGE)} - set(found)
    html = render(
        "index.html.jinja",
        title=f"Runs in {folder.resolve().name}",
        name=str(folder.resolve()),
        entries=entries,
        sweeps=[(_relative(s, folder), address_of(s, page)) for s in sorted(sweeps)],
    )
    files.write_text(page, html)
    return page, len(entries)


def _runs_below(folder: Path) -> Iterator[Path]:
    """Run folders in the order of their names; what lies within one belongs to it."""
    for place, below, names in os.walk(folder):
        if "config.yaml" in names:
            below.clear()
            yield Path(place)
        below[:] = sorted(name for name in below if not name.startswith("."))


def _refuse_a_strangers(page: Path) -> None:
    if not files.there(page):
        return
    with files.disk_errors("read", page), files.opened_plain(page) as file:
        if _OURS not in file.read(_HEAD):
            raise RunFolderError(f"'{page}' is not one of decouple's pages: it is left as it is")


def _entry(run: Path, folder: Path) -> _Entry:
    name = _relative(run, folder)
    # Of the name itself: it may lead nowhere, which reading it finds out.
    began = datetime.fromtimestamp((run / "config.yaml").lstat().st_mtime)
    try:
        config, metrics = read_config(run), read_metrics(run)
        numbers = measures(metrics)
    except DecoupleError as error:
        return _Entry(name, began, "Damaged", notice=" ".join(str(error).split()))
    if metrics.get("seconds") is not None:
        numbers["time"] = time_of(metrics["seconds"])
    result = run / "images" / "result.png"
    return _Entry(
        name,
        began,
        facts.title(metrics, config),
        _pictures(config),
        address_of(run, folder / INDEX, finished=bool(metrics)),
        Embedded.thumbnail(result, _THUMBNAIL),
        numbers,
        _differing(config),
        next(iter(facts.notices(metrics, has_result=True)), ""),
    )


def _pictures(config: dict[str, Any]) -> str:
    """Which pictures it is of."""
    sources = ", ".join(str(name) for name in (config.get("source"), *_list(config)) if name)
    return " → ".join(filter(None, (sources, str(config.get("target") or ""))))


def _list(config: dict[str, Any]) -> list[object]:
    held = config.get("sources")
    return held if isinstance(held, list) else []


def _differing(config: dict[str, object]) -> str:
    """What was told besides the pictures."""
    try:
        told = {change.setting: change.value for change in differences(config)}
    except ConfigError:  # it has others, or lacks some
        return "settings of another version of decouple"
    return " ".join(
        f"{name}={word(value)}"
        for name, value in told.items()
        if name not in ("experiment", "source", "sources", "target", "run_dir")
    )


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else folder.resolve().name
