"""Steppers that integrate the lift's velocity field: Euler, RK4, and SciPy's adaptive pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import DOP853, RK45, OdeSolver

from decouple.flows.field import LiftField, SingularError
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.stop import StopReason
from decouple.images import rms

# Of the velocity: near float32's rounding, so that only the step size limits the order.
_FIXED_ACCURACY = 1e-7


@dataclass
class FixedStep:
    """`steps` equal steps of Euler's method or of the classical Runge–Kutta method.

    Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, section II.1.
    """

    name: str = "rk4"
    steps: int = 16

    def walk(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        field = LiftField(motion, _FIXED_ACCURACY)
        slope = self._euler if self.name == "euler" else self._rk4
        x, h = image, 1.0 / self.steps
        for step in range(1, self.steps + 1):
            try:
                moved = x + h * slope(field, x, h)
            except SingularError:
                return Moved(x, StopReason.UNREACHABLE, step - 1)
            if not np.isfinite(moved).all():
                return Moved(x, StopReason.NOT_FINITE, step - 1)
            x = moved
            features = motion.extractor.measure(x)
            motion.show(x)
            tell(step / self.steps, features)
        return Moved(x, motion.ended(features), self.steps)

    @staticmethod
    def _euler(field: LiftField, x: np.ndarray, _: float) -> np.ndarray:
        return field.velocity(x)

    @staticmethod
    def _rk4(field: LiftField, x: np.ndarray, h: float) -> np.ndarray:
        k1 = field.velocity(x)
        k2 = field.velocity(x + h / 2 * k1)
        k3 = field.velocity(x + h / 2 * k2)
        k4 = field.velocity(x + h * k3)
        return (k1 + 2 * k2 + 2 * k3 + k4) / 6


@dataclass
class Adaptive:
    """SciPy's `RK45` (Dormand & Prince 1980) or `DOP853` (Hairer, Nørsett & Wanner).

    The local error allowed is the motion's tolerance, in RMS over the image.
    """

    name: str = "rk45"
    max_steps: int = 10_000
    smallest_step: float = 1e-5

    def walk(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        field = LiftField(motion, 0.1 * _FIXED_ACCURACY)
        steps = 0
        reached = image
        try:
            speed = rms(field.velocity(image))
            # The velocity's error must stay below the integrator's.
            field.accuracy = float(np.clip(0.1 * motion.tolerance / (speed + 1e-300), 1e-8, 1e-3))
            solver = self._solver(field, image, motion.tolerance)
            while solver.status == "running" and steps < self.max_steps:
                solver.step()
                if solver.status == "failed":
                    return Moved(reached, StopReason.STEP_COLLAPSE, steps)
                if not np.isfinite(solver.y).all():
                    return Moved(reached, StopReason.NOT_FINITE, steps)
                steps += 1
                reached = np.reshape(solver.y, image.shape)
                # Both pairs end a step with the velocity at its end.
                motion.show(reached)
                tell(float(solver.t), field.features)
                if solver.status == "running" and solver.step_size < self.smallest_step:
                    return Moved(reached, StopReason.STEP_COLLAPSE, steps)
        except SingularError:
            return Moved(reached, StopReason.UNREACHABLE, steps)
        if solver.status == "running":
            return Moved(reached, StopReason.STEP_LIMIT, steps)
        return Moved(reached, motion.ended(field.features), steps)

    def _solver(self, field: LiftField, image: np.ndarray, tolerance: float) -> OdeSolver:
        method = DOP853 if self.name == "dop853" else RK45

        def velocity(_: float, flat: np.ndarray) -> np.ndarray:
            return field.velocity(flat.reshape(image.shape)).ravel()

        # SciPy's norm is the RMS already. A first step is given, for its own estimate of one
        # compares velocities with values of the image, which have nothing to do with s.
        return method(
            velocity, 0.0, image.ravel(), 1.0, first_step=1 / 64, rtol=1e-13, atol=tolerance
        )
