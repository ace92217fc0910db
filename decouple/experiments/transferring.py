"""Settings that are shared by all that puts what a source has on a target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, ListConfig

from decouple.errors import ConfigError
from decouple.parsing import is_number
from decouple.shares import shares_of

COLOURS = ("source", "target", "matched")
"""Whose colours a result has: the source's, as its features carry them; the target's, of which the
luminance alone is changed; or the source's, once their mean and covariance are the target's."""


@dataclass
class RegionsConfig:
    """Masks, grey pictures of any size: white is in a region, black is not.

    target: one for each region, which takes a source's features; source: one for each, the part of
    the source whose features they are. null stands for all of a picture, and so do no masks at all.
    """

    source: Any = field(default_factory=list)
    target: Any = field(default_factory=list)


SETTINGS: dict[str, Any] = {
    "colour": "source",
    "sources": [],
    "source_weights": None,
    "regions": RegionsConfig,
}
CHOICES = {"colour": COLOURS}
FILE_LISTS = ("sources", "regions.source", "regions.target")
"""Settings that are lists of files."""


def check(config: DictConfig) -> None:
    """Refuse further sources that are no list, weights that are not one for each source, and masks
    that do not make pairs."""
    _check_list("sources", config.sources, "source_b.jpg")
    for role in ("source", "target"):
        _check_list(f"regions.{role}", config.regions[role], "mask_1.png,mask_2.png", whole=True)
    _check_regions(config)
    _check_weights(config.source_weights, 1 + len(config.sources))


def _check_regions(config: DictConfig) -> None:
    of_source, of_target = config.regions.source, config.regions.target
    if of_source and of_target and len(of_source) != len(of_target):
        raise ConfigError(
            f"regions.source has {len(of_source)} masks and regions.target {len(of_target)}: each "
            "region takes one of both, null for all of a picture"
        )
    count, sources = max(len(of_source), len(of_target)), 1 + len(config.sources)
    if count and sources not in (1, count):
        raise ConfigError(
            f"{sources} sources and {count} regions: give one source, or one for each region"
        )
    if count and config.mask.directions is not None:
        raise ConfigError("mask.directions= has no meaning with regions.*")
    whole = count if not of_target else sum(mask is None for mask in of_target)
    if whole > 1:
        raise ConfigError(
            f"{whole} regions are all of the target: give each a mask in regions.target"
        )
    if count and config.source_weights is not None:
        raise ConfigError("source_weights= has no meaning with regions: each takes one source")


def _check_list(setting: str, names: Any, example: str, whole: bool = False) -> None:
    def fits(name: Any) -> bool:
        return (isinstance(name, str) and name != "") or (name is None and whole)

    if not isinstance(names, ListConfig) or not all(map(fits, names)):
        raise ConfigError(
            f'{setting}={names} must be a list of pictures, such as "{setting}=[{example}]"'
        )


def _check_weights(weights: Any, count: int) -> None:
    if weights is None:
        return
    if count == 1:
        raise ConfigError("source_weights= has no meaning without sources=")
    if not isinstance(weights, ListConfig) or not all(map(is_number, weights)):
        raise ConfigError(
            f"source_weights={weights} must be a list of numbers, such as "
            f'"source_weights=[{",".join(["1"] * count)}]"'
        )
    if len(weights) != count:
        raise ConfigError(
            f"source_weights={weights} are {len(weights)}, and there are {count} sources, "
            "source= the first"
        )
    shares_of(weights, f"source_weights={weights}")
