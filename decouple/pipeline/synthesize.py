"""Textures: noise is moved until the statistics of its layers are those of the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from decouple import images
from decouple.errors import ImageError
from decouple.flows import Optimizer, StopRule
from decouple.gatys import Objective, Weighted, optimize, texture
from decouple.gatys.scales import number_of_scales, scaled, scales
from decouple.images.locating import SAMPLE_PREFIX
from decouple.images.noise import noise_start
from decouple.judges import READING_OF_LAYERS, READING_OF_PIXELS, Judges, diversity
from decouple.networks.padding import Padding
from decouple.parsing import optimizer_of, stop_rules
from decouple.pipeline.asked import layers_of
from decouple.pipeline.forecast import Forecast, of_objective
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.kept import IMAGE, RESULTS
from decouple.pipeline.running import Run
from decouple.record.compounds import Record, Several, Table
from decouple.record.forms import Plain
from decouple.record.table import write_table
from decouple.report.textures import plot_crops
from decouple.stages import StageError, checked_image

READING = (
    f"{READING_OF_LAYERS} {READING_OF_PIXELS} Layers used are those whose statistics were matched; "
    "at held-out layers nobody optimized anything. Reference rows: the source itself; the source's "
    "left half against its right half, which is how near two pieces of one texture are; another "
    "texture; and the noise that the first image began as."
)
# Another texture than the source: the first of these that it is not.
_OTHERS = ("gravel", "brick")


@dataclass(frozen=True)
class _Made:
    """An image, (H, W, 3) float64, and its rows of `stages[]`, for the journal."""

    image: np.ndarray
    stages: Sequence[Mapping[str, Any]]

    @property
    def cost(self) -> dict[str, float]:
        """Passes and seconds."""
        return {key: sum(row[key] for row in self.stages) for key in ("passes", "seconds")}


RESULTS.add(Record(_Made, 1, {"image": IMAGE, "stages": Several(Table(Plain()))}))


def synthesize(run: Run) -> None:
    """An image for each seed, in a run folder of its own below this one; then one table."""
    config, inputs = run.config, run.inputs
    method = config.synthesize.method
    run.record(flow={"name": method, "start": config.synthesize.start})
    made = {}

    @cache  # compiled once for all images
    def objective_at(scale: float) -> Objective:
        return _objective(inputs, _at(inputs.source, scale))

    for seed in range(config.seed, config.seed + config.count):
        run.progress.finish()
        run.say(f"seed {seed}:")
        name = f"seed_{seed}"
        made[name] = run.once(name, partial(_made, run, name, seed, objective_at))
        run.recorder.add_stages(*made[name].stages)
        run.save(f"start_{name}", _start(inputs, seed, inputs.size))
        run.save(f"result_{name}", made[name].image)
        run.recorder.keep_array(name, made[name].image)
    run.progress.finish()
    first = next(iter(made.values())).image
    run.save("result", first)
    if inputs.chain.padding is Padding.CIRCULAR:
        run.save("tiled", np.tile(first, (2, 2, 1)))
    run.say("Measuring all images")
    _measure(run, made)
    run.draw(plot_crops)


def check_sizes(inputs: Inputs) -> None:
    """Refuse a source of one colour, and images that a layer cannot see, or not whole.

    Raises
    ------
    ImageError : in one line, which.
    """
    checked_image(inputs.source, inputs.extractor)
    arch, count = inputs.chain.architecture, _number_of_scales(inputs)
    deepest = arch.resolve_layers([*inputs.extractor.layers, *_held_out(inputs)])[-1]
    stride = inputs.chain.until(inputs.extractor.layers[-1]).stride
    if inputs.chain.padding is Padding.CIRCULAR and any(side % stride for side in inputs.size):
        raise ImageError(
            f"output.size: with network.padding=circular both sides must be multiples of {stride}, "
            f"so that the last layer's poolings leave no pixel out; {inputs.size[0]}x"
            f"{inputs.size[1]} are not"
        )
    for what, shape, layer in (
        ("output.size", inputs.size, deepest),
        ("the coarsest output", scaled(inputs.size, scales(count)[0]), inputs.extractor.layers[-1]),
        (
            "the coarsest source",
            scaled(inputs.source.shape, scales(count)[0]),
            inputs.extractor.layers[-1],
        ),
    ):
        try:
            inputs.chain.check_size(layer, *shape)
        except ImageError as error:
            raise ImageError(f"{what}: {error}") from error


def forecast(inputs: Inputs) -> Forecast:
    """Passes and time, at most."""
    objective = _objective(inputs, inputs.source)
    image = _start(inputs, inputs.config.seed, inputs.size)
    one = of_objective(inputs, objective, *_descent(inputs), _number_of_scales(inputs), image)
    count = inputs.config.count
    return replace(one, passes=count * one.passes, seconds=count * one.seconds)


def _descent(inputs: Inputs) -> tuple[Optimizer, StopRule]:
    config = inputs.config
    rule = stop_rules(config.stop, inputs.weights).common
    return optimizer_of(config.optimizer), rule


def _number_of_scales(inputs: Inputs) -> int:
    return number_of_scales(inputs.config.synthesize.scales, min(inputs.size))


def _held_out(inputs: Inputs) -> tuple[str, ...]:
    return layers_of(inputs.config.synthesize.held_out, inputs.chain.architecture)


def _objective(inputs: Inputs, source: np.ndarray) -> Objective:
    """The distance of an image's statistics from those of a source."""
    layers = inputs.extractor.layers
    wanted = texture(inputs.chain, source, layers, inputs.config.synthesize.method)
    return Objective(inputs.chain, {"style": Weighted(1.0, wanted)})


