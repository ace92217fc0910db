"""Features of many pictures, one after the other: what is known of one is written before the next.

Nothing has to come back here, so motions are only as exact as the features are asked to be. How
exact that is depends on filters and pictures: it is found on a few of all pictures before the first
row is made, and looked at again on others at the end. Which channels are left out is decided on the
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
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig

from decouple import files, images
from decouple.analysis.intervals import prediction_limit
from decouple.errors import ConfigError, DecoupleError, FeaturesError, ImageError
from decouple.experiments.feature_table import shard_of
from decouple.features import Features
from decouple.flow_kinds import FLOWS
from decouple.images.listing import ListedPicture
from decouple.images.locating import one_line
from decouple.pipeline.asked import every_picture
from decouple.pipeline.forecast import Forecast, Untold, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.record.feature_rows import DONE, FeatureRow, FeatureRows
from decouple.record.feature_table import (
    ABOUT,
    CSV,
    begin_table,
    read_about,
    write_costs,
    write_table,
)
from decouple.record.parquet import can_write_parquet
from decouple.record.plain import plain
from decouple.record.progress import duration
from decouple.record.seal import digest_of
from decouple.report.feature_table import plot_features
from decouple.stages import DecoupledFeatures, StageError, noisify
from decouple.stages.retrace import relative_distances

# Pictures on which it is found how exact steps must be; of the accuracy asked for, what those of
# one motion are at first, since features of a picture that is half black were off by three times as
# much; by how much more exact at a time, and how often at most.
_TRIED, _AT_FIRST, _FINER, _TIMES = 10, 0.3, 0.4, 4
# Of all other pictures, how many are to be as exact as asked for, and of how many at least it must
# be known how far their errors are apart to tell.
_OF_ALL, _FEWEST = 0.99, 5
# Errors go with what steps are off by: so much of one changes with the next.
_CHANGES = 1.0 - _FINER
# Of how much features changed before, what a picture's change by with finer steps if that tells
# anything: of one that is nearly flat they may depend on the very way.
_SETTLES = 0.7
# What features of pictures that are checked are compared with: motions in steps so much more exact.
_CHECKED = 0.1
# What a picture may be the reason of.
_OF_A_PICTURE = (ImageError, FeaturesError, StageError)
# Pictures on the sheet that shows what was looked at.
_SHOWN = 16


def feature_table(run: Run) -> None:
    """A row for each picture, then the table."""
    config, folder = run.config, run.recorder.folder.path
    every = every_picture(config)
    pictures = _of_shard(config, every)
    run.recorder.keep_checkpoint()  # the run may go on with more pictures
    following = _settled(run, every)
    about = plain(_about(run, following))
    begin_table(folder, about)
    with FeatureRows(
        folder, dict(zip(run.extractor.layers, run.extractor.sizes, strict=True))
    ) as rows:
        _make(run, pictures, rows, following)
        checked = _checked(run, pictures, rows, following * _CHECKED)
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


# How exactly steps are solved.


def _settled(run: Run, every: Sequence[ListedPicture]) -> float:
    """What steps may be off by, of their length, so that features are as exact as asked for.

    Found on pictures from all over the folder, whichever are this run's: shards are parts of one
    table. A run that goes on stays with what it has found.
    """
    asked, motions = float(run.config.table.accuracy), len(run.extractor.layers) - 1
    # What one motion is off by the next one's features are, too.
    following = first = asked * _AT_FIRST / max(motions, 1)
    if not motions or not run.inputs.controls_error:
        return following  # nothing is moved, or in steps that are as they are
    folder = run.recorder.folder.path
    if files.there(folder / ABOUT):
        return float(read_about(folder / CSV).get("following", following))
    some = [every[place] for place in sorted(_middles(len(every)))]
    held, changed = _tried(run, some, following), dict[str, float]()
    for _ in range(_TIMES):
        finer = _tried(run, some, following * _FINER)
        changes = {k: _apart(held[k], finer[k]) for k in held.keys() & finer.keys()}
        settling = [v for k, v in changes.items() if v < _SETTLES * changed.get(k, math.inf)]
        known = settling or list(changes.values())
        most = max(known, default=0.0) if len(some) == len(every) else _nearly_most(known)
        needed = following * _CHANGES * asked / most if most > 0 else first
        if needed >= following * _FINER:
            # Shards that are made on different machines are parts of one table.
            return float(f"{min(needed, first):.2g}")
        held, following, changed = finer, following * _FINER, changes
    run.say(f"table.accuracy={asked:g} may not be met: features still change by {most:.0e}")
    return following


def _middles(count: int) -> set[int]:
    """Places in the middle of as many equal parts as pictures are tried."""
    return {int(count * (part + 0.5) / _TRIED) for part in range(_TRIED)}


def _nearly_most(changes: Sequence[float]) -> float:
    """Below what nearly all pictures stay, of which these are a sample.

    Errors of one folder's pictures differ by a decade or two: their logarithms are taken to be
    normal. The largest of these where they are too few to tell.
    """
    if len(changes) < _FEWEST or min(changes) == 0:
        return max(changes, default=0.0)
    return math.exp(prediction_limit(np.log(changes), _OF_ALL))


def _tried(
    run: Run, pictures: Sequence[ListedPicture], following: float
) -> dict[str, DecoupledFeatures]:
    """{path: features} of the pictures that can be moved in steps solved so exactly."""
    found = {}
    for picture in pictures:
        run.show(f"Finding steps that are exact enough: {picture.path}")
        with suppress(*_OF_A_PICTURE):
            found[picture.path] = _features(run, _loaded(run.config, picture), following)
    return found


def _features(run: Run, pixels: np.ndarray, following: float) -> DecoupledFeatures:
    return noisify(
        pixels,
        run.extractor,
        run.reference,
        flow=run.inputs.flow,
        comes_back=False,
        following=following,
        features_only=True,
        observer=run.interrupts.check,
    ).features


def _apart(held: DecoupledFeatures, exact: DecoupledFeatures) -> float:
    """RMS error of the worst layer, relative to its features."""
    return math.sqrt(max(relative_distances(held, exact).values()))


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
        pixels = _loaded(run.config, picture)
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
    except _OF_A_PICTURE as error:
        return FeatureRow(picture.path, f"cannot be measured: {one_line(str(error))}", digest)
    try:
        decoupled = _features(run, pixels, following)
    except _OF_A_PICTURE as error:
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


def _loaded(config: DictConfig, picture: ListedPicture) -> np.ndarray:
    return images.load(picture.file, config.image.size, config.image.fit).pixels


# How exact they are.


@dataclass(frozen=True)
class _Checked:
    """Errors of features of pictures that were moved once more.

    Attributes
    ----------
    by_path : {path: RMS error of the worst layer, relative to its features}
    failed : paths of pictures that could not be moved so exactly
    """

    by_path: dict[str, float]
    failed: list[str]

    @property
    def largest(self) -> float | None:
        """None where nothing was checked."""
        return max(self.by_path.values(), default=None)


def _checked(
    run: Run, pictures: Sequence[ListedPicture], rows: FeatureRows, following: float
) -> _Checked:
    """Move a few pictures from all over the table once more, in steps solved more exactly."""
    found = _Checked({}, [])
    accuracy, many = run.config.table.accuracy, run.config.table.checked
    able = [p for p in pictures if rows.row(p.path).status == DONE]
    if len(run.extractor.layers) == 1 or not able:
        return found  # nothing was moved
    if not run.inputs.controls_error:
        run.say(
            f"How exact decoupled features are is not known: flow={run.inputs.flow.name} with "
            f"{run.inputs.flow.stepper_name} steps does not control its error"
        )
        return found
    for place in sorted({round(k) for k in np.linspace(0, len(able) - 1, min(many, len(able)))}):
        picture = able[place]
        run.show(f"Checking {picture.path}")
        try:
            exact = _features(run, _loaded(run.config, picture), following)
        except DecoupleError:
            found.failed.append(picture.path)
            continue
        held = rows.row(picture.path).decoupled
        own = DecoupledFeatures({layer: np.array(values) for layer, values in held.items()})
        found.by_path[picture.path] = _apart(own, exact)
    if found.largest is not None:
        met = "within" if found.largest <= accuracy else "more than"
        run.say(
            f"Checked on {len(found.by_path)} pictures: decoupled features are off by at most "
            f"{found.largest:.1e} of their own, {met} table.accuracy={accuracy:g}"
        )
    return found


# What is said of all of them.


def _counted(
    run: Run, pictures: Sequence[ListedPicture], rows: FeatureRows, checked: _Checked
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
            pixels = _loaded(config, picture)
        yield pixels
