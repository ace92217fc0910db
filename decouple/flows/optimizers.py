"""How far a descent goes at a time: Keras's optimizers and SciPy's L-BFGS-B.

An optimizer is a description; `begin` gives a descent with fresh state (moments, curvature),
which can be carried on in several calls of `run`, and in another process by `restore`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.optimize import Bounds, minimize

from decouple.blas import undisturbed
from decouple.errors import ConfigError, NamedChoice, unknown_name
from decouple.images import rms
from decouple.keras_settings import keras_as_needed

# From an image (H, W, 3), float64, to a loss and its gradient (H, W, 3).
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
# After each iteration, with the loss at its image and that image: True ends the run.
Callback = Callable[[float, np.ndarray], bool]


class Descent(Protocol):
    """An optimizer at work on one image."""

    def run(self, loss: Loss, image: np.ndarray, callback: Callback) -> np.ndarray | None:
        """Descend from `image` until `callback` says so; the image then, None if stuck."""

    def state(self) -> list[np.ndarray] | None:
        """What the next iteration depends on beside the image; see `restore`. None: not told."""

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Go on as the descent whose state this was; ValueError if it does not fit."""


class Optimizer(Protocol):
    """How far to go down a loss at a time."""

    @property
    def name(self) -> str:
        """What metrics.json calls it."""

    def feasible(self, image: np.ndarray) -> np.ndarray:
        """The nearest image (H, W, 3) that the optimizer's bounds admit."""

    def begin(self, shape: tuple[int, ...]) -> Descent:
        """A descent of images of this shape, with fresh state."""


