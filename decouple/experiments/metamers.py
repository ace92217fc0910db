"""Metamers: images that have the source's features and nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import RECORDED, Experiment, Fact, register
from decouple.images.noise import DIRECTIONS
from decouple.parsing import check_count


@dataclass
class MetamersConfig:
    """directions: spectrum (the source's, with random phases) or white; each image has its own.

    step: RMS length of a step, in units of the image's range; steps: at most; distance: RMS from
    the source at which a walk ends, null to where the image is not correlated with it any more;
    mse: of the features of each layer, in units of their own mean square, at most. pairs: of every
    seed two images, by its direction and by the opposite one.
    """

    directions: str = "spectrum"
    step: float = 0.03
    steps: int = 60
    distance: float | None = None
    mse: float = 1e-9
    pairs: bool = False


def check(config: DictConfig) -> None:
    """Refuse no images, and lengths and numbers that are none."""
    check_count(config.count)
    for name in ("step", "steps", "distance", "mse"):
        value = config.metamers[name]
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"metamers.{name}={value} must be above 0")


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """How equal the features are, and how different the images."""
    from decouple.report import wording

    own = wording.part(metrics, "metamers")
    null, between = (wording.part(own, key) for key in ("of_unrelated", "between_images"))
    facts = []
    if own.get("largest_relative_mse") is not None:
        value = own["largest_relative_mse"]
        note = "of a layer, in units of its features' mean square"
        facts.append(Fact("largest feature MSE", wording.scientific(value), note))
    if own.get("least_spearman") is not None:
        of_null = wording.general(null.get("largest_spearman"), ".4f")
        note = f"of a layer; of {null.get('pairs')} pairs of unrelated pictures at most {of_null}"
        facts.append(Fact("least rank correlation", f"{own['least_spearman']:.6f}", note))
    for kind, label, note in (
        ("rms", "RMS difference of two images", "mean over all pairs, in units of the range"),
        ("ssim", "SSIM of two images", "mean over all pairs; about 0 for unrelated ones"),
    ):
        if between.get(kind) is not None:
            facts.append(Fact(label, f"{between[kind]:.3f}", note))
    of_pairs = wording.part(own, "of_pairs").get("rms")
    if of_pairs is not None:
        note = "mean over the pairs of one seed"
        facts.append(Fact("RMS difference of opposite images", f"{of_pairs:.3f}", note))
    return facts


METAMERS = register(
    Experiment(
        name="metamers",
        run="decouple.pipeline.metamers:metamers",
        variants={"metamers": "Metamers"},
        takes=(
            *("source", "layers", "seed", "image", "noise", "network", "features", "mask"),
            *RECORDED,
        ),
        settings={"count": 1, "metamers": MetamersConfig},
        choices={"metamers.directions": DIRECTIONS},
        check=check,
        check_inputs="decouple.pipeline.metamers:check_inputs",
        forecast="decouple.pipeline.metamers:forecast",
        headline=headline,
    )
)
