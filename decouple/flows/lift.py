"""The lift: the shortest motion of the image that moves one layer's features and holds others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from decouple.errors import ConfigError, unknown_name
from decouple.flows.integrators import Adaptive, FixedStep
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.newton import Newton
from decouple.flows.symmetric import Symmetric


class Stepper(Protocol):
    """How far to go along the lift at a time."""

    name: str

    def walk(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""


STEPPERS = ("symmetric", "rk45", "dop853", "rk4", "euler", "newton")


def stepper(name: str, **options: int | float) -> Stepper:
    """The stepper called `name` with its options (`steps`, `max_steps`, ...).

    Raises
    ------
    ConfigError : there is no such stepper.
    """
    if name == "symmetric":
        return Symmetric(**options)  # type: ignore[arg-type]
    if name == "newton":
        return Newton(**options)  # type: ignore[arg-type]
    if name in ("rk45", "dop853"):
        return Adaptive(name, **options)  # type: ignore[arg-type]
    if name in ("rk4", "euler"):
        return FixedStep(name, **options)  # type: ignore[arg-type]
    raise ConfigError(unknown_name("stepper", name, STEPPERS))


@dataclass(frozen=True)
class Lift:
    """dx/ds = J⁺ [0; d]: the active features go straight to their target, the held ones stay.

    Since the velocity is linear in d, the way back with −d retraces the same curve: self-transfer
    is exact up to the stepper's error. With `Symmetric` steps not even their size matters.
    """

    stepper: Stepper = field(default_factory=Symmetric)
    name: str = "lift"

    @property
    def stepper_name(self) -> str:
        """The stepper's name."""
        return self.stepper.name

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        return self.stepper.walk(image, motion, tell)
