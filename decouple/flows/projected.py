"""Descent of the active layer's loss, orthogonal to the gradients of the held layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError

from decouple.errors import ConfigError, NamedChoice
from decouple.flows.anderson import Anderson
from decouple.flows.descent import Seen, ended, layer_weights, watched
from decouple.flows.motion import Motion, Moved, Tell
from decouple.flows.optimizers import KerasOptimizer, Lbfgs, Optimizer
from decouple.flows.preconditioner import Factor
from decouple.flows.stop import StopReason
from decouple.flows.stopping import StopRules, Watch
from decouple.images import rms

if TYPE_CHECKING:
    from decouple.features.features import Point

# Mean square to which the held features are brought back after every step.
_HELD_MSE = 1e-11
# Share of the held gradients that may be left in a projected gradient; what is left between the
# two and falls no more is rounding.
_ORTHOGONALITY = 1e-6
_ROUNDED_ORTHOGONALITY = 1e-3
_MOST_ITERATIONS = 15
# More iterations than this, and the factor of K is made anew.
_WORN_ITERATIONS = 6
# In units of the network's epsilon: above the rounding of K, which would otherwise pass for the
# part of two held gradients in which they differ (shifted CholeskyQR: Fukaya et al., SIAM J. Sci.
# Comput. 42, 2020). What it leaves is for the repetition to take off.
_RIDGE = 10
# Of a step from which the held features cannot be restored, at most.
_HALVINGS = 10
# L-BFGS learns curvature on one tangent space; then it moves on to the next.
_ITERATIONS_A_TANGENT_SPACE = 20


class Projection(NamedChoice):
    """What the active layer's gradient is made orthogonal to."""

    CHANNEL = "channel"
    LAYER = "layer"


@dataclass(frozen=True)
class Projected:
    """Descend MSE_k with its gradient projected off the held layers' gradients.

    Miralles 2022 asks for it (chapter 3) and leaves it as future work (Gram–Schmidt).

    `channel`: off the gradients of all held channels, the rows of J. The Gram–Schmidt process on
    them is a QR factorization of Jᵀ, whose R is the Cholesky factor of K = J Jᵀ (CholeskyQR), so
    that Q is never formed: one pass of the process takes g to g − Jᵀ K⁻¹ J g. K is factored once
    in a while; J is that of the present image, and the process is repeated until what is left
    along the held gradients is small (re-orthogonalization). A straight step along the projected
    gradient still leaves the curved manifold {held = targets}, by the square of its length:
    after each step the image is brought back along the held gradients (a retraction: Absil,
    Mahony & Sepulchre, *Optimization Algorithms on Matrix Manifolds*, 2008, section 4.1). Where
    an earlier layer ended too far from its target for that, it is held where it is.

    `layer`: off the gradients of the held layers' losses only, one vector a layer. They vanish at
    the reference, where nothing is left to project off, so that the held layers drift away.

    Attributes
    ----------
    optimizer : how far to go at a time
    stop : when to end, for each stage; the loss is the active layer's
    projection : `channel` or `layer`

    Raises
    ------
    ConfigError : no such projection, or an optimizer with bounds, which no projection respects.

    Examples
    --------
    >>> import decouple as dc
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> features = dc.Moments(orders=3)
    >>> reference = dc.noise_reference(features, size=image.shape[:2])
    >>> source = dc.noisify(image, features, reference, flow=dc.Projected())
    >>> [trace.stop_reason.name for trace in source.trace]
    ['REACHED', 'REACHED', 'REACHED']
    """

    optimizer: Optimizer = field(default_factory=Lbfgs)
    stop: StopRules = field(default_factory=StopRules)
    projection: str = "channel"
    name: str = "projected"

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        Projection.named(self.projection)
        if getattr(self.optimizer, "bounded", False):
            raise ConfigError(
                "an optimizer with bounds has no meaning in Projected: the held layers decide "
                "where the image may go"
            )

    @property
    def stepper_name(self) -> str:
        """The optimizer's name."""
        return self.optimizer.name

    def arrived(self, reason: StopReason) -> bool:
        """Whether its image may go on: a threshold that is missed is a result, not an error."""
        return reason.usable

    def move(self, image: np.ndarray, motion: Motion, tell: Tell) -> Moved:
        """Carry out a motion; see `Flow.move`."""
        tangent = self._tangent(motion)
        watch = watched(motion, self.stop, tell, tangent.seen)
        try:
            tangent.centre(image)
            image = tangent.restored(image)
            first = tangent.loss(image)[0]
        except LinAlgError:  # the held features cannot be moved
            return Moved(image, StopReason.UNREACHABLE, 0)
        if watch.begin(first, image):
            return ended(watch)
        if isinstance(self.optimizer, KerasOptimizer):
            self._step_by_step(self.optimizer, tangent, image, watch)
        else:
            self._space_by_space(tangent, image, watch)
        return ended(watch)

    @staticmethod
    def _step_by_step(
        optimizer: KerasOptimizer, tangent: _Free, image: np.ndarray, watch: Watch
    ) -> None:
        """Project and bring back at every step."""
        descent = optimizer.begin(image.shape)
        tangent.centre(image)
        gradient = tangent.loss(image)[1]
        try:
            while watch.reason is None:
                image = tangent.stepped(image, descent.step(image, gradient))
                tangent.centre(image)
                loss, gradient = tangent.loss(image)
                watch.step(loss, image)
        except LinAlgError:  # the held gradients are dependent, or the way back to them is lost
            watch.reason = watch.reason or StopReason.UNREACHABLE

    def _space_by_space(self, tangent: _Free, image: np.ndarray, watch: Watch) -> None:
        """Let an optimizer with line searches work on one tangent space after another."""
        while watch.reason is None:
            iterations = 0

            def after(loss: float, y: np.ndarray) -> bool:
                nonlocal iterations, image
                image = tangent.retract(y).copy()
                iterations += 1
                over = watch.step(loss, image)
                return over or iterations >= tangent.most_iterations or tangent.worn

            try:
                tangent.centre(image)
                self.optimizer.begin(image.shape).run(tangent.loss, image, after)
            except LinAlgError:  # a line search went where the way back is lost
                tangent.worn = True
            if iterations == 0:
                watch.stuck()

    def _tangent(self, motion: Motion) -> _Free:
        if len(motion.extractor.layers) == 1:
            return _Free(motion)
        layerwise = Projection.named(self.projection) is Projection.LAYER
        return _LayerTangent(motion) if layerwise else _ChannelTangent(motion)


