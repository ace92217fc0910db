"""A sweep: one run for each cell, wherever Hydra's launcher starts it, and a page on them all.

What became of a cell is told by a file in the sweep's folder, so that it makes no difference
whether it ran in this process, in another, or on another machine that shares the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from decouple import files
from decouple.errors import DecoupleError, FailedRun, RunFolderError
from decouple.execution import carry_out
from decouple.launching import hand_to_hydra
from decouple.overrides import word
from decouple.record.folder import claim_folder, new_folder
from decouple.report.sweep import Failure, write_sweep_page

SWEEPS = Path("runs/sweeps")
# Within the sweep's folder, while it is under way.
_OUTCOMES = "outcomes"


def sweep(words: Sequence[str], configs: Sequence[DictConfig], given: Path | None) -> int:
    """Run every cell, and write a page; a failing cell is reported, and the rest go on.

    Parameters
    ----------
    words : settings, as Hydra is to read them
    configs : of the cells, in Hydra's order, checked
    given : the sweep's folder, which is new or empty; None for a new one in `SWEEPS`

    Returns
    -------
    The exit code: 0 where all went well, 2 where a run failed, 1 where one broke off with an error
    that is no user's.

    Raises
    ------
    RunFolderError : the folder is taken, or cannot be made.
    """
    place = _claimed(given)
    broken = 0
    try:
        hand_to_hydra(["-m", *words, f"hydra.sweep.dir={word(str(place))}"], run_cell)
    except SystemExit as error:  # Hydra has shown the traceback
        broken = int(error.code or 0)
    told = [_outcome(place, number, config) for number, config in enumerate(configs)]
    shutil.rmtree(place / _OUTCOMES, ignore_errors=True)
    failures = sum(isinstance(outcome, Failure) for outcome in told)
    if failures:
        print(f"{failures} of the sweep's runs failed", file=sys.stderr)
    outcomes = [outcome for outcome in told if outcome is not None]
    if outcomes:
        page = write_sweep_page(outcomes, place / "report.html")
        print(f"The sweep's report is {page}", file=sys.stderr)
    return broken or (2 if failures else 0)


def _claimed(given: Path | None) -> Path:
    """The sweep's folder, which no other sweep writes to."""
    if given is None:
        return new_folder(SWEEPS)
    claim_folder(given, "hydra.sweep.dir", _OUTCOMES)
    return given


def run_cell(config: DictConfig) -> None:
    """One cell, in the process that the launcher chose; leaves word of what became of it."""
    hydra = HydraConfig.get()
    if hydra.runtime.choices["hydra/launcher"] != "basic":
        # Live lines of several processes in one terminal would overwrite each other.
        os.environ["TERM"] = "dumb"
    try:
        folder = carry_out(config)
        outcome = {"folder": None if folder is None else str(folder)}
    except DecoupleError as error:
        left = error.folder if isinstance(error, FailedRun) else None
        outcome = {"reason": str(error), "folder": None if left is None else str(left)}
        print(f"error: {error}", file=sys.stderr)
    path = Path(hydra.sweep.dir) / _OUTCOMES / f"{hydra.job.num}.json"
    with suppress(RunFolderError), files.disk_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, json.dumps(outcome))


def _outcome(place: Path, number: int, config: DictConfig) -> Path | Failure | None:
    """What became of a cell: its folder, why it has none, or None where it was only planned."""
    try:
        told = json.loads((place / _OUTCOMES / f"{number}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {"reason": "it broke off before it could say why; what it printed says more"}
    folder = None if told.get("folder") is None else Path(told["folder"])
    if "reason" in told:
        cell = OmegaConf.to_container(config, resolve=True)
        return Failure(cast("dict[str, Any]", cell), told["reason"], folder)
    return folder
