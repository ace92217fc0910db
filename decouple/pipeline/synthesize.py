"""Textures: noise is moved until the statistics of its layers are those of the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from decouple import images
from decouple.errors import ImageError
from decouple.gatys.scales import scaled
from decouple.images.locating import SAMPLE_PREFIX
from decouple.judges import READING_OF_LAYERS, READING_OF_PIXELS, Judges, diversity, of_halves
from decouple.networks.padding import Padding
from decouple.pipeline.asked import layers_of
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.pipeline.texture_makers import Made, check_values, maker, scales_of, start
from decouple.record.table import write_table
from decouple.report.textures import plot_crops
from decouple.stages import checked_image

READING = (
    f"{READING_OF_LAYERS} {READING_OF_PIXELS} Layers used are those whose statistics were matched; "
    "at held-out layers nobody optimized anything. Reference rows: the source itself; the source's "
    "left half against its right half, which is how near two pieces of one texture are; another "
    "texture; and the noise that the first image began as."
)
# Another texture than the source: the first of these that it is not.
_OTHERS = ("gravel", "brick")


def synthesize(run: Run) -> None:
    """An image for each seed, in a run folder of its own below this one; then one table."""
    config, inputs = run.config, run.inputs
    run.record(flow={"name": config.synthesize.method, "start": config.synthesize.start})
    made: dict[str, Made] = {}
    make = maker(run)
    for seed in range(config.seed, config.seed + config.count):
        run.progress.finish()
        run.say(f"seed {seed}:")
        name = f"seed_{seed}"
        made[name] = run.once(name, partial(make, name, seed))
        run.recorder.add_stages(*made[name].stages)
        run.save(f"start_{name}", start(inputs, seed))
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
    arch, coarsest = inputs.chain.architecture, scales_of(inputs)[0]
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
        ("the coarsest output", scaled(inputs.size, coarsest), inputs.extractor.layers[-1]),
        (
            "the coarsest source",
            scaled(inputs.source.shape, coarsest),
            inputs.extractor.layers[-1],
        ),
    ):
        try:
            inputs.chain.check_size(layer, *shape)
        except ImageError as error:
            raise ImageError(f"{what}: {error}") from error
    check_values(inputs)


def _held_out(inputs: Inputs) -> tuple[str, ...]:
    return layers_of(inputs.config.synthesize.held_out, inputs.chain.architecture)


# The judges.


def _measure(run: Run, made: Mapping[str, Made]) -> None:
    """A row for each image and for each reference; their median, and how different images are."""
    inputs = run.inputs
    judges = Judges(inputs.chain, inputs.source, inputs.extractor.layers, _held_out(inputs))
    noise = start(inputs, run.config.seed)
    rows = [{"method": k, **values} for k, values in _references(inputs, judges, noise)]
    own = [{"method": name, **judges.row(one.image), **one.cost} for name, one in made.items()]
    halves = next((row for row in rows if row["method"] == _HALVES), {})
    keys = [key for key in own[0] if key not in ("method", "seconds", "passes")]
    run.record(
        judges={"rows": [*rows, *own], "held_out": list(judges.held_out), "reading": READING},
        synthesize={
            "median": {key: _median(own, key) for key in keys},
            "of_halves": {key: halves[key] for key in keys if key in halves},
            "diversity": diversity([one.image for one in made.values()]),
        },
    )
    write_table(run.recorder.folder, "judges", [*rows, *own], READING)


_HALVES = "left half against right"


def _references(
    inputs: Inputs, judges: Judges, noise: np.ndarray
) -> list[tuple[str, dict[str, float | None]]]:
    """Rows between which those of images lie; halves too small for the layers have none."""
    rows = [("source", judges.row(inputs.source))]
    halves = of_halves(inputs.chain, inputs.source, judges.used, judges.held_out)
    rows += [(_HALVES, halves)] if halves else []
    origins = (f"{SAMPLE_PREFIX}{name}" for name in _OTHERS)
    other = next(name for name in origins if name != inputs.pictures["source"].origin)
    size = inputs.config.image.size
    rows.append((f"another texture, {other}", judges.row(images.load(other, size).pixels)))
    return [*rows, ("noise", judges.row(noise))]


def _median(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.median(values)) if values else None