def _start(inputs: Inputs, seed: int, size: tuple[int, int]) -> np.ndarray:
    return noise_start(inputs.config.synthesize.start, size, seed, inputs.source)


def _made(run: Run, name: str, seed: int, objective_at: Callable[[float], Objective]) -> _Made:
    """One image, from coarse to fine."""
    inputs, (how, rule) = run.inputs, _descent(run.inputs)
    sizes = scales(_number_of_scales(inputs))
    image: np.ndarray | None = None
    with run.method(name) as one:
        one.record(flow={"name": inputs.config.synthesize.method}, stepper=asdict(how))  # type: ignore[call-overload]
        for number, scale in enumerate(sizes, start=1):
            size = scaled(inputs.size, scale)
            image = _start(inputs, seed, size) if image is None else _resized(image, size)
            stage = "synthesize" if number == len(sizes) else f"scale_{number}"
            start = how.feasible(image)
            done = optimize(objective_at(scale), start, how, rule, one.observer, stage=stage)
            one.recorder.add_stages(done.trace)
            image = done.image
        assert image is not None
        one.save("result", image)
    if not np.isfinite(image).all():
        raise StageError(f"{name} became infinite or undefined: try another optimizer", None)
    return _Made(image, [{**row, "layer": name} for row in one.recorder.stages])


def _at(source: np.ndarray, scale: float) -> np.ndarray:
    return source if scale == 1 else _resized(source, scaled(source.shape, scale))


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(images.resized(image, size), np.float64)


# The judges.


def _measure(run: Run, made: Mapping[str, _Made]) -> None:
    """A row for each image and for each reference; their median, and how different images are."""
    inputs = run.inputs
    rows = [
        {"method": name, **values}
        for name, values in _references(inputs, _start(inputs, run.config.seed, inputs.size))
    ]
    judges = _judges(inputs, inputs.source)
    own = [{"method": name, **judges.row(one.image), **one.cost} for name, one in made.items()]
    of_halves = next((row for row in rows if row["method"] == _HALVES), {})
    keys = [key for key in own[0] if key not in ("method", "seconds", "passes")]
    run.record(
        judges={"rows": [*rows, *own], "held_out": list(judges.held_out), "reading": READING},
        synthesize={
            "median": {key: _median(own, key) for key in keys},
            "of_halves": {key: of_halves[key] for key in keys if key in of_halves},
            "diversity": diversity([one.image for one in made.values()]),
        },
    )
    write_table(run.recorder.folder, "judges", [*rows, *own], READING)


_HALVES = "left half against right"


def _references(inputs: Inputs, noise: np.ndarray) -> list[tuple[str, dict[str, float | None]]]:
    """Rows between which those of images lie; halves too small for the layers have none."""
    source = inputs.source
    judges = _judges(inputs, source)
    rows = [("source", judges.row(source))]
    middle = source.shape[1] // 2
    with suppress(ImageError):
        rows.append((_HALVES, _judges(inputs, source[:, -middle:]).row(source[:, :middle])))
    origins = (f"{SAMPLE_PREFIX}{name}" for name in _OTHERS)
    other = next(name for name in origins if name != inputs.pictures["source"].origin)
    size = inputs.config.image.size
    rows.append((f"another texture, {other}", judges.row(images.load(other, size).pixels)))
    return [*rows, ("noise", judges.row(noise))]


def _judges(inputs: Inputs, source: np.ndarray) -> Judges:
    return Judges(inputs.chain, source, inputs.extractor.layers, _held_out(inputs))


def _median(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.median(values)) if values else None
