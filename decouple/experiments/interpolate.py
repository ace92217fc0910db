"""Interpolation: on the straight line from a picture's features to those of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import RECORDED, Experiment, Fact, register
from decouple.parsing import is_whole


@dataclass
class InterpolateConfig:
    """deviation: of a frame's features from the line, in units of its length, at most.

    milliseconds: that the animation shows each frame.
    """

    deviation: float = 1e-6
    milliseconds: int = 150


def check(config: DictConfig) -> None:
    """Refuse fewer than two frames, and numbers that are none."""
    if not is_whole(config.frames) or config.frames < 2:
        raise ConfigError(
            f"frames={config.frames} must be a number of frames, at least 2, the ends of the way"
        )
    for name in ("deviation", "milliseconds"):
        value = config.interpolate[name]
        if not 0 < value < float("inf"):
            raise ConfigError(f"interpolate.{name}={value} must be above 0")


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """How straight the way is, and whether its frames are of one piece."""
    from decouple.report import wording

    own = wording.part(metrics, "interpolate")
    facts = []
    if own.get("largest_deviation") is not None:
        value, of_blends = own["largest_deviation"], own.get("largest_deviation_of_blends")
        note = "of a frame's features, in units of the line's length"
        if of_blends is not None:
            note += f"; of blended pixels {of_blends:.2g}"
        facts.append(Fact("largest deviation from the line", wording.scientific(value), note))
    halves = wording.part(own, "largest_gram_squared_distance_of_halves")
    if halves.get("between") is not None:
        note = f"squared Gram distance, largest of a frame; at the ends {halves['ends']:.3g}"
        facts.append(Fact("left half against right half", f"{halves['between']:.3g}", note))
    return facts


INTERPOLATE = register(
    Experiment(
        name="interpolate",
        run="decouple.pipeline.interpolate:interpolate",
        variants={"interpolate": "Interpolation"},
        takes=(
            *("source", "layers", "tolerance", "seed", "image", "noise", "network", "features"),
            *("mask", *RECORDED),
        ),
        settings={"frames": 9, "interpolate": InterpolateConfig},
        target_receives="features",
        check=check,
        check_inputs="decouple.pipeline.interpolate:check_inputs",
        forecast="decouple.pipeline.interpolate:forecast",
        headline=headline,
        prepositions=("from", "to"),
    )
)
