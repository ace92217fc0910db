"""The lift: the shortest motion of the image that moves one layer's features and holds others."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Protocol

import numpy as np

from decouple.errors import ConfigError, unknown_name
from decouple.flows.integrators import Adaptive, FixedStep
from decouple.flows.motion import Flow, Motion, Moved, Tell
from decouple.flows.newton import Newton
from decouple.flows.paths import PathKind
from decouple.flows.stop import StopReason
from decouple.flows.symmetric import Symmetric

if TYPE_CHECKING:
    from decouple.features.features import Features


class Stepper(Protocol):
    """How far to go along the lift at a time."""

    name: str

    def walk(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""


STEPPERS: dict[str, type[Symmetric | Adaptive | FixedStep | Newton]] = {
    "symmetric": Symmetric,
    "rk45": Adaptive,
    "dop853": Adaptive,
    "rk4": FixedStep,
    "euler": FixedStep,
    "newton": Newton,
}


def stepper(name: str, **options: int | float | None) -> Stepper:
    """The stepper called `name` with its options (`steps`, `max_steps`, ...).

    Raises
    ------
    ConfigError : there is no such stepper, or it has no such option or value.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.stepper("rk4", steps=8)
    FixedStep(name='rk4', steps=8)
    """
    if name not in STEPPERS:
        raise ConfigError(unknown_name("stepper", name, STEPPERS))
    kind = STEPPERS[name]
    known = [option.name for option in fields(kind) if option.name != "name"]
    for option, value in options.items():
        if option not in known:
            raise ConfigError(unknown_name(f"option of stepper {name}", option, known))
        if value is not None and not value > 0:
            raise ConfigError(f"stepper.{option}={value} must be above 0")
    return kind(name=name, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Lift:
    """dx/ds = J⁺ [0; d]: the active features go along d to their target, the held ones stay.

    Since the velocity is linear in d, the way back with −d retraces the same curve: self-transfer
    is exact up to the stepper's error. With `Symmetric` steps not even their size matters.

    Attributes
    ----------
    stepper : how far to go at a time
    path : which features the image has on its way: those of blends of it with the noise while no
        layer is held, and else in equal ratios; always those; or those on a straight line. Of
        `Symmetric` steps; others go straight

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> flow = dc.Lift(dc.stepper("rk4", steps=8))
    >>> source = dc.noisify(image, features, reference, flow=flow)
    >>> [trace.steps for trace in source.trace]
    [8, 8, 8]
    """

    stepper: Stepper = field(default_factory=Symmetric)
    path: PathKind = PathKind.BLEND
    name: str = "lift"

    @classmethod
    def suited_to(cls, extractor: Features) -> Lift:
        """With the stepper that meets a round trip's tolerance fastest.

        Symmetric steps where the network is smooth. Where its gradient jumps no stepper comes
        back, and those that control their error crawl along the kinks: RK4 in fixed steps.
        """
        return cls(Symmetric() if extractor.smooth else FixedStep("rk4"))

    @property
    def stepper_name(self) -> str:
        """The stepper's name."""
        return self.stepper.name

    def arrived(self, reason: StopReason) -> bool:
        """Only at its target: a path left half-way would mean nothing to the layers behind."""
        return reason is StopReason.REACHED

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        if isinstance(self.stepper, Symmetric):
            moved = self.stepper.walk(image, motion, tell, self.path)
            bent = moved.path in (PathKind.BLEND.value, PathKind.GEOMETRIC.value)
            if bent and not self.arrived(moved.stop_reason):
                return self.stepper.walk(image, motion, tell, PathKind.STRAIGHT)
            return moved
        return self.stepper.walk(image, motion, tell)


def in_symmetric_steps(flow: Flow) -> bool:
    """Whether a flow is the lift in `Symmetric` steps, which can be taken back."""
    return isinstance(flow, Lift) and isinstance(flow.stepper, Symmetric)
