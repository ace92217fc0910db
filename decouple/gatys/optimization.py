"""Optimizing an image under an objective: the loop of Gatys, Ecker & Bethge 2016.

The loop is that of every descent here (`decouple.flows`): the optimizer says how far to go, a
`Watch` when to end and which image was the best. What it adds is a state that can be carried on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError
from decouple.flows.optimizers import Loss, Optimizer
from decouple.flows.stop import StopReason
from decouple.flows.stopping import StopRule, Watch
from decouple.flows.trace import LayerTrace, Observer, StepReport, ignore
from decouple.gatys.objective import Objective
from decouple.images import digest, psnr_db

STAGE = "optimize"
# A forward pass and the way back of the gradient.
PASSES = 2
# Of gradients that are remembered, in bytes.
_LARGEST_MEMORY = 2**28


@dataclass(frozen=True, eq=False)
class State:
    """All that an optimization goes on from: given back, it goes on as if it had not stopped.

    Attributes
    ----------
    image : (H, W, 3) float64, where the optimizer is
    start : (H, W, 3) float64, where it began
    losses : at the start
    optimizer : see `Descent.state`; where that is not told, the losses (E,) and gradients
        (E, H, W, 3) that the optimizer was given, of which the first may be enough
    watch : see `Watch.state`
    passes, seconds : taken so far
    """

    image: np.ndarray
    start: np.ndarray
    losses: Mapping[str, float]
    optimizer: Sequence[np.ndarray]
    watch: Mapping[str, np.ndarray]
    passes: int
    seconds: float

    @property
    def iterations(self) -> int:
        """How many are done."""
        return int(self.watch["iterations"])


@dataclass(frozen=True, eq=False)
class Optimized:
    """Where an optimization ended.

    Attributes
    ----------
    image : (H, W, 3) float64, the best one; its values may leave [0, 1]
    trace : of the whole, what was done before a resumption included
    state : to go on from
    """

    image: np.ndarray
    trace: LayerTrace
    state: State = field(repr=False)


# Told after each iteration how many are done, the image and its losses; the last argument makes
# the state to go on from.
OnIteration = Callable[[int, np.ndarray, Mapping[str, float], Callable[[], State]], None]


def optimize(
    objective: Objective,
    image: np.ndarray,
    optimizer: Optimizer,
    rule: StopRule,
    observer: Observer = ignore,
    on_iteration: OnIteration = lambda _count, _image, _losses, _state: None,
    state: State | None = None,
    stage: str = STAGE,
) -> Optimized:
    """Descend an objective from an image.

    A run that is cut in two by `state` does what the uncut run does, number for number where the
    network's passes are deterministic, if it was cut after a multiple of `rule.check_every`
    iterations. Keras's optimizers tell their state, and L-BFGS has none that begins anew at each
    iteration (`Lbfgs.evaluations`). Else its curvature lies within SciPy: it is led from the start
    to where it was by the losses and gradients that it was given then.

    >>> import decouple as dc
    >>> from decouple.flows import Lbfgs, StopRule
    >>> from decouple.gatys import Objective, content, optimize, style
    >>> chain = dc.vgg19(weights="calibrated", last="block1_conv1")
    >>> photograph = dc.load("sample:astronaut", size=16).pixels
    >>> texture = dc.load("sample:grass", size=16).pixels
    >>> objective = Objective(chain, {
    ...     "content": 1.0 * content(chain, photograph, 1),
    ...     "style": 1e3 * style(chain, texture, 1),
    ... })
    >>> done = optimize(objective, photograph, Lbfgs(evaluations=20), StopRule(max_iterations=2))
    >>> done.trace.losses["total"] < 0.5 * done.trace.losses_before["total"]
    True

    Parameters
    ----------
    objective : what to descend
    image : (H, W, 3), nominally in [0, 1], where to begin; never clipped on the way, unless the
        optimizer has bounds
    optimizer, rule : how far to go at a time, and when to end. An iteration is the optimizer's
    observer : told at every look (see `StopRule.check_every`)
    on_iteration : told after every iteration
    state : to go on from, instead of from `image`
    stage : what reports and the trace call it

    Raises
    ------
    ImageError : the image does not fit the objective.
    ConfigError : the state is of another optimizer or size of image.
    """
    measured = _Measured(objective)
    descent = optimizer.begin(np.shape(image))
    remembered = None if descent.state() is not None else _Remembered(measured, objective)
    began = time.perf_counter()

    def seconds() -> float:
        return time.perf_counter() - began + (state.seconds if state else 0.0)

    def look(fraction: float, x: np.ndarray) -> None:
        losses = measured.losses(x)
        observer(StepReport(stage, "", fraction, measured.passes, seconds(), {}, losses, x))

    watch = Watch(rule, lambda: measured.passes, look)
    if state is None:
        x = start = np.asarray(image, np.float64)
        before: Mapping[str, float] = measured.losses(start)
        measured.passes = PASSES
        over = watch.begin(before["total"], start)
    else:
        check_fits(state, np.shape(image), optimizer)
        (remembered or descent).restore(state.optimizer)
        x, start, before = state.image, state.start, state.losses
        # Evaluated as it was when the state was made, but counted then.
        measured.losses(x)
        measured.passes = state.passes
        over = watch.resume(state.watch)
    last = x
    led = 0
    if state is not None and remembered is not None:
        x, led = start, state.iterations

    def after(loss: float, x: np.ndarray) -> bool:
        nonlocal last, led
        last = x.copy()
        if state is not None and led > 0:
            led -= 1
            measured.passes = state.passes  # what was forgotten has been evaluated once more
            return False
        over = watch.step(loss, x)
        on_iteration(watch.iterations, last, measured.losses(x), snapshot)
        return over

    def snapshot() -> State:
        own = descent.state() if remembered is None else remembered.state()
        return State(last, start, before, own or [], watch.state(), measured.passes, seconds())

    if not over and descent.run(remembered or measured, x, after) is None:
        watch.stuck()
    reason = watch.reason or StopReason.STAGNATED
    trace = LayerTrace(
        stage=stage,
        layer="",
        stepper=optimizer.name,
        # Nothing was to be reached: the iterations are what was asked for.
        stop_reason=StopReason.COMPLETED if reason is StopReason.STEP_LIMIT else reason,
        steps=watch.iterations,
        passes=measured.passes,
        seconds=seconds(),
        feature_mse={},
        image_change_psnr_db=psnr_db(start, watch.best),
        threshold=watch.threshold,
        losses=measured.losses(watch.best),
        losses_before=before,
        image_digest=digest(watch.best),
    )
    return Optimized(watch.best, trace, snapshot())


class _Measured:
    """An objective as a `Loss` of float64 images (H, W, 3) that counts passes.

    An optimizer and those who look at it ask for the same image one after another: it is evaluated
    once.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._at: np.ndarray | None = None
        self._value: tuple[float, np.ndarray, dict[str, float]] | None = None
        self.passes = 0

    def __call__(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient (H, W, 3)."""
        if not self._known(image):
            self.passes += PASSES
        loss, gradient, _ = self._evaluated(image)
        return loss, gradient

    def losses(self, image: np.ndarray) -> dict[str, float]:
        """`total` and the weighted parts; looking is not descending, and costs no pass."""
        return self._evaluated(image)[2]

    def _known(self, image: np.ndarray) -> bool:
        return self._at is not None and np.array_equal(self._at, image)

    def _evaluated(self, image: np.ndarray) -> tuple[float, np.ndarray, dict[str, float]]:
        if self._value is None or not self._known(image):
            objective = self._objective
            images = tf.constant(image[None], objective.chain.dtype)
            loss, gradient, values = objective.loss_and_gradient(images)
            parts: dict[str, float] = {}
            for path, value in values.items():
                name = path.split("/")[0]
                parts[name] = parts.get(name, 0.0) + objective.weights[path] * float(value)
            losses = {"total": float(loss), **parts}
            self._at = np.array(image)
            self._value = (float(loss), gradient.numpy()[0].astype(np.float64), losses)
        return self._value


class _Remembered:
    """A `Loss` that remembers what it said, for an optimizer that does not tell its state.

    Given the same answers it takes the same steps, in the time of a few passes. What is more than
    `_LARGEST_MEMORY` is forgotten, and evaluated again.
    """

    def __init__(self, loss: Loss, objective: Objective) -> None:
        self._loss, self._dtype = loss, objective.chain.dtype
        self._losses: list[float] = []
        self._gradients: list[np.ndarray] = []
        self._asked = 0

    def __call__(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient (H, W, 3), float64."""
        place, self._asked = self._asked, self._asked + 1
        if place < len(self._losses):
            return self._losses[place], self._gradients[place].astype(np.float64)
        loss, gradient = self._loss(image)
        kept = gradient.astype(self._dtype)  # no digit is lost: it comes from there
        if place == len(self._losses) and (place + 1) * kept.nbytes <= _LARGEST_MEMORY:
            self._losses.append(loss)
            self._gradients.append(kept)
        return loss, gradient

    def state(self) -> list[np.ndarray]:
        """What it said so far; see `State.optimizer`."""
        return [np.array(self._losses), np.array(self._gradients)] if self._losses else []

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Say the same again."""
        losses, gradients = state or ((), ())
        self._losses, self._gradients = [float(loss) for loss in losses], list(gradients)

    @staticmethod
    def check(state: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
        """Raise ValueError if it is no state of this, of images of a shape."""
        if not state:
            return
        sizes = [array.shape for array in state]
        count = sizes[0][:1]
        if sizes != [count, (*count, *shape)] or any(array.dtype.kind != "f" for array in state):
            raise ValueError("the state is of another optimizer")


def check_fits(state: State, shape: tuple[int, ...], optimizer: Optimizer) -> None:
    """Compare a state with the optimizer that is to go on from it.

    Raises
    ------
    ConfigError : the state is of another optimizer, or not of images of this shape (H, W, 3).
    """
    if state.image.shape != shape:
        raise ConfigError(
            f"the state is of an image of shape {state.image.shape}, but this one has {shape}"
        )
    descent = optimizer.begin(shape)
    try:
        if descent.state() is None:
            _Remembered.check(state.optimizer, shape)
        else:
            descent.restore(state.optimizer)
    except ValueError as error:
        raise ConfigError(str(error)) from error
