"""From one picture to the features of another, on the straight line between their features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from decouple.errors import ConfigError, ImageError
from decouple.features.features import Features
from decouple.flows.landing import Landing
from decouple.flows.lift import Lift
from decouple.flows.motion import Motion, Way
from decouple.flows.paths import PathKind, Straight
from decouple.flows.trace import LayerTrace, Observer, ignore
from decouple.stages.accuracy import needed_by_features
from decouple.stages.layerwise import (
    DEFAULT_TOLERANCE,
    Move,
    StageError,
    checked_image,
    move_layer,
)

STAGE = "frame"


@dataclass(frozen=True)
class Frame:
    """An image whose features lie between those of two others.

    Attributes
    ----------
    image : (H, W, 3) float64; its values may leave [0, 1]
    share : of the way, from 0 at the source to 1 at the features of the target
    deviation : ‖f − ((1 − share) f_source + share f_target)‖, in units of ‖f_target − f_source‖
    trace : of the motion from the frame before; None of the source
    """

    image: np.ndarray
    share: float
    deviation: float
    trace: LayerTrace | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Line:
    """The straight line between the features of two pictures, measured in float64.

    Attributes
    ----------
    extractor : of the features, in float64
    start, end : (C,), the features of the pictures
    """

    extractor: Features
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def between(cls, source: np.ndarray, target: np.ndarray, extractor: Features) -> Line:
        """That of two pictures, (H, W, 3) each; ImageError where it has no length."""
        exact = extractor.in_float64()
        line = cls(exact, *(exact.measure(np.asarray(x, np.float64)) for x in (source, target)))
        if not line.length > 0:
            raise ImageError(
                "source and target have the same features: there is no way between them"
            )
        return line

    @property
    def length(self) -> float:
        """Euclidean, over all features together."""
        return float(np.linalg.norm(self.end - self.start))

    def at(self, share: float) -> np.ndarray:
        """The features (C,) at a share of the way."""
        return Straight(self.start, self.end)(share)

    def deviation(self, image: np.ndarray, share: float) -> float:
        """How far an image's features are from where they should be, in units of the length."""
        off = self.extractor.measure(np.asarray(image, np.float64)) - self.at(share)
        return float(np.linalg.norm(off)) / self.length


def interpolate(
    source: np.ndarray,
    target: np.ndarray,
    extractor: Features,
    frames: int = 9,
    deviation: float = 1e-6,
    tolerance: float = DEFAULT_TOLERANCE,
    observer: Observer = ignore,
    on_frame: Callable[[Frame], None] = lambda _: None,
    move: Move = move_layer,
) -> list[Frame]:
    """Move a picture along the straight line from its features to those of another.

    All layers move at once, and none is held. Each frame comes from the one before by the lift,
    the smallest motion that moves the features so: what they do not see stays the source's. The
    last frame has the target's features, and is not the target.

    Parameters
    ----------
    source, target : (H, W, 3), RGB, in [0, 1], of one size or not
    extractor : of the features
    frames : how many, both ends included
    deviation : of each frame from the line, at most; see `Frame`
    tolerance : how near the lift follows it on the way, RMS over the image, in units of its range
    observer : told of each step
    on_frame : told of each frame
    move : carries the motions out

    Raises
    ------
    ConfigError : fewer than two frames, or a deviation that is not positive.
    ImageError : a picture cannot be used, or both have the same features.
    StageError : a frame was not reached; `.partial` is those before it and where it ended.

    Examples
    --------
    >>> import decouple as dc
    >>> a, b = (dc.load(f"sample:{k}", size=16, fit="crop").pixels for k in ("brick", "grass"))
    >>> frames = dc.interpolate(a, b, dc.Moments(orders=3), frames=3)
    >>> [frame.share for frame in frames], max(frame.deviation for frame in frames) <= 1e-6
    ([0.0, 0.5, 1.0], True)
    """
    check_frames(frames)
    if not 0 < deviation < float("inf"):
        raise ConfigError(f"deviation={deviation} must be above 0")
    x, _ = (checked_image(image, extractor) for image in (source, target))
    line = Line.between(source, target, extractor)
    lift = replace(Lift.suited_to(extractor), path=PathKind.STRAIGHT)
    flow = Landing(deviation * line.length, lift)
    made = [Frame(x, 0.0, 0.0)]
    on_frame(made[0])
    way: Way | None = None
    for number in range(1, frames):
        share = number / (frames - 1)
        motion = Motion(
            extractor,
            line.at(made[-1].share),
            line.at(share),
            tolerance,
            way=way,
            stage=f"{STAGE}_{number}",
            near=needed_by_features(tolerance),
        )
        moved, trace = move(made[-1].image, motion, flow, observer)
        frame = Frame(moved.image, share, line.deviation(moved.image, share), trace)
        if not flow.arrived(trace.stop_reason):
            raise StageError(
                f"frame {number} of {frames - 1} was not reached: its features end "
                f"{frame.deviation:.1e} of the way's length beside it. {trace.stop_reason.value}",
                [*made, frame],
            )
        made.append(frame)
        on_frame(frame)
        way = moved.way and Way((), tuple((0.0, factor) for _, factor in moved.way.factors[-1:]))
    return made


def check_frames(frames: int) -> None:
    """Raise ConfigError unless there are at least two frames."""
    if frames < 2:
        raise ConfigError(f"frames={frames} is too few: at least 2, the ends of the way")
