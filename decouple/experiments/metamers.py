"""Metamers: images that have the source's features and nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import RECORDED, Experiment, Fact, register
from decouple.images.noise import DIRECTIONS, STARTS
from decouple.parsing import check_count

SOURCE = "source"
"""Where a walk begins; other starts are noise."""
# Settings of `metamers` that have a meaning for walks only.
_OF_WALKS = ("directions", "step", "steps", "distance", "pairs")


@dataclass
class MetamersConfig:
    """start: where an image begins; directions: into which it walks, each into its own.

    start: source, for a walk among images with its features; colours (noise with its mean and
    covariance of colours), uniform or gaussian, for noise that is moved to them. directions:
    spectrum (the source's, with random phases) or white.
    step: RMS length of a step, in units of the image's range; steps: at most; distance: RMS from
    the source at which a walk ends, null to where the image is not correlated with it any more;
    mse: of the features of each layer, in units of their own mean square, at most. pairs: of every
    seed two images, by its direction and by the opposite one. iterations: from noise, at most.
    """

    start: str = SOURCE
    directions: str = "spectrum"
    step: float = 0.03
    steps: int = 60
    distance: float | None = None
    mse: float = 1e-9
    pairs: bool = False
    iterations: int = 2000


def check(config: DictConfig) -> None:
    """Refuse no images, and lengths and numbers that are none."""
    check_count(config.count)
    for name in ("step", "steps", "distance", "mse", "iterations"):
        value = config.metamers[name]
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"metamers.{name}={value} must be above 0")


def idle(config: DictConfig) -> dict[str, str]:
    """What belongs to walks only, or to noise only."""
    start = config.metamers.start
    unused = ("iterations",) if start == SOURCE else _OF_WALKS
    return dict.fromkeys((f"metamers.{name}" for name in unused), f"metamers.start={start}")


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
        choices={"metamers.start": (SOURCE, *STARTS), "metamers.directions": DIRECTIONS},
        check=check,
        idle=idle,
        check_inputs="decouple.pipeline.metamers:check_inputs",
        forecast="decouple.pipeline.metamers:forecast",
        headline=headline,
    )
)
