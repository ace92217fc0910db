"""Why a movement of an image ended, in words a user can read."""

from __future__ import annotations

from enum import Enum


class StopReason(Enum):
    """Each member carries the sentence that is shown and, by its name, stored in metrics.json."""

    REACHED = "The features reached their targets."
    COMPLETED = "All iterations, or passes, that were asked for are done."
    OFF_TARGET = (
        "The steps ended away from their target: take more steps, or a stepper that controls its "
        "error."
    )
    STEP_LIMIT = "The step limit came before the target; the image is as far as it got."
    UNREACHABLE = (
        "The features stopped moving towards their target: try a picture of more shades, a larger "
        "image, fewer layers or a stricter mask (min_slope)."
    )
    STAGNATED = (
        "The loss stopped falling before its threshold: try another optimizer or learning rate, or "
        "accept it with a higher threshold (loss)."
    )
    STEP_COLLAPSE = (
        "The step size collapsed before the target: the path is too sharply bent here; try "
        "softplus activations, fewer layers or a larger image."
    )
    NOT_FINITE = "Infinite or undefined values appeared; the last finite image was kept."

    @property
    def succeeded(self) -> bool:
        """Whether it went as asked: the targets reached, or as far as was wanted."""
        return self in (StopReason.REACHED, StopReason.COMPLETED)

    @property
    def usable(self) -> bool:
        """Whether a descent that ended so has an image worth going on with."""
        return self.succeeded or self in (StopReason.STEP_LIMIT, StopReason.STAGNATED)

    @property
    def label(self) -> str:
        """The name used in files: lower case with underscores."""
        return self.name.lower()
