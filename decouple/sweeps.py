"""A sweep: one run for each cell, wherever Hydra's launcher starts it, and a page on them all.

What became of a cell is told by a file in the sweep's folder, so that it makes no difference
whether it ran in this process, in another, or on another machine that shares the disk. While cells
are left the files stay: the same sweep into the same folder goes on with them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from decouple import files
from decouple.errors import ConfigError, DecoupleError, FailedRun, RunFolderError
from decouple.execution import carry_out
from decouple.launching import hand_to_hydra, raising_errors
from decouple.legible import printable
from decouple.overrides import command, read_config, same_run, word
from decouple.record.checkpoint import NAME as CHECKPOINT
from decouple.record.folder import claim_folder, new_folder
from decouple.record.interrupts import Interrupted
from decouple.record.lock import locked
from decouple.report.page import PAGE, has_last_page
from decouple.report.sweep import Ended, Failure, write_sweep_page
from decouple.streams import lasting_streams

SWEEPS = Path("runs/sweeps")
RUNS = Path("runs")
# Within the sweep's folder, while it is under way: what its cells are, and what became of each.
_OUTCOMES = "outcomes"
_CELLS = "cells.json"
_SETTING = "hydra.sweep.dir"


def sweep(words: Sequence[str], configs: Sequence[DictConfig], given: Path | None) -> int:
    """Run every cell, and write a page; a failing cell is reported, and the rest go on.

    Parameters
    ----------
    words : settings, as Hydra is to read them
    configs : of the cells, in Hydra's order, checked
    given : the sweep's folder, which is new or empty, or that of the same sweep, which did not
        come to its end; None for a new one in `SWEEPS`

    Returns
    -------
    The exit code: 0 where all went well, 2 where a run failed or did not end, 1 where one broke off
    with an error that is no user's.

    Raises
    ------
    RunFolderError : the folder is taken, or cannot be made.
    ConfigError : the launcher has no such setting.
    Interrupted : by a Ctrl-C; its message says how to go on.
    """
    cells = [_plain(config) for config in configs]
    place = _claimed(given, cells)
    with locked(place):
        stopped = _launched(words, place)
        told = [_Outcome.of(place, number, cell) for number, cell in enumerate(cells)]
        if not isinstance(stopped, ConfigError) or any(outcome.begun for outcome in told):
            return _closed(place, words, told, stopped)
    shutil.rmtree(place / _OUTCOMES)
    if given is None:
        place.rmdir()
    raise stopped


def _closed(
    place: Path, words: Sequence[str], told: Sequence[_Outcome], stopped: BaseException | None
) -> int:
    """Say what became of the cells, and write the page; see `sweep`."""
    go_on = None
    if all(outcome.ended for outcome in told):
        shutil.rmtree(place / _OUTCOMES, ignore_errors=True)
    else:
        others = (typed for typed in words if not typed.startswith(f"{_SETTING}="))
        go_on = command("-m", *others, f"{_SETTING}={word(str(place))}")
    _say(told, stopped, go_on)
    shown = [outcome.shown for outcome in told if outcome.shown is not None]
    if shown:
        page = write_sweep_page(shown, place / PAGE, go_on)
        print(printable(f"The sweep's report is {page}"), file=sys.stderr)
    if isinstance(stopped, KeyboardInterrupt):
        raise Interrupted(*([] if go_on is None else [f"go on with: {go_on}"]))
    if any(outcome.defect for outcome in told):
        return 1
    failed = any(isinstance(each, Failure) for each in shown)
    return 2 if failed or stopped is not None else 0


def _say(told: Sequence[_Outcome], stopped: BaseException | None, go_on: str | None) -> None:
    """What did not go well, in a line each."""
    if isinstance(stopped, Exception):
        reason = (str(stopped).splitlines() or [""])[0] or type(stopped).__name__
        print(printable(f"error: the launcher gave up: {reason}"), file=sys.stderr)
    failed = sum(outcome.ended and isinstance(outcome.shown, Failure) for outcome in told)
    if failed:
        print(f"{failed} of the sweep's runs failed", file=sys.stderr)
    left = sum(not outcome.ended for outcome in told)
    if left:
        # To whoever interrupted it, that is said last.
        hint = "" if isinstance(stopped, KeyboardInterrupt) else f": go on with: {go_on}"
        print(printable(f"{left} of the sweep's runs did not end{hint}"), file=sys.stderr)


def _claimed(given: Path | None, cells: Sequence[Mapping[str, Any]]) -> Path:
    """The sweep's folder, which no other sweep writes to."""
    told = json.dumps(cells, sort_keys=True, default=str)
    if given is not None and _held(given / _OUTCOMES / _CELLS) == told:
        return given
    if given is None:
        place = new_folder(SWEEPS)
        with files.disk_errors("make", place):
            (place / _OUTCOMES).mkdir()
    else:
        place = given
        claim_folder(place, _SETTING, _OUTCOMES)
    files.write_text(place / _OUTCOMES / _CELLS, told)
    return place


