"""Interpolation: frames on the straight line between the features of two pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from decouple.errors import ImageError
from decouple.flows.lift import Lift
from decouple.flows.paths import PathKind
from decouple.judges import READING_OF_LAYERS, READING_OF_PIXELS, of_halves
from decouple.networks import Chain
from decouple.pipeline.between import check_beside, made_beside, most_passes_beside
from decouple.pipeline.forecast import Forecast, of_passes
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.pipeline.texture_makers import Made
from decouple.record.table import write_table
from decouple.report.strip import plot_strip
from decouple.stages import Frame, StageError
from decouple.stages import interpolate as interpolated
from decouple.stages.interpolate import Line

READING = (
    "Share t: of the way from the source's features to the target's. Deviation: distance of the "
    "features from where they should be on the straight line between the two, "
    "‖f − (1 − t) f_source − t f_target‖, all layers together, in units of its length "
    "‖f_target − f_source‖. Blends: (1 − t) source + t target, pixel by pixel; noise: fresh noise "
    "whose features are moved to those of the line, all layers at once, or as near as they come; "
    "gram: fresh noise that descends its distance from the weighted mean of both pictures' Gram "
    "matrices. All distances are of an image's left half from its right half: of a picture of one "
    "piece they are as small as at the ends. "
    f"{READING_OF_LAYERS} {READING_OF_PIXELS}"
)
_HALVES = "gram_squared_distance"
# Of a frame: about 140 with one layer of calibrated filters, 200 to 660 with two.
_PASSES = 400


def interpolate(run: Run) -> None:
    """The frames, each from the one before; then blends of pixels beside them, and a table."""
    config, stepping = run.config, Lift.suited_to(run.extractor).stepper
    run.record(
        flow={"name": Lift.name, "path": PathKind.STRAIGHT.value},
        stepper=asdict(stepping),  # type: ignore[call-overload]
    )
    made: list[Frame] = []

    def keep(frame: Frame) -> None:
        run.save(f"frame_{len(made):0{_digits(config.frames)}d}", frame.image)
        if frame.trace is not None:
            run.recorder.add_stages(frame.trace)
        made.append(frame)

    try:
        interpolated(
            run.source,
            run.target,
            run.extractor,
            config.frames,
            config.interpolate.deviation,
            config.tolerance,
            observer=run.observer,
            on_frame=keep,
            move=run.move,
        )
    except StageError as error:
        run.recorder.add_stages(error.partial[-1].trace)
        raise
    run.progress.finish()
    run.save("result", made[-1].image)
    run.recorder.keep_array("frames", np.stack([frame.image for frame in made]))
    blends = [(1 - one.share) * made[0].image + one.share * run.target for one in made]
    for number, blend in enumerate(blends):
        run.save(f"blend_{number:0{_digits(config.frames)}d}", blend)
    there_and_back = [frame.image for frame in (*made, *made[-2:0:-1])]
    run.animate(there_and_back, config.interpolate.milliseconds, ("gif", "webp"))
    beside = made_beside(run, config.frames)
    for kind, images in beside.items():
        for number, one in enumerate(images):
            run.save(f"{kind}_{number:0{_digits(config.frames)}d}", one.image)
        run.recorder.keep_array(kind, np.stack([one.image for one in images]))
    run.progress.finish()
    run.say("Measuring all frames")
    _measure(run, made, blends, beside)
    run.draw(plot_strip)


def check_inputs(inputs: Inputs) -> None:
    """Refuse pictures that cannot be laid on each other, and that have the same features.

    Raises
    ------
    ImageError : in one line, why.
    ConfigError : what is to stand beside the frames cannot be made.
    """
    check_beside(inputs)
    sizes = [x.shape[:2] for x in (inputs.source, inputs.target)]
    if sizes[0] != sizes[1]:
        words = [f"{width}x{height}" for height, width in sizes]
        raise ImageError(
            f"source and target must have one size, not {words[0]} and {words[1]} pixels: give "
            "image.fit=crop or image.fit=squash"
        )
    Line.between(inputs.source, inputs.target, inputs.extractor)


def forecast(inputs: Inputs) -> Forecast:
    """Passes and time, about: of the lift, and of a factor or two; of what is beside, at most."""
    frames = inputs.config.frames
    beside = most_passes_beside(inputs, frames)
    passes = (frames - 1) * _PASSES + inputs.extractor.size
    return of_passes(inputs, passes + beside, bound=beside > 0)


def _digits(frames: int) -> int:
    """Of the largest number of a frame, so that names sort as they follow each other."""
    return len(str(frames - 1))


def _measure(
    run: Run,
    made: Sequence[Frame],
    blends: Sequence[np.ndarray],
    beside: Mapping[str, Sequence[Made]],
) -> None:
    """A row for each frame, each blend and what else is beside them."""
    line = Line.between(run.source, run.target, run.extractor)
    digits = _digits(len(made))
    rows: list[dict[str, Any]] = []
    shown = {"frame": [one.image for one in made], "blend": blends}
    shown |= {kind: [one.image for one in images] for kind, images in beside.items()}
    for kind, images in shown.items():
        for number, (one, image) in enumerate(zip(made, images, strict=True)):
            row = {"share": one.share, "deviation": line.deviation(image, one.share)}
            row |= beside[kind][number].cost if kind in beside else {}
            name = f"{kind}_{number:0{digits}d}"
            rows.append({"method": name, **row, **_of_halves(run.inputs, image)})
    frames, blended = rows[: len(made)], rows[len(made) : 2 * len(made)]
    halves = [row.get(_HALVES) for row in frames]
    run.record(
        judges={"rows": rows, "reading": READING},
        interpolate={
            "length": line.length,
            "largest_deviation": max(row["deviation"] for row in frames),
            "largest_deviation_of_blends": max(row["deviation"] for row in blended),
            f"largest_{_HALVES}_of_halves": {
                "ends": _largest([halves[0], blended[-1].get(_HALVES)]),
                "between": _largest(halves[1:]),
            },
        },
    )
    write_table(run.recorder.folder, "judges", rows, READING)


def _of_halves(inputs: Inputs, image: np.ndarray) -> dict[str, float | None]:
    """See `judges.of_halves`; nothing of a network whose layers they cannot see."""
    network = inputs.network
    return of_halves(network, image, inputs.extractor.layers) if isinstance(network, Chain) else {}


def _largest(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=math.nan)
