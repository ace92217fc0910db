"""What noisification and imposition share: one layer after another, each a motion."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from decouple.blas import undisturbed
from decouple.errors import DecoupleError, ImageError
from decouple.features.features import Features
from decouple.flows.motion import Flow, Motion, Moved, Way
from decouple.flows.symmetric import Symmetric
from decouple.flows.trace import LayerTrace, Observer, StepReport
from decouple.images import digest, psnr_db

DEFAULT_TOLERANCE = 1e-4
# Steps at the first layer whose error must stay below this are computed in float64: in float32
# they begin to fail. Symmetric steps go over to float64 by themselves.
_FLOAT32_STEP = 3e-10


class StageError(DecoupleError):
    """A stage that ended before its targets; `partial` holds what was done.

    Attributes
    ----------
    partial : a `Noisified` or `Imposed`
    """

    def __init__(self, message: str, partial: Any) -> None:
        super().__init__(message)
        self.partial = partial

    def after(self, trace: tuple[LayerTrace, ...]) -> StageError:
        """The same, of a run that had done this before."""
        partial = replace(self.partial, trace=trace + self.partial.trace)
        return StageError(str(self), partial)


@dataclass(frozen=True)
class DecoupledFeatures:
    """The decoupled features of an image.

    Attributes
    ----------
    values : {layer: (C_k,) float64}, c_k = f_k(x̂_{k-1}): what each layer held before its turn
    ways : {layer: Way}, the steps in which they were taken off; putting them back in the same
        steps is exact
    signature : whose features they are (`Features.signature`); others' are refused. Empty: anyone's

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> taken = dc.noisify(image, features, reference)
    >>> noise = reference.features
    >>> halves = {name: (c + noise[name]) / 2 for name, c in taken.features.values.items()}
    >>> dc.impose(taken.image, dc.DecoupledFeatures(halves), features, reference).image.shape
    (24, 36, 3)
    """

    values: Mapping[str, np.ndarray]
    ways: Mapping[str, Way] = field(default_factory=dict, repr=False)
    signature: Mapping[str, str] = field(default_factory=dict, repr=False)


def checked_image(image: np.ndarray, extractor: Features) -> np.ndarray:
    """`image` in float64.

    Raises
    ------
    ImageError : not floats, wrong shape, non-finite, all one colour, or too small for the layers.
    """
    pixels = np.asarray(image)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ImageError(f"an image holds floats in 0-1, not {pixels.dtype}; divide by its peak")
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ImageError(f"an image has shape (height, width, 3), not {pixels.shape}")
    if not np.isfinite(pixels).all():
        raise ImageError("the image holds NaN or infinite values")
    extractor.check_size(*pixels.shape[:2])
    if np.ptp(pixels, axis=(0, 1)).max() == 0:
        raise ImageError(
            "the image is all one colour: its features cannot be moved apart; take another"
        )
    return pixels.astype(np.float64)


def move_layer(
    image: np.ndarray, motion: Motion, flow: Flow, observer: Observer
) -> tuple[Moved, LayerTrace]:
    """Carry out a layer's motion and report it, with the growth of errors if it is to come back."""
    first = len(motion.extractor.layers) == 1
    if first and motion.tolerance < _FLOAT32_STEP and flow.stepper_name != Symmetric.name:
        motion = replace(motion, extractor=motion.extractor.in_float64())
    return carried_out(image, motion, flow, observer)


def carried_out(
    image: np.ndarray, motion: Motion, flow: Flow, observer: Observer
) -> tuple[Moved, LayerTrace]:
    """Carry out a motion, and report it."""
    extractor, stage, end = motion.extractor, motion.stage, motion.end
    layer = extractor.layers[-1]
    began, before = time.perf_counter(), extractor.passes.count

    def passes() -> int:
        return extractor.passes.count - before

    shown: list[np.ndarray] = []

    def tell(fraction: float, features: np.ndarray) -> None:
        seconds = time.perf_counter() - began
        mse = extractor.mean_square(features - end)
        image = shown.pop() if shown else None
        shown.clear()
        observer(StepReport(stage, layer, fraction, passes(), seconds, mse, image=image))

    motion = replace(motion, seen=shown.append)
    with undisturbed():
        moved = flow.move(image, motion, tell)
    reached = extractor.measure(moved.image)
    trace = LayerTrace(
        stage=stage,
        layer=layer,
        stepper=flow.stepper_name,
        stop_reason=moved.stop_reason,
        steps=moved.steps,
        passes=passes(),
        seconds=time.perf_counter() - began,
        feature_mse=extractor.mean_square(reached - end),
        image_change_psnr_db=psnr_db(image, moved.image),
        threshold=moved.threshold,
        path=moved.path,
        growth=moved.way.growth if moved.way is not None else None,
        image_digest=digest(moved.image),
    )
    return moved, trace


# How a stage has its layers moved: as `move_layer` does.
Move = Callable[[np.ndarray, Motion, Flow, Observer], tuple[Moved, LayerTrace]]


class Attempt(NamedTuple):
    """A layer's motion and how it was carried out.

    Attributes
    ----------
    flow, motion : how, and what
    moved, trace : what came of it
    """

    flow: Flow
    motion: Motion
    moved: Moved
    trace: LayerTrace

    @property
    def arrived(self) -> bool:
        """Whether the layer's features are where they were to come."""
        return self.flow.arrived(self.trace.stop_reason)


def until_arrived(
    image: np.ndarray, ways: Iterable[tuple[Flow, Motion]], move: Move, observer: Observer
) -> list[Attempt]:
    """Carry out one motion after the other, each from `image`, until one arrives: those it took."""
    attempts: list[Attempt] = []
    for flow, motion in ways:
        attempts.append(Attempt(flow, motion, *move(image, motion, flow, observer)))
        if attempts[-1].arrived:
            break
    return attempts


def failure(trace: LayerTrace, extractor: Features) -> str:
    """One line on a layer that did not arrive: where, how far off, and what to do."""
    held = f", {extractor.size - extractor.sizes[-1]} held" if len(extractor.layers) > 1 else ""
    return (
        f"{trace.stage} stopped at {trace.layer} ({extractor.sizes[-1]} channels{held}) after "
        f"{trace.steps} steps with a feature MSE of {trace.feature_mse[trace.layer]:.1e}. "
        f"{trace.stop_reason.value}"
    )