def _held(path: Path) -> str | None:
    with suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8")
    return None


def _launched(words: Sequence[str], place: Path) -> BaseException | None:
    """Let Hydra start the cells; what kept it from bringing all of them to an end, if anything."""
    try:
        with raising_errors():
            hand_to_hydra(["-m", *words, f"{_SETTING}={word(str(place))}"], run_cell)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        return error
    return None


# One cell, in whichever process.


def run_cell(config: DictConfig) -> None:
    """One cell, in the process that the launcher chose; leaves word of what became of it."""
    hydra = HydraConfig.get()
    if hydra.runtime.choices["hydra/launcher"] != "basic":
        # Live lines of several processes in one terminal would overwrite each other.
        os.environ["TERM"] = "dumb"
    place = Path(hydra.sweep.dir)
    path = _path(place, hydra.job.num)
    with lasting_streams():
        if _has_finished(path):  # before the sweep was cut
            return
        _leave(path, {"unfinished": True})
        left = _cut_run(place, config)
        if left is not None:
            config.resume = str(left)
        _leave(path, _carried_out(config))


def _carried_out(config: DictConfig) -> dict[str, Any]:
    """What became of a cell, in plain values."""
    try:
        folder = carry_out(config)
    except DecoupleError as error:
        print("error:", printable(str(error)), file=sys.stderr)
        left = error.folder if isinstance(error, FailedRun) else None
        return {"reason": str(error), "folder": None if left is None else str(left)}
    except Exception as error:
        traceback.print_exc()
        reason = f"it broke off with {type(error).__name__}; what it printed says more"
        return {"reason": reason, "defect": True}
    return {"folder": None if folder is None else str(folder)}


def _path(place: Path, number: int) -> Path:
    return place / _OUTCOMES / f"{number}.json"


def _leave(path: Path, word_of_it: Mapping[str, Any]) -> None:
    with suppress(RunFolderError), files.disk_errors("write", path):
        files.write_text(path, json.dumps(word_of_it))


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(ValueError):
        found = json.loads(_held(path) or "null")
        return found if isinstance(found, dict) else None
    return None


def _has_finished(path: Path) -> bool:
    told = _read(path)
    return told is not None and "folder" in told and "reason" not in told


def _cut_run(place: Path, config: DictConfig | Mapping[str, Any]) -> Path | None:
    """The folder of a cell's run that began within this sweep, and can be gone on with."""
    cell = _plain(config)
    named = cell["run_dir"]
    folders = [Path(named)] if named is not None else (RUNS / cell["experiment"]).glob("*")
    with suppress(OSError):
        begun = (place / _OUTCOMES / _CELLS).stat().st_mtime
        for folder in sorted(folders, reverse=True):
            if has_last_page(folder) or not (folder / CHECKPOINT).exists():
                continue
            recent = (folder / CHECKPOINT).stat().st_mtime >= begun
            if recent and same_run(read_config(folder), cell):
                return folder
    return None


def _plain(config: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(config, DictConfig):
        config = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return dict(config)


# What became of it.


@dataclass(frozen=True)
class _Outcome:
    """What became of a cell.

    Attributes
    ----------
    shown : on the page, its folder, or how it failed; None where it was only planned
    begun, ended : whether it was begun, and came to an end, good or bad
    defect : whether it broke off with an error that is no user's
    """

    shown: Path | Failure | None
    begun: bool = True
    ended: bool = True
    defect: bool = False

    @classmethod
    def of(cls, place: Path, number: int, cell: Mapping[str, Any]) -> _Outcome:
        told = _read(_path(place, number))
        if told is None:
            reason = "the sweep ended before its turn"
            return cls(Failure(cell, reason, None, Ended.NOT_RUN), begun=False, ended=False)
        if told.get("unfinished"):
            reason = "it broke off before it could say why; what it printed says more"
            return cls(Failure(cell, reason, _cut_run(place, cell), Ended.CUT), ended=False)
        folder = None if told.get("folder") is None else Path(told["folder"])
        if "reason" in told:
            failure = Failure(cell, told["reason"], folder)
            return cls(failure, defect=bool(told.get("defect")))
        return cls(folder)
