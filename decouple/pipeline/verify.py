"""Run again what a run folder says was run, and say how alike the two are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

from decouple.errors import ConfigError, RunFolderError
from decouple.networks.calibration import CALIBRATED
from decouple.record.metrics import CHANGED, changes, read_metrics
from decouple.record.verification import compare_runs

REPEATED = "verification"
"""Below the run folder: where the repetition lies."""


def verify(run_dir: str, config: DictConfig, run: Callable[[DictConfig], Path | None]) -> str:
    """Repeat a finished run into `<run_dir>/verification-<n>`; returns the grade in one line.

    Parameters
    ----------
    run_dir : of the run
    config : its configuration, composed anew
    run : carries it out

    Raises
    ------
    RunFolderError : the run has not ended.
    ConfigError : its pictures or network weights are others now; or the results differ.
    """
    folder = Path(run_dir)
    metrics = read_metrics(folder)
    if not metrics:
        raise RunFolderError(f"'{folder}' has no metrics.json: it is no finished run")
    config.run_dir = str(_unused(folder))
    repeated = run(config)
    assert repeated is not None
    again = read_metrics(repeated)
    for role in ("source", "target", "start"):
        if (metrics.get(role) or {}).get("digest") != (again.get(role) or {}).get("digest"):
            raise ConfigError(f"{role} is not the picture that the run in '{folder}' was made with")
    changed = changes(metrics, again)
    networks = [held["network"] for held in (metrics, again)]
    # Calibrated filters are made anew, and are others in the last bits where those depend on it.
    anew = bool(changed) and all(network["weights"] == CALIBRATED for network in networks)
    if len({network["weights_digest"] for network in networks}) > 1 and not anew:
        raise ConfigError(f"the network's weights are not those of the run in '{folder}'")
    verdict = compare_runs(folder, repeated)
    if CHANGED in metrics:
        changed.append(f"on the way {metrics[CHANGED]}")
    setting = "; ".join(changed) or "same versions and setting"
    line = f"{verdict} ({setting}); the repetition is in {repeated}"
    if not verdict.same:
        raise ConfigError(line)
    return line


def _unused(folder: Path) -> Path:
    number = 1
    while (folder / f"{REPEATED}-{number}").exists():
        number += 1
    return folder / f"{REPEATED}-{number}"
