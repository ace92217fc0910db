"""What features of a table tell of labels: no picture is looked at, and no network is loaded."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from decouple.analysis.asked import Asked, asked
from decouple.analysis.intervals import LEVEL, corrected
from decouple.analysis.kinds import Kind, kinds_of
from decouple.analysis.scores import Scores, chance, scored
from decouple.analysis.splits import Split, sizes, splits
from decouple.devices import described
from decouple.errors import RunFolderError
from decouple.experiments.probe import classifier_of, headline
from decouple.known_weights import recognised
from decouple.parsing import options_of
from decouple.pipeline.alone import check_unfinished, folder_of
from decouple.record.feature_tables import tables_at
from decouple.record.folder import RunFolder
from decouple.record.metrics import environment, read_metrics, write_metrics
from decouple.record.progress import Progress
from decouple.report.page import PAGE, write_page
from decouple.report.probe import plot_confusion, plot_learning, plot_predicted
from decouple.report.wording import part
from decouple.versions import version


def probe(config: DictConfig) -> Path | None:
    """Train and test on `source`; returns the run folder, or None where it was only planned.

    Raises
    ------
    DecoupleError : anything the user can mend; then no folder is made.
    Interrupted : by a Ctrl-C.
    """
    began, progress = time.perf_counter(), Progress()
    check_unfinished(config)
    settings = options_of(config.probe)
    found = asked(config.source, settings)
    kinds = kinds_of(found.raw, found.decoupled, dict(found.beside))
    made = splits(
        found.labels,
        settings["folds"],
        settings["repeats"],
        config.seed,
        found.groups,
        found.classes,
    )
    steps = sizes(made, found.labels, settings["sizes"], found.classes)
    progress.say(_sentence(config, found, kinds, made, steps))
    if config.plan:
        return None
    with folder_of(config) as folder, progress:
        done = scored(
            kinds,
            found.labels,
            made,
            steps,
            classifier_of(config),
            config.seed,
            found.groups,
            progress.show,
        )
        _record(folder, config, found, kinds, made, done, began)
    progress.say(*_told(folder), f"report  {folder.path / PAGE}")
    return folder.path


def _sentence(
    config: DictConfig, found: Asked, kinds: list[Kind], made: list[Split], steps: list[int]
) -> str:
    """What is compared, in a line."""
    labels = f"{len(set(found.labels))} classes" if found.classes else "labels that are numbers"
    left_out = f" ({found.left_out} lack features)" if found.left_out else ""
    named = ", ".join(f"{kind.name} ({kind.dimensions})" for kind in kinds)
    return (
        f"{len(found.labels)} pictures{left_out} with {labels}: {named} by "
        f"{classifier_of(config)}, {len(made)} splits, {steps[0]} to {steps[-1]} training "
        f"pictures: {len(kinds) * len(made) * len(steps)} times trained and tested"
    )


def _record(
    folder: RunFolder,
    config: DictConfig,
    found: Asked,
    kinds: list[Kind],
    made: list[Split],
    done: Scores,
    began: float,
) -> None:
    """Write all but the settings; with the page the run is done."""
    folder.save_arrays({f"scores/{name}": held for name, held in done.by_kind.items()})
    about, own = found.table.about, environment(described())
    own["versions"]["scikit-learn"] = version("scikit-learn")
    metrics = {
        "experiment": config.experiment,
        "seed": config.seed,
        **own,
        "seconds": time.perf_counter() - began,
        "source": {"origin": config.source, "digest": _digest(found)},
        "network": _network(about, config.source),
        "features": {"name": about["features"].get("family")},
        "image": {side: about["image"][side] for side in ("height", "width")},
        "flow": about["flow"],
        "stepper": about.get("stepper") or {"name": None},
        "stages": [],
        "probe": _result(config, found, kinds, made, done),
    }
    write_metrics(folder, metrics)
    for plot in (plot_learning, plot_confusion, plot_predicted):
        plot(folder.path)
    write_page(folder.path)


def _digest(found: Asked) -> str:
    """Of all that the scores depend on, beside the settings."""
    digest = hashlib.sha256()
    for held in (found.raw, found.decoupled, *found.beside.values()):
        digest.update(np.ascontiguousarray(held).data)
    for words in (found.labels, found.groups):
        digest.update("\0".join(map(str, [] if words is None else words)).encode())
    return digest.hexdigest()


def _network(about: Mapping[str, Any], source: str) -> dict[str, Any]:
    """What the table says of the network whose features it holds."""
    features = about["features"]
    digest = features.get("weights")
    return {
        "name": features.get("network") or features.get("family"),
        "weights": None if digest is None else _name_of(digest, source),
        "weights_digest": digest,
        "width": _number(features.get("width")),
        **{k: features.get(k) for k in ("preprocessing", "activation", "pooling")},
        "layers": list(about["channels"]),
    }


def _name_of(digest: str, source: str) -> str:
    """The weights' name as the run has it that made the table; else as far as it is known."""
    first, *_ = tables_at(source, "source")
    try:
        network = part(read_metrics(first.parent), "network")
    except RunFolderError:  # a name is worth no refusal
        network = {}
    if network.get("weights_digest") == digest and network.get("weights"):
        return str(network["weights"])
    return recognised(digest) or f"{digest[:8]}…"


