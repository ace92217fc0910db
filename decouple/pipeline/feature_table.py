"""Features of many pictures, one after the other: what is known of one is written before the next.

How exactly motions are solved is found before the first row is made, and how exact features are is
looked at at the end (`pipeline.table_accuracy`). Which channels are left out is decided on the
noise, so that all rows have the same; a picture on which another one cannot be moved is a row that
says so.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from omegaconf import DictConfig

from decouple import images
from decouple.errors import ConfigError, DecoupleError, ImageError
from decouple.experiments.feature_table import shard_of
from decouple.features import Features
from decouple.flow_kinds import FLOWS
from decouple.images.listing import ListedPicture
from decouple.images.locating import one_line
from decouple.pipeline import table_accuracy
from decouple.pipeline.asked import every_picture
from decouple.pipeline.forecast import Forecast, Untold, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.record.feature_rows import DONE, FeatureRow, FeatureRows
from decouple.record.feature_table import (
    CSV,
    begin_table,
    write_costs,
    write_table,
)
from decouple.record.parquet import can_write_parquet
from decouple.record.plain import plain
from decouple.record.progress import duration
from decouple.record.seal import digest_of
from decouple.report.feature_table import plot_features
from decouple.stages import DecoupledFeatures

# Pictures on the sheet that shows what was looked at.
_SHOWN = 16


def feature_table(run: Run) -> None:
    """A row for each picture, then the table."""
    config, folder = run.config, run.recorder.folder.path
    every = every_picture(config)
    pictures = _of_shard(config, every)
    run.recorder.keep_checkpoint()  # the run may go on with more pictures
    following = table_accuracy.settled(run, every)
    about = plain(_about(run, following))
    begin_table(folder, about)
    with FeatureRows(
        folder, dict(zip(run.extractor.layers, run.extractor.sizes, strict=True))
    ) as rows:
        _make(run, pictures, rows, following)
        checked = table_accuracy.checked(run, pictures, rows, following)
        parquet = config.table.format != "csv" and can_write_parquet()
        found = ((rows.row(picture.path), picture.label) for picture in pictures)
        write_table(folder, about, found, parquet)
        write_costs(folder, (rows.row(picture.path) for picture in pictures))
        run.record(**_counted(run, pictures, rows, checked))
    run.save("source", _sheet(config, pictures))
    run.draw(plot_features)


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time."""
    pictures = _of_shard(inputs.config, every_picture(inputs.config))
    count, layers = len(pictures), len(inputs.extractor.layers)
    return of_walks(inputs, lambda depth: {"noisify_source": count if depth < layers else 0})


def _of_shard(config: DictConfig, every: Sequence[ListedPicture]) -> Sequence[ListedPicture]:
    """The pictures that are this run's, of all, sorted by their paths."""
    number, count = shard_of(config.shard)
    if number > len(every):
        raise ConfigError(f"shard={config.shard} has none of {len(every)} pictures")
    return every[number - 1 :: count]


def check_shard(inputs: Inputs) -> None:
    """Raise ConfigError if there are no pictures for this run."""
    _of_shard(inputs.config, every_picture(inputs.config))


def _about(run: Run, following: float) -> dict[str, Any]:
    """Whose features they are, and all else on which a row depends beside its picture."""
    config, flow, extractor = run.config, run.inputs.flow, run.extractor
    channels = run.moves.channels
    height, width = run.inputs.size
    reference, pictures = run.reference, run.inputs.references
    return {
        "features": {**extractor.signature, "family": config.features.name},
        "channels": _numbers(extractor),
        **({} if extractor is channels else {"combined_channels": _numbers(channels)}),
        "image": {"height": height, "width": width, "fit": config.image.fit},
        "noise": {
            **{k: getattr(reference, k) for k in ("kind", "height", "width", "seed", "draws")},
            **({} if pictures is None else {"pictures": pictures.digest}),
        },
        **FLOWS.named(flow.name).describe(flow, config, run.source.shape),
        "accuracy": config.table.accuracy,
        "following": following,
    }


def _numbers(extractor: Features) -> dict[str, np.ndarray]:
    return {layer: np.flatnonzero(alive) for layer, alive in extractor.alive.items()}


# Row by row.


