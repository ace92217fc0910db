"""Textures: images that begin as noise and end with the statistics of the source's layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from decouple.experiments.gatys import STATISTICS
from decouple.experiments.registry import RECORDED, Experiment, Fact, register
from decouple.images.noise import STARTS
from decouple.parsing import check_count, check_scale_count, output_size

MATCH, NESTED = "match", "nested"
METHODS = (*STATISTICS, MATCH, NESTED)
"""How noise becomes a texture: by descending a statistic's distance, or by moving features."""

_TOLD = (
    ("gram_squared_distance", "squared Gram distance, layers used"),
    ("gram_squared_distance_held_out", "squared Gram distance, layers held out"),
)


@dataclass
class OutputConfig:
    """size: of the images that are made, pixels of a square's side or [height, width]."""

    size: Any = 256


@dataclass
class SynthesizeConfig:
    """method: how noise becomes a texture; start: which noise.

    method: gram, means or mean_covariance, whose distance is descended; match, the means of all
    layers at once; nested, the source's decoupled means put on noise from the last layer to the
    first. start: colours (with the source's mean and covariance of colours), uniform or gaussian.
    scales: how many sizes to go through, coarse to fine, as `gatys.scales`; with match each is half
    of the next, and there are several by themselves from 128 px on. held_out: layers that nobody
    optimizes, at which images are measured.
    """

    method: str = "gram"
    start: str = "colours"
    scales: Any = "auto"
    held_out: Any = field(default_factory=lambda: [f"block{block}_conv2" for block in range(1, 6)])


def check(config: DictConfig) -> None:
    """Refuse images of no size, and none of them."""
    output_size(config.output.size)
    check_count(config.count)
    check_scale_count("synthesize.scales", config.synthesize.scales)


def idle(config: DictConfig) -> dict[str, str]:
    """What only other methods use; and nested features belong to noise, at no other size."""
    method = config.synthesize.method
    unused = {
        MATCH: (),
        NESTED: ("optimizer", "stop", "synthesize.scales"),
    }.get(method, ("tolerance",))
    return dict.fromkeys(unused, f"synthesize.method={method}")


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """How near the images' statistics are to the source's, and how different the images are."""
    from decouple.report import wording

    own = wording.part(metrics, "synthesize")
    halves = wording.part(own, "of_halves")
    facts = []
    for key, label in _TOLD:
        value = wording.part(own, "median").get(key)
        if value is not None:
            of_halves = halves.get(key)
            note = "median over the images"
            if of_halves is not None:
                note += f"; the source's left half against its right half {of_halves:.3g}"
            facts.append(Fact(label, f"{value:.3g}", note))
    if own.get("diversity") is not None:
        note = "1 for independent images, 0 for copies"
        facts.append(Fact("diversity", f"{own['diversity']:.2f}", note))
    return facts


SYNTHESIZE = register(
    Experiment(
        name="synthesize",
        run="decouple.pipeline.synthesize:synthesize",
        variants={"synthesize": "Synthesis"},
        takes=(
            *("source", "layers", "seed", "image", "network"),
            *("optimizer", "stop", "tolerance", *RECORDED),
        ),
        ignores=("stop.noisify_source", "stop.noisify_target", "stop.impose"),
        settings={"output": OutputConfig, "count": 1, "synthesize": SynthesizeConfig},
        choices={"synthesize.method": METHODS, "synthesize.start": STARTS},
        check=check,
        idle=idle,
        looks_at={"synthesize.held_out": ("source",)},
        check_inputs="decouple.pipeline.synthesize:check_sizes",
        forecast="decouple.pipeline.texture_makers:forecast",
        objective=True,
        of_methods=True,
        of_vgg=True,
        headline=headline,
    )
)
