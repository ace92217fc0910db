"""Pictures whose mean features take the place of noise's: `noise.reference`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig

from decouple import images
from decouple.errors import ImageError
from decouple.features import Features
from decouple.images.listing import ListedPicture, listed
from decouple.stages import checked_image

SETTING = "noise.reference"


@dataclass(frozen=True)
class ReferencePictures:
    """Pictures of a folder, a pattern or a list, one of which lies in memory at a time.

    Attributes
    ----------
    name : as the setting has it
    found : where they are
    size : height and width to which each is brought, by its centre
    digest : of all their values
    """

    name: str
    found: tuple[ListedPicture, ...]
    size: tuple[int, int]
    digest: str

    @classmethod
    def of(
        cls, config: DictConfig, size: tuple[int, int], extractor: Features
    ) -> ReferencePictures | None:
        """Those of `noise.reference`, each of which can be looked at; None where it says nothing.

        Raises
        ------
        ConfigError, RunFolderError : there are none.
        ImageError : one of them cannot be read, or has no features to be moved to.
        """
        if config.noise.reference is None:
            return None
        name = config.noise.reference
        found = tuple(listed(name, setting=SETTING))
        digest = hashlib.sha256()
        for picture in found:
            pixels = _loaded(picture, size)
            try:
                checked_image(pixels, extractor)
            except ImageError as error:
                raise ImageError(f"{SETTING}: {picture.path}: {error}") from error
            digest.update(images.digest(pixels).encode())
        return cls(name, found, size, digest.hexdigest())

    def pixels(self) -> Iterator[np.ndarray]:
        """Each of them, (H, W, 3), in [0, 1]."""
        return (_loaded(picture, self.size) for picture in self.found)

    @property
    def origin(self) -> str:
        """How many of what."""
        return f"{len(self.found)} pictures of {self.name}"


def _loaded(picture: ListedPicture, size: tuple[int, int]) -> np.ndarray:
    return images.load(picture.file, size, images.Fit.CROP).pixels
