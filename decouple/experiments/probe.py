"""Probe: what raw and decoupled features of a table tell of its pictures' labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import Experiment, Fact, register
from decouple.images.locating import SAMPLE_PREFIX
from decouple.parsing import is_whole

TASKS = ("classification", "regression")
CLASSIFIERS = ("auto", "logistic", "lda", "svm", "ridge")
MOST_FOLDS, MOST_REPEATS, MOST_SIZES = 100, 1000, 100


@dataclass
class ProbeConfig:
    """task: classification; regression, of labels that are numbers.

    classifier: `logistic` (regression), `lda` or `svm` (with radial basis functions); `ridge` is
    the one of regression; `auto`, lda and ridge. labels, groups: CSV files with a column path
    and a column label, or group; pictures of a group are never on both sides. beside: tables of
    other features of the same pictures, a folder or a pattern. folds, repeats: of the
    cross-validation. sizes: how many numbers of training pictures the learning curves have.
    """

    task: str = "classification"
    classifier: str = "auto"
    labels: str | None = None
    groups: str | None = None
    beside: str | None = None
    folds: int = 5
    repeats: int = 10
    sizes: int = 8


def classifier_of(config: DictConfig) -> str:
    """`probe.classifier`, or what stands for `auto`."""
    chosen = str(config.probe.classifier)
    if chosen == "auto":
        return "ridge" if config.probe.task == "regression" else "lda"
    return chosen


def check(config: DictConfig) -> None:
    """Refuse what is no table, a classifier of the other task, and numbers out of their range."""
    if find_spec("sklearn") is None:
        raise ConfigError('probe needs scikit-learn: pip install "decouple-features[analysis]"')
    if str(config.source).startswith(SAMPLE_PREFIX):
        raise ConfigError("probe needs source=FOLDER, the run folder of +experiment=features")
    probe = config.probe
    if (probe.task == "regression") != (classifier_of(config) == "ridge"):
        of_task = "ridge" if probe.task == "regression" else "logistic, lda or svm"
        raise ConfigError(
            f"probe.classifier={probe.classifier} has no meaning with probe.task={probe.task}: "
            f"give {of_task}"
        )
    for name, least, most in (
        ("folds", 2, MOST_FOLDS),
        ("repeats", 1, MOST_REPEATS),
        ("sizes", 1, MOST_SIZES),
    ):
        value = probe[name]
        if not is_whole(value) or not least <= value <= most:
            raise ConfigError(f"probe.{name}={value} must be from {least} to {most}")


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """The score of raw features, and by how much each other kind is better or worse."""
    from decouple.report import probe, wording

    own = wording.part(metrics, "probe")
    facts = []
    for row in own.get("rows") or ():
        if row.get("difference") is None:
            facts.append(Fact(f"{own['score']} of {row['features']}", probe.interval(row, "score")))
        else:
            told = probe.interval(row, "difference", signed=True)
            facts.append(Fact(f"{row['features']} − raw", told, probe.verdict(row, own)))
    return facts


PROBE = register(
    Experiment(
        name="probe",
        run="decouple.pipeline.probe:probe",
        variants={"probe": "Probe"},
        takes=("source", "seed", "plan"),
        settings={"probe": ProbeConfig},
        choices={"probe.task": TASKS, "probe.classifier": CLASSIFIERS},
        files={"probe.labels": (), "probe.groups": (), "probe.beside": ()},
        check=check,
        stands_alone=True,
        headline=headline,
    )
)
