"""The mixing grid: which layer's features come from the source, and how much of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import Experiment, register
from decouple.parsing import strengths_of


@dataclass
class GridConfig:
    """strengths: the columns of the mixing grid, each from 0 to 1."""

    strengths: list[float] = field(default_factory=lambda: [0.25, 0.5, 0.75, 1.0])


def check(config: DictConfig) -> None:
    """Refuse strengths out of 0 to 1, and none at all."""
    if not config.mix.strengths:
        raise ConfigError("mix.strengths= needs at least one strength from 0 to 1")
    for strength in config.mix.strengths:
        strengths_of(strength, ())


MIX = register(
    Experiment(
        name="mix",
        run="decouple.pipeline.mix:mix",
        settings={"mix": GridConfig},
        target_receives="features",
        check=check,
        forecast="decouple.pipeline.mix:forecast",
    )
)
