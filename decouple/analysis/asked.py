"""What is compared on which pictures: a table, its labels, its groups, tables beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from decouple.errors import ConfigError, some_of
from decouple.images.listing import given_for
from decouple.record.feature_tables import FeatureTable, read_table, tables_at


@dataclass(frozen=True, eq=False)
class Asked:
    """N pictures that have all features.

    Attributes
    ----------
    table : of all pictures
    labels : (N,), text of classes or float64
    groups : (N,) text; None where each picture is its own
    raw, decoupled : (N, F)
    beside : {name of a family: (N, F')}
    left_out : pictures that lack features
    """

    table: FeatureTable
    labels: np.ndarray
    groups: np.ndarray | None
    raw: np.ndarray
    decoupled: np.ndarray
    beside: Mapping[str, np.ndarray]
    left_out: int

    @property
    def classes(self) -> bool:
        """Whether labels are classes."""
        return self.labels.dtype.kind != "f"


def asked(source: str, settings: Mapping[str, Any]) -> Asked:
    """What `source=` and `probe.*` name.

    Raises
    ------
    ConfigError : there are no tables, or of different features or pictures; labels or groups are
        missing, no numbers where those are asked for, or too few for the folds.
    RunFolderError : a table is not there, or is damaged.
    """
    table = read_table(*tables_at(source, "source"))
    beside = _beside(table, source, settings["beside"])
    done = table.done.copy()
    for held in beside.values():
        done &= np.isfinite(held).all(1)
    if not done.any():
        raise ConfigError(f"source={source} has no picture with all features")
    words = _labels(table, source, settings["labels"])
    groups = None
    if settings["groups"] is not None:
        whose = f"source={source}"
        groups = given_for(table.paths, settings["groups"], "probe.groups", whose, "group")
    kept = np.flatnonzero(done)
    labels = [words[place] for place in kept.tolist()]
    found = Asked(
        table=table,
        labels=np.array(labels) if settings["task"] == "classification" else _numbers(labels),
        groups=None if groups is None else np.array(groups)[kept],
        raw=np.concatenate(list(table.raw.values()), axis=1)[kept],
        decoupled=np.concatenate(list(table.decoupled.values()), axis=1)[kept],
        beside={name: held[kept] for name, held in beside.items()},
        left_out=len(table.paths) - len(kept),
    )
    _check_enough(found, settings["folds"])
    return found


def _labels(table: FeatureTable, source: str, given: str | None) -> Sequence[str]:
    if given is not None:
        return given_for(table.paths, given, "probe.labels", f"source={source}")
    if table.labels is None:
        raise ConfigError(
            f"the table in source={source} has no labels: give probe.labels=FILE, a CSV file with "
            "columns path and label"
        )
    lacking = [path for path, label in zip(table.paths, table.labels, strict=True) if not label]
    if lacking:
        raise ConfigError(f"the table in source={source} has no label for {some_of(lacking)}")
    return table.labels


def _numbers(labels: Sequence[str]) -> np.ndarray:
    """Labels as float64; ConfigError where one is no number."""
    numbers = []
    for label in labels:
        try:
            numbers.append(float(label))
        except ValueError:
            numbers.append(np.nan)
    held = np.array(numbers)
    if not np.isfinite(held).all():
        strange = [
            label for label, number in zip(labels, held, strict=True) if not np.isfinite(number)
        ]
        raise ConfigError(
            f"probe.task=regression needs labels that are numbers, not {some_of(strange)}"
        )
    if np.ptp(held) == 0:
        raise ConfigError(f"all labels are {labels[0]}: there is nothing to tell apart")
    return held


def _beside(table: FeatureTable, source: str, name: str | None) -> dict[str, np.ndarray]:
    """{family: (pictures, features)} of other tables, those of a family put together."""
    found: dict[str, list[np.ndarray]] = {}
    for place in [] if name is None else tables_at(name, "probe.beside"):
        other = read_table(place)
        if other.paths != table.paths:
            strange = sorted(set(other.paths) ^ set(table.paths))
            raise ConfigError(
                f"probe.beside: '{place}' is of other pictures than source={source}: "
                f"{some_of(strange)}"
            )
        for mine, theirs, path in zip(table.digests, other.digests, table.paths, strict=True):
            if mine != theirs and other.about["image"] == table.about["image"]:
                raise ConfigError(f"probe.beside: '{place}' is of another picture '{path}'")
        family = str(other.about["features"].get("family"))
        found.setdefault(family, []).extend(other.raw.values())
    return {family: np.concatenate(held, axis=1) for family, held in found.items()}


def _check_enough(found: Asked, folds: int) -> None:
    """Raise ConfigError where folds would lack pictures."""
    if not found.classes:
        enough = len(found.labels) >= 2 * folds
        if not enough or (found.groups is not None and len(set(found.groups)) < folds):
            what = "groups" if enough else "pictures"
            raise ConfigError(f"there are too few {what} for probe.folds={folds}")
        return
    counts = Counter(found.labels.tolist())
    if len(counts) == 1:
        raise ConfigError(f"all labels are {next(iter(counts))}: there is nothing to tell apart")
    what = "pictures"
    if found.groups is not None:
        what = "groups"
        counts = Counter(label for label, _ in set(zip(found.labels, found.groups, strict=True)))
    few = {str(label): count for label, count in sorted(counts.items()) if count < folds}
    if few:
        least = min(few.values())
        hint = "; labels that are numbers: probe.task=regression" if least == 1 else ""
        raise ConfigError(
            f"probe.folds={folds} needs as many {what} of each label, and {some_of(list(few))} "
            f"ha{'s' if len(few) == 1 else 've'} {least}{hint}"
        )
