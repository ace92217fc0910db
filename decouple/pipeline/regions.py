"""`regions.*`: masks by which parts of the sources are paired with parts of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig

from decouple import images
from decouple.errors import ImageError
from decouple.experiments import experiment_named
from decouple.images import LoadedImage
from decouple.images.chrominance import luminance


@dataclass(frozen=True, eq=False)
class Mask:
    """A grey picture: how much of each pixel belongs to a region.

    Attributes
    ----------
    values : (H, W) float64 in [0, 1], not 0 everywhere
    origin, digest : which picture it was, and of its values
    """

    values: np.ndarray
    origin: str
    digest: str


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the target that takes the features of a part of a source.

    Attributes
    ----------
    role : of the source: `source`, `source_2`, ...
    of_source, of_target : the parts; None for the whole
    """

    role: str
    of_source: Mask | None
    of_target: Mask | None

    @property
    def mask(self) -> np.ndarray | None:
        """Values (H, W) of the source's part; None for the whole."""
        return None if self.of_source is None else self.of_source.values

    @property
    def within(self) -> np.ndarray | None:
        """Values (H, W) of the target's part; None for the whole."""
        return None if self.of_target is None else self.of_target.values

    def described(self) -> dict[str, Any]:
        """What metrics.json says of it."""
        parts = {"of_source": self.of_source, "of_target": self.of_target}
        told = {
            name: None if mask is None else {"origin": mask.origin, "digest": mask.digest}
            for name, mask in parts.items()
        }
        return {"source": self.role, **told}


def regions_of(
    config: DictConfig, pictures: Mapping[str, LoadedImage], roles: Sequence[str]
) -> tuple[Region, ...]:
    """The regions that `regions.*` names, in their order; none where there are no masks.

    Parameters
    ----------
    config : checked
    pictures : by their roles
    roles : of the sources

    Raises
    ------
    ImageError : a mask that cannot be read, or that is black everywhere.
    """
    names = config.regions
    count = max(len(names.source), len(names.target))
    if not count:
        return ()
    takes = list(roles) if len(roles) == count else [roles[0]] * count
    style = experiment_named(config.experiment).takes_setting("gatys.style")
    fits = {"source": config.gatys.style.fit if style else config.image.fit}
    fits["target"] = config.image.fit
    target = pictures["target"]
    return tuple(
        Region(
            role,
            _mask("source", names.source, number, pictures[role], fits["source"]),
            _mask("target", names.target, number, target, fits["target"]),
        )
        for number, role in enumerate(takes)
    )


def _mask(
    role: str, names: Sequence[str | None], number: int, picture: LoadedImage, fit: str
) -> Mask | None:
    """A mask of the picture's shape, cut or scaled as it was; None for the whole of it."""
    name = names[number] if names else None
    if name is None:
        return None
    height, width = picture.pixels.shape[:2]
    pixels = images.load(name, (height, width), "crop" if fit == "crop" else "squash").pixels
    values = luminance(pixels)[..., 0]
    if not values.max() > 0:
        raise ImageError(f"regions.{role}: '{name}' is black everywhere, at {width}x{height} px")
    return Mask(values, name, images.digest(pixels))
