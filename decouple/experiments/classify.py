"""The most probable labels of a picture, by VGG as it was trained: nothing is moved."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import Experiment, register

LABELS = 1000
"""Of ImageNet, on which VGG was trained."""


@dataclass
class ClassifyConfig:
    """top: how many of the 1000 labels are listed, the most probable ones."""

    top: int = 3


def check(config: DictConfig) -> None:
    """Refuse what the complete network cannot take."""
    if not 1 <= config.classify.top <= LABELS:
        raise ConfigError(f"classify.top={config.classify.top} must be from 1 to {LABELS}")
    if config.image.fit == "keep":
        raise ConfigError(
            "image.fit=keep has no meaning in classify: the network takes a square; give squash "
            "or crop"
        )
    if config.network.weights == "calibrated":
        raise ConfigError(
            "classify needs network.weights=imagenet or a file: calibrated filters have learned "
            "no labels"
        )


CLASSIFY = register(
    Experiment(
        name="classify",
        run="decouple.pipeline.classify:classify",
        variants={"classify": "Classification"},
        of_vgg=True,
        takes=("source", "image", "network"),
        ignores=(
            *("image.size", "image.output"),
            *(f"network.{k}" for k in ("activation", "width", "pooling", "padding", "dtype")),
        ),
        settings={"classify": ClassifyConfig},
        check=check,
        stands_alone=True,
    )
)