class Decay(NamedChoice):
    """How a learning rate changes with the iterations."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    STEPS = "steps"
    COSINE = "cosine"


# {name: (Keras's class, learning rate for images in [0, 1], whether it is per pixel)}. A pixel has
# a share of 1/(h·w) in a mean, and so have gradients: optimizers that do not normalize them want
# rates proportional to the number of pixels. The rates are the largest tried, in steps of 2 to 3,
# that descend steadily at block1_conv1 and block2_conv1 of two photographs (32 to 128 px,
# calibrated filters).
KERAS: dict[str, tuple[str, float, bool]] = {
    "adadelta": ("Adadelta", 0.1, True),
    "adagrad": ("Adagrad", 0.03, True),
    "adam": ("Adam", 0.05, False),
    "adamax": ("Adamax", 0.1, False),
    "ftrl": ("Ftrl", 0.03, True),
    "nadam": ("Nadam", 0.05, False),
    "rmsprop": ("RMSprop", 0.02, False),
    "sgd": ("SGD", 0.1, True),
}


@dataclass
class KerasOptimizer:
    """One of Keras's optimizers, in float64.

    Attributes
    ----------
    name : adadelta, adagrad, adam, adamax, ftrl, nadam, rmsprop or sgd
    learning_rate : in units of the image's range where the optimizer normalizes the gradient
        (adam, adamax, nadam, rmsprop); None for the one in `KERAS`, times the number of pixels
        where it does not
    decay : `constant`, `exponential`, `steps` (exponential in stairs) or `cosine` (to 0)
    decay_iterations, decay_rate : the rate is multiplied by `decay_rate` every so many
        iterations; cosine ends after them
    options : more arguments of Keras's class, e.g. {momentum: 0.9}; None for none

    Raises
    ------
    ConfigError : no such optimizer, option or value.
    """

    name: str = "adam"
    learning_rate: float | None = None
    decay: str = "constant"
    decay_iterations: int = 100
    decay_rate: float = 0.5
    options: Any = None  # a mapping; OmegaConf cannot override an optional one that is typed

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        if self.name not in KERAS:
            raise ConfigError(unknown_name("optimizer", self.name, [*KERAS, "lbfgs"]))
        Decay.named(self.decay)
        if not isinstance(self.options, Mapping | None):
            raise ConfigError(f"options={self.options} must be a mapping")
        for name in ("learning_rate", "decay_iterations", "decay_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise ConfigError(f"{name}={value} must be a positive number")

    def rate(self, shape: tuple[int, ...]) -> float:
        """The learning rate at the start, for images of a shape (H, W, 3)."""
        if self.learning_rate is not None:
            return self.learning_rate
        _, rate, per_pixel = KERAS[self.name]
        return rate * shape[0] * shape[1] if per_pixel else rate

    def feasible(self, image: np.ndarray) -> np.ndarray:
        """See `Optimizer.feasible`: there are no bounds."""
        return image

    def begin(self, shape: tuple[int, ...]) -> KerasDescent:
        """A descent of images of this shape, with fresh state."""
        return KerasDescent(self, shape)

    def build(self, shape: tuple[int, ...]) -> Any:
        """The Keras optimizer itself, for images of a shape (H, W, 3).

        Raises
        ------
        ConfigError : `options` holds a name or value that it does not take.
        """
        with keras_as_needed() as keras:
            kind = getattr(keras.optimizers, KERAS[self.name][0])
            known = [p for p in inspect.signature(kind).parameters if p not in _NOT_OPTIONS]
            given = self.options or {}
            for option in given:
                if option not in known:
                    raise ConfigError(unknown_name(f"option of {self.name}", option, known))
            try:
                return kind(learning_rate=self._schedule(keras, self.rate(shape)), **given)
            except (TypeError, ValueError) as error:
                raise ConfigError(f"optimizer {self.name}: {str(error).splitlines()[0]}") from error

    def _schedule(self, keras: Any, rate: float) -> Any:
        schedules, decay = keras.optimizers.schedules, Decay.named(self.decay)
        if decay is Decay.CONSTANT:
            return rate
        if decay is Decay.COSINE:
            return schedules.CosineDecay(rate, self.decay_iterations)
        return schedules.ExponentialDecay(
            rate, self.decay_iterations, self.decay_rate, staircase=decay is Decay.STEPS
        )


# Arguments of Keras's classes that have settings of their own here, or no meaning.
_NOT_OPTIONS = (
    "learning_rate",
    "name",
    "kwargs",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


class KerasDescent:
    """Keras's state for one image; the update is compiled once."""

    def __init__(self, optimizer: KerasOptimizer, shape: tuple[int, ...]) -> None:
        import tensorflow as tf

        with keras_as_needed() as keras:
            self._image = keras.Variable(np.zeros(shape), dtype="float64", name="image")
            self._keras = keras_optimizer = optimizer.build(shape)
            keras_optimizer.build([self._image])

            def update(image: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
                self._image.assign(image)
                keras_optimizer.apply([gradient], [self._image])
                return self._image.value

            spec = tf.TensorSpec(shape, tf.float64)
            # Traced here, as Keras's settings enter when it is.
            self._update = tf.function(update).get_concrete_function(spec, spec)

    def step(self, image: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The image (H, W, 3) one step further, from the gradient there."""
        return self._update(image, gradient).numpy()

    def state(self) -> list[np.ndarray]:
        """Keras's own variables: iterations, rate, moments; see `Descent.state`."""
        return [np.copy(variable.numpy()) for variable in self._keras.variables]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """See `Descent.restore`."""
        variables = self._keras.variables
        if [np.shape(value) for value in state] != [tuple(v.shape) for v in variables]:
            raise ValueError("the state is of another optimizer or size of image")
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)

    def run(self, loss: Loss, image: np.ndarray, callback: Callback) -> np.ndarray | None:
        """See `Descent.run`."""
        gradient = loss(image)[1]
        while True:
            image = self.step(image, gradient)
            value, gradient = loss(image)
            if callback(value, image):
                return image


@dataclass
class Lbfgs:
    """SciPy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995; Zhu et al. 1997).

    Attributes
    ----------
    memory : pairs kept
    lower, upper : bounds of every value of the image; None for none
    evaluations : SciPy begins anew, with fresh curvature, after so many evaluations of the loss
        (and the end of the line search they fall in), and that is one iteration: the outer
        iteration of Keras's example, with 20. None keeps the curvature, and an iteration is
        SciPy's

    Raises
    ------
    ConfigError : bounds that leave no room, or no memory.
    """

    memory: int = 10
    lower: float | None = None
    upper: float | None = None
    evaluations: int | None = None
    name: str = "lbfgs"

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        if self.memory < 1:
            raise ConfigError(f"memory={self.memory} is too small: at least 1")
        if self.evaluations is not None and self.evaluations < 2:
            raise ConfigError(f"evaluations={self.evaluations} is too small: at least 2")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ConfigError(f"lower={self.lower} must be below upper={self.upper}")

    @property
    def bounded(self) -> bool:
        """Whether values of the image are kept within bounds."""
        return self.lower is not None or self.upper is not None

    def feasible(self, image: np.ndarray) -> np.ndarray:
        """See `Optimizer.feasible`."""
        return np.clip(image, self.lower, self.upper) if self.bounded else image

    def begin(self, shape: tuple[int, ...]) -> Descent:
        """A descent of images of this shape."""
        return _LbfgsDescent(self)


class _LbfgsDescent:
    """L-BFGS-B; the curvature it has learnt is SciPy's own and ends with each call of it."""

    def __init__(self, optimizer: Lbfgs) -> None:
        self._optimizer = optimizer

    def state(self) -> list[np.ndarray] | None:
        """Nothing where each iteration is a call of SciPy; within one, SciPy does not tell it."""
        return None if self._optimizer.evaluations is None else []

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """See `Descent.restore`."""
        if state:
            raise ValueError("the state is of another optimizer")

    def run(self, loss: Loss, image: np.ndarray, callback: Callback) -> np.ndarray | None:
        """See `Descent.run`."""
        if self._optimizer.evaluations is None:
            ended, image, _ = self._minimize(loss, image, callback)
            return image if ended else None
        while True:
            ended, after, value = self._minimize(loss, image)
            if not ended and np.array_equal(after, image):
                return None
            image = after
            if callback(value, image):
                return image

    def _minimize(
        self, loss: Loss, image: np.ndarray, callback: Callback = lambda _loss, _image: False
    ) -> tuple[bool, np.ndarray, float]:
        """One call of SciPy: whether the callback or a non-finite loss ended it, image and loss."""
        shape, options = image.shape, self._optimizer
        scale: float | None = None
        ended = False

        def flat(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal scale
            value, gradient = loss(x.reshape(shape))
            if not np.isfinite(value):
                raise FloatingPointError  # SciPy's line search would go on for long
            if scale is None:
                # SciPy's first step has the gradient's length: brought to 1 % of the range.
                length = rms(gradient)
                scale = 0.01 / length if 0 < length < np.inf else 1.0
            return scale * value, scale * gradient.ravel()

        def after(intermediate_result: Any) -> None:
            nonlocal ended
            result = intermediate_result
            ended = callback(float(result.fun) / (scale or 1.0), result.x.reshape(shape))
            if ended:
                raise StopIteration

        lower = -np.inf if options.lower is None else options.lower
        upper = np.inf if options.upper is None else options.upper
        # The stop rules decide, not SciPy's tolerances and limits.
        endless = {"ftol": 0.0, "gtol": 0.0, "maxiter": 10**9}
        # SciPy ends when it has made more than this many.
        most = 10**9 if options.evaluations is None else options.evaluations - 1
        try:
            with undisturbed():
                result = minimize(
                    flat,
                    image.ravel(),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=Bounds(lower, upper) if options.bounded else None,
                    callback=after,
                    options={"maxcor": options.memory, "maxfun": most, **endless},
                )
        except FloatingPointError:
            callback(np.nan, image)
            return True, image, np.nan
        return ended, result.x.reshape(shape), float(result.fun) / (scale or 1.0)


def optimizer(name: str, **options: Any) -> Optimizer:
    """The optimizer called `name` with its options.

    Raises
    ------
    ConfigError : no such optimizer, option or value.

    Examples
    --------
    >>> import decouple as dc
    >>> dc.optimizer("adam", learning_rate=0.01).learning_rate
    0.01
    """
    kind = Lbfgs if name == "lbfgs" else KerasOptimizer
    known = [option for option in inspect.signature(kind).parameters if option != "name"]
    for option in options:
        if option not in known:
            raise ConfigError(unknown_name(f"option of optimizer {name}", option, known))
    return kind(name=name, **options)
