"""Interpolation: on the straight line from a picture's features to those of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError, unknown_name
from decouple.experiments.registry import RECORDED, Experiment, Fact, register
from decouple.parsing import is_whole

NOISE, GRAM = "noise", "gram"
BESIDE = (NOISE, GRAM)
"""What may stand beside the frames, and blends of the pixels."""


@dataclass
class InterpolateConfig:
    """deviation: of a frame's features from the line, in units of its length, at most.

    milliseconds: that the animation shows each frame. beside: what else is made of every share of
    the way, beside blends of the pixels: noise, whose features are moved to those of the line;
    gram, noise that descends its distance from the weighted mean of both pictures' Gram matrices.
    """

    deviation: float = 1e-6
    milliseconds: int = 150
    beside: list[str] = field(default_factory=list)


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
    for kind in config.interpolate.beside:
        if kind not in BESIDE:
            raise ConfigError(unknown_name("interpolate.beside", kind, BESIDE))
    if len(set(config.interpolate.beside)) < len(config.interpolate.beside):
        raise ConfigError("interpolate.beside names a kind twice")


def idle(config: DictConfig) -> dict[str, str]:
    """Descents, where nothing is made by one."""
    if config.interpolate.beside:
        return {}
    return dict.fromkeys(("optimizer", "stop"), "interpolate.beside=[]")


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
            *("mask", "optimizer", "stop", *RECORDED),
        ),
        ignores=("stop.noisify_source", "stop.noisify_target", "stop.impose"),
        settings={"frames": 9, "interpolate": InterpolateConfig},
        target_receives="features",
        check=check,
        idle=idle,
        check_inputs="decouple.pipeline.interpolate:check_inputs",
        forecast="decouple.pipeline.interpolate:forecast",
        headline=headline,
        prepositions=("from", "to"),
    )
)