class _Free:
    """With nothing held, every direction is open."""

    # Of the optimizer, before the open directions are taken anew.
    most_iterations: float = np.inf

    def __init__(self, motion: Motion) -> None:
        self.motion, self.extractor = motion, motion.extractor
        self.weights = layer_weights(motion, active_only=True)
        self.seen = Seen(motion.extractor)
        self.worn = False

    def centre(self, image: np.ndarray) -> None:
        """Take the directions that are open at an image (H, W, 3)."""

    def restored(self, image: np.ndarray) -> np.ndarray:
        """As `retract`; where the targets are too far away, the features are held as they are."""
        return image

    def retract(self, image: np.ndarray) -> np.ndarray:
        """The image with the held features restored."""
        return image

    def stepped(self, image: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """As `retract` of `ahead`, or of what lies nearer to `image`, at which the centre is."""
        return self.retract(ahead)

    def loss(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """The active layer's MSE and its gradient along the open directions."""
        features, gradient = self.extractor.squared_error(image, self.motion.end, self.weights)
        self.seen.keep(image, features)
        return float(self.weights @ np.square(features - self.motion.end)), gradient


class _LayerTangent(_Free):
    """Directions orthogonal to the gradient of each held layer's loss."""

    most_iterations = _ITERATIONS_A_TANGENT_SPACE

    def loss(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """See `_Free.loss`."""
        extractor = self.extractor
        point = extractor.linearize(image)
        self.seen.keep(image, point.features)
        pull = 2 * layer_weights(self.motion) * (point.features - self.motion.end)
        edges = np.cumsum([0, *extractor.sizes])
        gradients = []
        for begin, end in pairwise(edges):
            cotangent = np.zeros_like(pull)
            cotangent[begin:end] = pull[begin:end]
            gradients.append(extractor.vjp(point, cotangent).ravel())
        held, active = np.stack(gradients[:-1], axis=1), gradients[-1]
        lengths = np.linalg.norm(held, axis=0)
        if (lengths > 0).any():
            q, _ = np.linalg.qr(held[:, lengths > 0] / lengths[lengths > 0])
            active = active - q @ (q.T @ active)
        value = float(self.weights @ np.square(point.features - self.motion.end))
        return value, active.reshape(image.shape)


class _ChannelTangent(_Free):
    """Images whose held features are at their targets, seen from a centre x_c.

    An image y stands for R(y) = y + J_cᵀ λ with the held features of R(y) at their targets, so
    that what is minimized is MSE_k(R(y)); its gradient is that of MSE_k at R(y) projected along
    the held gradients there, orthogonally to those at the centre.
    """

    most_iterations = _ITERATIONS_A_TANGENT_SPACE

    def __init__(self, motion: Motion) -> None:
        super().__init__(motion)
        self.depth = len(motion.extractor.layers) - 1
        self.held = motion.extractor.first(self.depth)
        self.targets = motion.end[: self.held.size]
        self.factor: Factor | None = None
        self.point: Point | None = None
        self.last: tuple[np.ndarray, np.ndarray] | None = None

    def centre(self, image: np.ndarray) -> None:
        """See `_Free.centre`."""
        self.point = self.held.linearize(image)
        self.last = None
        if self.factor is None or self.worn:
            ridge = _RIDGE * self.held.epsilon
            self.factor = Factor.at(self.held, self.point, ridge)
            self.worn = False

    def restored(self, image: np.ndarray) -> np.ndarray:
        """See `_Free.restored`."""
        try:
            return self.retract(image)
        except LinAlgError:  # a layer before it ended far from its threshold
            self.targets = self.held.measure(image)
            return image

    def stepped(self, image: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """See `_Free.stepped`: an optimizer's rate knows nothing of how curved {held} is.

        Raises
        ------
        numpy.linalg.LinAlgError : not even from next to the image can they be restored.
        """
        for _ in range(_HALVINGS):
            try:
                return self.retract(ahead)
            except LinAlgError:
                ahead = (image + ahead) / 2
        self.worn = True
        self.centre(image)
        return self.retract(ahead)

    def _centred(self) -> tuple[Point, Factor]:
        if self.point is None or self.factor is None:
            raise RuntimeError("no centre yet")
        return self.point, self.factor

    def retract(self, image: np.ndarray) -> np.ndarray:
        """See `_Free.retract`.

        Raises
        ------
        numpy.linalg.LinAlgError : the held features cannot be restored from there.
        """
        if self.last is not None and np.array_equal(self.last[0], image):
            return self.last[1]
        point, factor = self._centred()
        multipliers = np.zeros(self.held.size)
        anderson = Anderson(self.held.size, 5)
        x = image
        for iteration in range(_MOST_ITERATIONS):
            residual = self.targets - self.held.measure(x)
            if np.mean(np.square(residual)) < _HELD_MSE:
                self.worn = self.worn or iteration > _WORN_ITERATIONS
                self.last = (image.copy(), x)
                return x
            multipliers = anderson.next(multipliers, factor.solve(residual))
            x = image + self.held.vjp(point, multipliers)
        raise LinAlgError("the held features cannot be restored")

    def loss(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """See `_Free.loss`."""
        if self.point is None:
            self.centre(image)
        x = self.retract(image)
        extractor, end = self.extractor, self.motion.end
        here = extractor.linearize(x)
        self.seen.keep(x, here.features)
        difference = here.features - end
        gradient = extractor.vjp(here, 2 * self.weights * difference)
        _, held_here = extractor.part(here, self.depth)
        return float(self.weights @ np.square(difference)), self._project(gradient, held_here)

    def _project(self, gradient: np.ndarray, here: Point) -> np.ndarray:
        """g − J_xᵀ (J_c J_xᵀ)⁻¹ J_c g, by Gram–Schmidt steps repeated until it is orthogonal."""
        centre, factor = self._centred()
        along = self.held.jvp(centre, gradient)
        left = factor.distance(along)  # RMS of what lies along the held gradients
        for iteration in range(_MOST_ITERATIONS):
            gradient = gradient - self.held.vjp(here, factor.solve(along))
            along = self.held.jvp(centre, gradient)
            before, left = left, factor.distance(along)
            size = rms(gradient)
            if not left > _ORTHOGONALITY * size:
                self.worn = self.worn or iteration > _WORN_ITERATIONS
                return gradient
            if before / 2 < left < _ROUNDED_ORTHOGONALITY * size:
                return gradient
        self.worn = True
        return gradient