def _number(told: object) -> float | None:
    """Of what a table says in words."""
    try:
        return float(str(told))
    except ValueError:
        return None


def _result(
    config: DictConfig, found: Asked, kinds: list[Kind], made: list[Split], done: Scores
) -> dict[str, Any]:
    trained = float(np.mean([len(split.train) for split in made]))
    tested = float(np.mean([len(split.test) for split in made]))
    ratio = tested / trained
    raw = done.by_kind["raw"]
    rows = []
    for kind in kinds:
        own = done.by_kind[kind.name]
        row = {
            "features": kind.name,
            "dimensions": kind.dimensions,
            **_interval("score", own[-1], ratio),
        }
        if kind.name != "raw":
            row |= _interval("difference", own[-1] - raw[-1], ratio)
        rows.append(row)
    return {
        "task": config.probe.task,
        "classifier": classifier_of(config),
        "score": "accuracy" if found.classes else "mean squared error",
        "pictures": len(found.labels),
        "left_out": found.left_out,
        "labels": _counts(found.labels) if found.classes else None,
        "groups": None if found.groups is None else len(set(found.groups)),
        "folds": config.probe.folds,
        "repeats": config.probe.repeats,
        "trained": trained,
        "tested": tested,
        "level": LEVEL,
        "chance": chance(found.labels),
        "unfinished_fits": done.unfinished,
        "rows": rows,
        "learning": {"sizes": done.sizes, **_learning(done, made)},
        **_predictions(found, made, done),
    }


def _interval(name: str, values: np.ndarray, ratio: float) -> dict[str, float]:
    if len(values) < 2:
        return {name: float(values[0])}
    found = corrected(values, ratio)
    told = {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return told if name == "score" else {**told, f"{name}_p": found.p}


def _learning(done: Scores, made: list[Split]) -> dict[str, Any]:
    """Mean scores by size, and their differences to raw features with intervals."""
    tested = float(np.mean([len(split.test) for split in made]))
    told: dict[str, Any] = {"rows": []}
    for place, size in enumerate(done.sizes):
        for name, held in done.by_kind.items():
            row: dict[str, Any] = {"features": name, "trained": size}
            row |= _interval("score", held[place], tested / size)
            if name != "raw":
                row |= _interval(
                    "difference", held[place] - done.by_kind["raw"][place], tested / size
                )
            told["rows"].append(row)
    return told


def _counts(labels: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(labels, return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _predictions(found: Asked, made: list[Split], done: Scores) -> dict[str, Any]:
    """Of classes how often each was taken for which; of numbers the mean predicted of each."""
    if not found.classes:
        told = {}
        for name, held in done.predicted.items():
            total, times = np.zeros(len(found.labels)), np.zeros(len(found.labels))
            for split, values in zip(made, held, strict=True):
                total[split.test] += values
                times[split.test] += 1
            told[name] = (total / times).tolist()
        return {"predicted": {"true": found.labels.tolist(), **told}}
    names = np.unique(found.labels)
    confusion = {}
    for name, held in done.predicted.items():
        counts = np.zeros((len(names), len(names)), int)
        for split, words in zip(made, held, strict=True):
            places = [np.searchsorted(names, w) for w in (found.labels[split.test], words)]
            np.add.at(counts, tuple(places), 1)
        confusion[name] = counts.tolist()
    return {"confusion": {"true_by_predicted": confusion}}


def _told(folder: RunFolder) -> list[str]:
    """The headline, a line for each number."""
    return [
        " ".join(filter(None, (f"{fact.label}:", fact.value, fact.note and f"({fact.note})")))
        for fact in headline(read_metrics(folder.path))
    ]
