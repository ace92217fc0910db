"""The most probable labels of a picture: it is looked at, and nothing is moved."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig
from rich.table import Table

from decouple import images
from decouple.devices import described
from decouple.networks.classifier import SIDE, Classifier, Label, classifier, most_probable
from decouple.pipeline.alone import check_unfinished, folder_of
from decouple.pipeline.inputs import origin_of
from decouple.record.folder import RunFolder
from decouple.record.metrics import environment, write_metrics
from decouple.record.progress import Progress
from decouple.report.page import PAGE, write_page


def classify(config: DictConfig) -> Path:
    """Classify `source`; returns the run folder.

    Raises
    ------
    DecoupleError : anything the user can mend; then no folder is made.
    """
    began = time.perf_counter()
    check_unfinished(config)
    progress = Progress()
    picture = images.load(config.source, (SIDE, SIDE), config.image.fit)
    for note in picture.notes:
        progress.say(f"{picture.origin}: {note}")
    chosen = config.network
    network = classifier(chosen.name, chosen.weights, chosen.preprocessing)
    labels = most_probable(network.probabilities(picture.pixels), config.classify.top, progress.say)

    with folder_of(config) as folder:
        _record(folder, config, picture, network, labels, began)
    progress.console.print(_table(labels))
    progress.say(f"report  {folder.path / PAGE}")
    return folder.path


def _record(
    folder: RunFolder,
    config: DictConfig,
    picture: images.LoadedImage,
    network: Classifier,
    labels: list[Label],
    began: float,
) -> None:
    folder.save_image("source", picture.pixels)
    metrics = {
        "experiment": config.experiment,
        "seed": config.seed,
        **environment(described()),
        "seconds": time.perf_counter() - began,
        "source": origin_of(picture),
        "network": _described(network),
        "image": {"height": SIDE, "width": SIDE},
        # Nothing moves.
        "flow": {"name": None},
        "stepper": {"name": None},
        "stages": [],
        "classify": {"labels": [asdict(label) for label in labels]},
    }
    write_metrics(folder, metrics)
    write_page(folder.path)


def _described(network: Classifier) -> dict[str, object]:
    """As VGG was trained."""
    return {
        "name": network.architecture.name,
        "weights": network.origin,
        "weights_digest": network.digest,
        "preprocessing": network.preprocessing.name,
        "activation": "relu",
        "pooling": "max",
        "dtype": "float32",
        "layers": ["predictions"],
    }


def _table(labels: list[Label]) -> Table:
    named = any(label.name for label in labels)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("number", justify="right")
    if named:
        table.add_column("label")
    table.add_column("probability", justify="right")
    for label in labels:
        names = [label.name] if named else []
        table.add_row(str(label.index), *names, f"{100 * label.probability:.2f} %")
    return table
