"""Metamers: images with the features of the source, as different from it as can be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError

from decouple import images
from decouple.experiments.metamers import SOURCE, idle
from decouple.features.likeness import Likeness, likeness, of_unrelated
from decouple.flows.level_set import LevelSetWalk
from decouple.flows.matching import Matching, passes_of_metric
from decouple.flows.newton import Newton
from decouple.flows.optimizers import Lbfgs
from decouple.flows.preconditioner import Factor
from decouple.images.locating import SAMPLE_PREFIX
from decouple.judges import finite, structure
from decouple.parsing import options_of
from decouple.pipeline.forecast import Forecast, of_passes
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.record.table import write_table
from decouple.report.pairs import plot_pairs
from decouple.report.textures import plot_crops
from decouple.stages import Metamer, StageError, metamer, metamer_from_noise
from decouple.stages.metamers import check_freedom, factor_at, metric_for

# Of which no two are related; as many of them as the installed scikit-image has.
UNRELATED = (
    *("astronaut", "brick", "chelsea", "coffee", "grass", "gravel", "hubble_deep_field"),
    *("motorcycle_left", "rocket"),
)
READING = (
    "Relative MSE of a layer: mean square of the difference of its features from the source's, in "
    "units of the mean square of the source's own. SNR: −10 log10 of that of the layer that is "
    "farthest off; Spearman: rank correlation over the features of a layer, of the layer where it "
    "is least. RMS and SSIM: of the image against the source; nearest RMS: against the other image "
    "that is nearest. Reference rows: of all pairs of unrelated pictures the one whose features "
    "are nearest to each other, column by column, and their median."
)
# Behind the name of a seed's other image.
_OPPOSITE = "_opposite"
# Of a step, with three layers: its direction, and the way back to the features.
_PASSES = 50
# Of an iteration from noise: image to features and back; line searches add a twentieth.
_PASSES_OF_ITERATION = 2


def metamers(run: Run) -> None:
    """An image for each seed; then a table, and how far they are from each other."""
    config = run.config
    asked = options_of(config.metamers)
    walks = asked["start"] == SOURCE
    both = (False, True) if asked["pairs"] and walks else (False,)
    unused = {name.rpartition(".")[2] for name in idle(config)}
    if walks:
        unused |= {"start", "pairs"}  # which are told by what is made
    asked = {name: value for name, value in asked.items() if name not in unused}
    run.record(
        flow={"name": (LevelSetWalk if walks else Matching).name, **asked},
        stepper={"name": (Newton if walks else Lbfgs).name},
    )
    make: Callable[..., Metamer] = metamer if walks else metamer_from_noise
    if walks:
        nearby = factor_at(run.source, run.extractor)
    else:
        nearby = metric_for(run.source, run.extractor, run.reference)
    with suppress(LinAlgError):  # of which the first image will have something to say
        nearby()  # before it, so that what an image takes does not depend on which comes first
    made = {}
    seeds = range(config.seed, config.seed + config.count)
    for seed, opposite in itertools.product(seeds, both):
        name = f"seed_{seed}{_OPPOSITE if opposite else ''}"
        run.progress.finish()
        run.say(f"seed {seed}{', the opposite' if opposite else ''}:")
        own = {**asked, "opposite": opposite} if walks else asked
        made[name] = _made(run, make, seed, nearby, own)
        run.save(f"result_{name}", made[name].image)
        run.recorder.keep_array(name, made[name].image)
    run.progress.finish()
    run.save("result", next(iter(made.values())).image)
    run.say("Measuring all images")
    _measure(run, made)
    run.draw(plot_crops, plot_pairs)


def check_inputs(inputs: Inputs) -> None:
    """Refuse a source that its features leave no freedom; raises ImageError."""
    check_freedom(inputs.source, inputs.extractor)


def forecast(inputs: Inputs) -> Forecast:
    """Passes and time, at most: a walk, or a descent, mostly ends before its last step."""
    own, count = inputs.config.metamers, inputs.config.count
    if own.start == SOURCE:
        passes = count * (2 if own.pairs else 1) * own.steps * _PASSES
    else:
        anew = passes_of_metric(inputs.source, inputs.extractor)
        passes = count * (own.iterations * _PASSES_OF_ITERATION + anew)
    return of_passes(inputs, inputs.extractor.size + passes, bound=True)


def _made(
    run: Run,
    make: Callable[..., Metamer],
    seed: int,
    nearby: Callable[[], Factor],
    asked: Mapping[str, Any],
) -> Metamer:
    """One of them, with its row; also where it got stuck, which raises StageError."""
    try:
        done = make(
            run.source,
            run.extractor,
            seed,
            nearby=nearby,
            observer=run.observer,
            move=run.move,
            **asked,
        )
    except StageError as error:
        run.recorder.add_stages(error.partial.trace)
        raise
    run.recorder.add_stages(done.trace)
    return done


def _measure(run: Run, made: Mapping[str, Metamer]) -> None:
    """A row for each image and two for unrelated pictures; distances of all from all."""
    extractor, source = run.extractor, run.source.astype(np.float64)
    wanted = extractor.measure(source)
    null = of_unrelated(extractor, _unrelated(source.shape[:2]))
    shown = {"source": source, **{name: one.image for name, one in made.items()}}
    found = [likeness(extractor, extractor.measure(one.image), wanted) for one in made.values()]
    apart = {kind: _matrix(list(shown.values()), kind) for kind in ("rms", "ssim")}
    rows = [
        {
            "method": name,
            **_told(of),
            "rms": float(apart["rms"][place, 0]),
            "nearest_rms": finite(_nearest(apart["rms"], place)),
            "ssim": finite(apart["ssim"][place, 0]),
            "passes": one.trace.passes,
            "seconds": one.trace.seconds,
        }
        for place, ((name, one), of) in enumerate(zip(made.items(), found, strict=True), start=1)
    ]
    rows += _null_rows(null)
    pairs = np.triu_indices(len(made), 1)
    run.record(
        judges={"rows": rows, "reading": READING},
        metamers={
            "largest_relative_mse": max(max(of.relative_mse.values()) for of in found),
            "least_spearman": min(of.least_spearman for of in found),
            "of_unrelated": {
                "pairs": len(null),
                "largest_snr_db": max(of.snr_db for of in null),
                "largest_spearman": max(of.least_spearman for of in null),
            },
            "between_images": {
                kind: float(np.mean(matrix[1:, 1:][pairs])) if len(made) > 1 else None
                for kind, matrix in apart.items()
            },
            "of_pairs": {k: _between_pairs(list(shown), matrix) for k, matrix in apart.items()},
            "names": list(shown),
            **{kind: matrix.tolist() for kind, matrix in apart.items()},
        },
    )
    write_table(run.recorder.folder, "judges", rows, READING)


def _between_pairs(names: Sequence[str], apart: np.ndarray) -> float | None:
    """The mean distance of the two images of a seed, where there are two."""
    found = [
        apart[names.index(name.removesuffix(_OPPOSITE)), place]
        for place, name in enumerate(names)
        if name.endswith(_OPPOSITE)
    ]
    return finite(float(np.mean(found))) if found else None


def _told(of: Likeness) -> dict[str, Any]:
    relative = {f"relative_mse.{layer}": value for layer, value in of.relative_mse.items()}
    return {**relative, "feature_snr_db": of.snr_db, "spearman": finite(of.least_spearman)}


def _null_rows(null: Sequence[Likeness]) -> list[dict[str, Any]]:
    """The nearest pair of each column, and its median."""
    nearest: dict[str, Any] = {"method": "unrelated pictures, nearest pair"}
    median: dict[str, Any] = {"method": "unrelated pictures, median pair"}
    told = [_told(of) for of in null]
    for key in told[0]:
        values = [one[key] for one in told if one[key] is not None]
        if values:
            nearest[key] = min(values) if "mse" in key else max(values)
            median[key] = float(np.median(values))
    return [nearest, median]


def _unrelated(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Pictures of a height and width, as far as they are there."""
    there = [name for name in UNRELATED if name in images.sample_names()]
    size = (shape[0], shape[1])
    return [images.load(f"{SAMPLE_PREFIX}{k}", size, images.Fit.CROP).pixels for k in there]


def _matrix(shown: Sequence[np.ndarray], kind: str) -> np.ndarray:
    """Distances of all images from all: RMS, or SSIM, which is NaN of images too small for it."""

    def between(a: np.ndarray, b: np.ndarray) -> float | None:
        return images.rms(a - b) if kind == "rms" else structure(a, b)["ssim"]

    return np.array([[between(a, b) for b in shown] for a in shown], np.float64)


def _nearest(apart: np.ndarray, place: int) -> float:
    """Of one image, the distance to the nearest but the source, which stands first, and itself."""
    others = np.delete(apart[place], [0, place])
    return float(others.min()) if others.size else math.nan
