"""Run again what a run folder says was run, and say how alike the two are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.networks.calibration import CALIBRATED
from decouple.overrides import escaped
from decouple.record.finished import read_finished
from decouple.record.metrics import CHANGED, changes, roles_of
from decouple.record.seal import DIGESTS
from decouple.record.verification import compare_finished

REPEATED = "verification"
"""Below the run folder: where the repetition lies."""


def verify(run_dir: str, config: DictConfig, run: Callable[[DictConfig], Path | None]) -> str:
    """Repeat a finished run into `<run_dir>/verification-<n>`; returns the grade in one line.

    What the run has left is read and checked before: nothing is repeated if it is damaged, or not
    as the run wrote it.

    Parameters
    ----------
    run_dir : of the run
    config : its configuration, composed anew
    run : carries it out

    Raises
    ------
    RunFolderError : the run has not ended, or a file of it is damaged or cannot be read.
    ConfigError : its files, pictures or network weights are others now; or the results differ.
    """
    folder = Path(run_dir)
    first = read_finished(folder)
    metrics = first.metrics
    others = first.altered()
    if others:
        raise ConfigError(
            f"different: {', '.join(others)} in '{folder}' is not what the run wrote, so nothing "
            "was repeated"
        )
    config.run_dir = escaped(str(_unused(folder)))
    repeated = run(config)
    assert repeated is not None
    second = read_finished(repeated)
    again = second.metrics
    for role in roles_of(again):
        if metrics.get(role, {}).get("digest") != again[role].get("digest"):
            raise ConfigError(f"{role} is not the picture that the run in '{folder}' was made with")
    if _masks(metrics) != _masks(again):
        raise ConfigError(f"the masks are not those that the run in '{folder}' was made with")
    changed = changes(metrics, again)
    networks = [held["network"] for held in (metrics, again)]
    # Calibrated filters are made anew, and are others in the last bits where those depend on it.
    anew = bool(changed) and all(network["weights"] == CALIBRATED for network in networks)
    if len({network["weights_digest"] for network in networks}) > 1 and not anew:
        raise ConfigError(f"the network's weights are not those of the run in '{folder}'")
    verdict = compare_finished(first, second)
    if CHANGED in metrics:
        changed.append(f"on the way {metrics[CHANGED]}")
    if DIGESTS not in metrics:
        changed.append("the run kept no digests by which a change of its files would be noticed")
    setting = "; ".join(changed) or "same versions and setting"
    line = f"{verdict} ({setting}); the repetition is in {repeated}"
    if not verdict.same:
        raise ConfigError(line)
    return line


def _masks(metrics: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What tells the regions of a run: whose they are, and digests; not where files lie."""
    return [
        (
            region.get("source"),
            *((region.get(part) or {}).get("digest") for part in ("of_source", "of_target")),
        )
        for region in metrics.get("regions", ())
    ]


def _unused(folder: Path) -> Path:
    number = 1
    while (folder / f"{REPEATED}-{number}").exists():
        number += 1
    return folder / f"{REPEATED}-{number}"
