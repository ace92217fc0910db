"""Metamers: images that differ from a picture in everything but its features."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from decouple.errors import ConfigError, ImageError
from decouple.features.features import Features
from decouple.features.likeness import relative_mse
from decouple.flows.level_set import LevelSetWalk
from decouple.flows.matching import Matching
from decouple.flows.motion import Motion
from decouple.flows.optimizers import Lbfgs
from decouple.flows.preconditioner import Factor
from decouple.flows.stopping import StopRule, StopRules
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.images import rms
from decouple.images.noise import noise_start, random_direction
from decouple.stages.layerwise import Move, StageError, checked_image, move_layer
from decouple.stages.match import MatchingFactors
from decouple.stages.reference import Reference, noise_reference

STAGE = "metamer"
# Of L-BFGS, pairs: many, since of a thousand features most are moved by few places of an image,
# each at a pace of its own; as many as lie in so many values of float64.
_MEMORY, _VALUES = 200, 2**25
# In ten iterations. A descent whose distance falls by a tenth in a thousand would not arrive in a
# time that anyone has.
_STAGNATION = 1e-3


@dataclass(frozen=True)
class Metamer:
    """An image with the features of another.

    Attributes
    ----------
    image : (H, W, 3) float64; a few of its values may leave [0, 1]
    distance : RMS over the image from the picture whose features it has, in units of its range
    relative_mse : {layer: mean squared error of its features, in units of their mean square}
    trace : of the walk, or the descent, that led there
    """

    image: np.ndarray
    distance: float
    relative_mse: dict[str, float]
    trace: LayerTrace = field(repr=False)


def factor_at(image: np.ndarray, extractor: Features) -> Callable[[], Factor]:
    """The factor of K = J Jᵀ at an image, formed when it is asked for and then kept.

    Metamers of one picture all set out from it: given to each, it is formed once.

    Raises
    ------
    numpy.linalg.LinAlgError : when asked for, K is not positive definite.
    """
    x = np.asarray(image, np.float64)
    return functools.cache(lambda: Factor.near(extractor, extractor.linearize(x)))


def metamer(
    image: np.ndarray,
    extractor: Features,
    seed: int = 0,
    directions: str = "spectrum",
    step: float = 0.03,
    steps: int = 60,
    distance: float | None = None,
    mse: float = 1e-9,
    opposite: bool = False,
    nearby: Callable[[], Factor] | None = None,
    observer: Observer = ignore,
    move: Move = move_layer,
) -> Metamer:
    """Walk away from an image among those with the same features, until nothing of it is left.

    In a random direction, which is kept (see `flows.level_set`), to where the image is not
    correlated with the picture any more. Directions of two seeds have next to nothing in common,
    and so have the images to which they lead: all are about as far from each other as from the
    picture. Beyond that they would come nearer to each other, as each to the picture's negative.
    Two walks in opposite directions lead farther from each other than those of two seeds.

    Parameters
    ----------
    image : (H, W, 3), RGB, in [0, 1]
    extractor : of the features that stay
    seed : of the direction; the same one gives the same image to the bit
    directions : `spectrum` or `white`, see `images.noise.random_direction`. What is white soon has
        all the energy that the features of fine filters allow, and stays near
    step, steps, distance : see `flows.level_set.LevelSetWalk`
    mse : largest error of each layer's features, in units of their own mean square
    opposite : whether it goes in the opposite of the seed's direction
    nearby : a factor of K to begin with, by default `factor_at` the image
    observer : told of each step
    move : carries the walk out

    Raises
    ------
    ConfigError : no such directions, or a length or number that is not positive.
    ImageError : the image cannot be used, or has no more values than features.
    StageError : the walk got stuck; `.partial` is how far it came, a `Metamer`.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> other = dc.metamer(image, dc.Moments(orders=3))
    >>> max(other.relative_mse.values()) <= 1e-9 and other.distance > 0.1
    True
    """
    _check_positive(step=step, steps=steps, distance=distance, mse=mse)
    x = checked_image(image, extractor)
    check_freedom(x, extractor)
    features = extractor.measure(x)
    direction = random_direction(directions, x, seed)
    walk = LevelSetWalk(-direction if opposite else direction, step, steps, distance, mse)
    nearby = nearby or factor_at(x, extractor)
    stage = f"{STAGE}_opposite_{seed}" if opposite else f"{STAGE}_{seed}"
    motion = Motion(extractor, features, features, step, stage=stage, nearby=nearby)
    moved, trace = move(x, motion, walk, observer)
    reached = relative_mse(extractor, extractor.measure(moved.image), features)
    done = Metamer(moved.image, rms(moved.image - x), reached, trace)
    if not walk.arrived(trace.stop_reason):
        raise StageError(
            f"{trace.stage} came to an RMS distance of {done.distance:.2g} in {trace.steps} steps, "
            f"with relative feature MSE of at most {max(reached.values()):.1e}, and could not go "
            f"on within mse={mse:g}: take a larger image, fewer layers or a larger mse",
            done,
        )
    return done


def metamer_from_noise(
    image: np.ndarray,
    extractor: Features,
    seed: int = 0,
    start: str = "colours",
    iterations: int = 2000,
    mse: float = 1e-9,
    nearby: Callable[[], Factor] | None = None,
    observer: Observer = ignore,
    move: Move = move_layer,
) -> Metamer:
    """Move noise to an image's features, all layers at once, until they are equal.

    So metamers are mostly made (Freeman & Simoncelli, Nature Neuroscience 14 (2011); Feather,
    Durango, Gonzalez & McDermott, NeurIPS 2019); here L-BFGS descends in the metric of the
    features' own K (see `flows.matching`). Nothing of the image is left but what the features
    tell. Through five layers walks from the image soon lead nowhere; this got there with one
    photograph of 256 px (ImageNet's filters, average pooling), not of 96 px, and not with all
    photographs (`reports/metamers_from_noise.md`).

    Parameters
    ----------
    image, extractor, mse : as `metamer`
    seed : of the noise; the same one gives the same image to the bit
    start : which noise, see `images.noise.noise_start`
    iterations : at most
    nearby : what L-BFGS's metric is, by default `metric_for` the image
    observer : told of each iteration
    move : carries the descent out

    Raises
    ------
    ConfigError : no such noise, or a number that is not positive.
    ImageError : the image cannot be used, or has no more values than features.
    StageError : the features were not reached; `.partial` is how near they came, a `Metamer`.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> other = dc.metamer_from_noise(image, dc.Moments(orders=3))
    >>> max(other.relative_mse.values()) <= 1e-9 and other.distance > 0.1
    True
    """
    _check_positive(iterations=iterations, mse=mse)
    x = checked_image(image, extractor)
    check_freedom(x, extractor)
    noise, features = noise_start(start, x.shape[:2], seed, x), extractor.measure(x)
    flow = Matching(
        Lbfgs(memory=max(1, min(_MEMORY, _VALUES // x.size))),
        StopRules(StopRule(max_iterations=iterations, stagnation=_STAGNATION)),
        enough=mse / len(extractor.layers),  # of their mean: then no layer's is above mse
    )
    motion = Motion(
        extractor,
        extractor.measure(noise),
        features,
        tolerance=0.0,  # it ends by mse
        stage=f"{STAGE}_{seed}",
        nearby=nearby or metric_for(x, extractor),
    )
    moved, trace = move(noise, motion, flow, observer)
    reached = relative_mse(extractor, extractor.measure(moved.image), features)
    done = Metamer(moved.image, rms(moved.image - x), reached, trace)
    if not max(reached.values()) <= mse:
        raise StageError(
            f"{trace.stage} came to relative feature MSE of at most {max(reached.values()):.1e} in "
            f"{trace.steps} iterations, which is not within mse={mse:g}: allow more iterations, or "
            "take a larger image, fewer layers or a larger mse",
            done,
        )
    return done


def metric_for(
    image: np.ndarray, extractor: Features, reference: Reference | None = None
) -> Callable[[], Factor]:
    """What `metamer_from_noise` descends with, formed when it is asked for and then kept.

    Parameters
    ----------
    image : (H, W, 3), whose features they are
    reference : whose noise is looked at beside it; by default of the image's size
    """
    x = np.asarray(image, np.float64)
    reference = reference or noise_reference(extractor, x.shape[:2])
    return MatchingFactors(extractor, reference, x, x.size).of(x.size)


def _check_positive(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"{name}={value} must be above 0")


def check_freedom(image: np.ndarray, extractor: Features) -> None:
    """Raise ImageError unless an image (H, W, 3) has more values than features."""
    if image.size <= extractor.size:
        raise ImageError(
            f"an image of {image.shape[1]}x{image.shape[0]} pixels has {image.size} values, and "
            f"{extractor.size} features leave it no freedom: take a larger image or fewer layers"
        )
