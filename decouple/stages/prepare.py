"""Step 0: which features can be moved, and what noise has there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from decouple.errors import ConfigError
from decouple.features import alive_on, check_features, leading_directions
from decouple.features.features import Features
from decouple.images.noise import noise_image
from decouple.stages.reference import Reference, noise_reference

# A channel whose mean activation slope is not above it can hardly be moved.
MIN_SLOPE = 1e-3


@dataclass(frozen=True)
class Prepared:
    """What all images of a run are moved with.

    Attributes
    ----------
    extractor : of the features that can be moved on all of them, or of their leading directions
    channels : of the features that can be moved on all of them
    reference : the features of noise
    left_out : {layer: number of its channels that cannot be moved}, where there are any
    passes : network passes that it took
    seconds : that it took
    """

    extractor: Features
    channels: Features
    reference: Reference
    left_out: Mapping[str, int]
    passes: int
    seconds: float


def prepare(
    extractor: Features,
    *images: np.ndarray,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    draws: int = 1,
    kind: str = "uniform",
    like: np.ndarray | None = None,
    pictures: Iterable[np.ndarray] = (),
    min_slope: float = MIN_SLOPE,
    directions: int | None = None,
    tried: bool = False,
) -> Prepared:
    """Leave out the features that cannot be moved, and measure the others on noise.

    Features of your own are tried first, on the first image; see `check_features`.

    Parameters
    ----------
    extractor : of the layers that are to be moved
    images : (H, W, 3) each, in [0, 1]: all that are to be moved
    size : (height, width) of the noise; that of the last image by default, whose shape the result
        has where the features of the one before are imposed on it
    seed, draws, kind, like, pictures : see `noise_reference`
    min_slope : a channel is left out where its mean activation slope is not above it, or where it
        answers at less than two positions in all, on the noise or on an image; 0 leaves out only
        what answers nowhere
    directions : how many linear combinations of each layer's features to take in their place,
        those that the images, or the noise where there are none, move most (see
        `leading_directions`); by default the features themselves
    tried : whether features of your own have been tried already

    Raises
    ------
    ConfigError : no feature of some layer is left, or wanted; there is neither a size nor an image.
    ImageError : the size is too small for the layers.
    FeaturesError : they do not do what features must.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> prepared = dc.prepare(dc.Moments(orders=3), image, seed=1)
    >>> source = dc.noisify(image, prepared.extractor, prepared.reference)
    >>> list(source.features.values)
    ['mean', 'variance', 'skewness']
    """
    began, passes = time.perf_counter(), extractor.passes.count
    if size is None:
        if not images:
            raise ConfigError("prepare needs images, or the size of the noise")
        size = images[-1].shape[0], images[-1].shape[1]
    extractor.check_size(*size)
    noise = noise_image(*size, seed, kind=kind, like=like)
    if not (tried or extractor.proven):
        check_features(extractor, images[0] if images else noise)
    alive = alive_on(extractor, [noise, *images], min_slope)
    passes = extractor.passes.count - passes
    masked = extractor.masked(alive)
    used = (
        masked if directions is None else leading_directions(masked, images or [noise], directions)
    )
    reference = noise_reference(used, size, seed, draws, kind, like, pictures)
    return Prepared(
        extractor=used,
        channels=masked,
        reference=reference,
        left_out={k: int(np.sum(~kept)) for k, kept in alive.items() if not kept.all()},
        passes=passes + masked.passes.count,
        seconds=time.perf_counter() - began,
    )