def _make(run: Run, pictures: Sequence[ListedPicture], rows: FeatureRows, following: float) -> None:
    """Add a row for each picture that has none, or was another one then."""
    began, made, failed = time.perf_counter(), 0, 0
    for number, picture in enumerate(pictures, 1):
        run.interrupts.check()
        row = _row(run, picture, rows, following)
        if row is not None:
            rows.add(row)
            made += 1
            if row.status != DONE:
                failed += 1
                run.say(f"{picture.path} {row.status}")
        rate = made / (time.perf_counter() - began)
        left = duration((len(pictures) - number) / rate if rate else None)
        run.show(f"{number} of {len(pictures)} pictures, {rate:.2g} a second, {left} left")
    kept = len(pictures) - made
    run.say(
        f"{made} pictures in {duration(time.perf_counter() - began)}"
        + (f", {kept} were there" if kept else "")
        + (f"; {failed} without all features" if failed else "")
    )


def _row(
    run: Run, picture: ListedPicture, rows: FeatureRows, following: float
) -> FeatureRow | None:
    """What is found of a picture; None where it is known."""
    began, before = time.perf_counter(), run.extractor.passes.count
    try:
        pixels = table_accuracy.loaded(run.config, picture)
    except DecoupleError as error:
        said = one_line(str(error)).replace(repr(os.fspath(picture.file)), "it")
        row = FeatureRow(picture.path, f"cannot be read: {said}")
        return None if picture.path in rows and rows.row(picture.path) == row else row
    digest = images.digest(pixels)
    if rows.digest(picture.path) == digest:
        return None
    decoupled: DecoupledFeatures | None = None
    status = DONE
    try:
        raw = _measured(run, pixels)
    except table_accuracy.OF_A_PICTURE as error:
        return FeatureRow(picture.path, f"cannot be measured: {one_line(str(error))}", digest)
    try:
        decoupled = table_accuracy.features_of(run, pixels, following)
    except table_accuracy.OF_A_PICTURE as error:
        status = f"cannot be moved: {one_line(str(error))}"
    return FeatureRow(
        picture.path,
        status,
        digest,
        time.perf_counter() - began,
        run.extractor.passes.count - before,
        {layer: values.tolist() for layer, values in raw.items()},
        {} if decoupled is None else {k: v.tolist() for k, v in decoupled.values.items()},
    )


def _measured(run: Run, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """{layer: features}; ImageError where they are no numbers."""
    raw = run.extractor.split(run.extractor.measure(pixels.astype(np.float64)))
    if not all(np.isfinite(values).all() for values in raw.values()):
        raise ImageError("its features are not finite")
    return raw


# What is said of all of them.


def _counted(
    run: Run, pictures: Sequence[ListedPicture], rows: FeatureRows, checked: table_accuracy.Checked
) -> dict[str, Any]:
    seconds, failed, digest = 0.0, 0, hashlib.sha256()
    labels: dict[str, int] = {}
    for picture in pictures:
        row = rows.row(picture.path)
        seconds += row.seconds
        failed += row.status != DONE
        digest.update(f"{row.path}\0{row.digest}\0".encode("utf-8", "surrogateescape"))
        if picture.label:
            labels[picture.label] = labels.get(picture.label, 0) + 1
    source = {**run.inputs.origins()["source"], "digest": digest.hexdigest()}
    return {
        "source": source,
        "feature_table": {
            "digest": digest_of(run.recorder.folder.path / CSV),
            "pictures": len(pictures),
            "failed": failed,
            "labels": len(labels),
            "seconds": seconds,
            "accuracy": {
                "asked": run.config.table.accuracy,
                "largest_error": checked.largest,
                "errors": checked.by_path,
                "not_checked": checked.failed,
            },
        },
    }


def _sheet(config: DictConfig, pictures: Sequence[ListedPicture]) -> np.ndarray:
    """The first pictures as they were looked at, side by side; grey where one cannot be read."""
    side = config.image.size
    some = list(_first(config, pictures))
    across = math.ceil(math.sqrt(len(some)))
    down = math.ceil(len(some) / across)
    sheet = np.full((down * side, across * side, 3), 0.5, np.float32)
    for place, pixels in enumerate(some):
        top, left = (side * n for n in divmod(place, across))
        sheet[top : top + side, left : left + side] = pixels
    return sheet


def _first(config: DictConfig, pictures: Sequence[ListedPicture]) -> Iterator[np.ndarray]:
    side = config.image.size
    for picture in pictures[:_SHOWN]:
        pixels = np.full((side, side, 3), 0.5, np.float32)
        with suppress(DecoupleError):
            pixels = table_accuracy.loaded(config, picture)
        yield pixels
