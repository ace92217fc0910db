"""Total variation: what neighbouring pixels differ by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, NamedChoice
from decouple.gatys.tree import Term

# (dx² + dy²)^1.25, the exponent of Keras's example.
KERAS_EXPONENT = 1.25


class Form(NamedChoice):
    """How differences to the right (dx) and downwards (dy) neighbour become one number.

    power : Σ(dx² + dy²)^exponent over the pixels that have both neighbours, and the channels
        (Mahendran & Vedaldi 2015, arXiv 1412.0035, with β = 2·exponent; Keras's
        example has exponent 1.25)
    squared : the same with exponent 1
    absolute : (mean |dx| + mean |dy|) / 2 over all pairs of neighbours (d2l.ai, section 14.12)
    """

    POWER = "power"
    SQUARED = "squared"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, repr=False)
class TotalVariation(Term):
    """Total variation of the image itself.

    Parameters
    ----------
    form : `power`, `squared` or `absolute`; see `Form`
    exponent : of `power`, at least 1 (below, a flat area has no gradient); no other form takes it
    scale : what the image in [0, 1] is multiplied by, a number or one for each channel (R, G, B).
        255 gives the units of Keras's example, so that reported weights mean the same; 1/std
        (0.229, 0.224, 0.225) those of d2l.ai, which measures the normalized picture

    Raises
    ------
    ConfigError : unknown form, exponent or scale out of range.
    """

    form: Form = Form.POWER
    exponent: float = KERAS_EXPONENT
    scale: float | tuple[float, float, float] = 1.0
    layer: None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Take a name as well, and check the numbers."""
        object.__setattr__(self, "form", Form.named(self.form))
        if not 1 <= self.exponent < np.inf:
            raise ConfigError(f"exponent={self.exponent:g} must be a finite number from 1")
        if self.form is not Form.POWER and self.exponent != KERAS_EXPONENT:
            raise ConfigError(f"exponent= has no meaning with total variation '{self.form.value}'")
        scales = np.asarray(self.scale, float)
        if scales.shape not in ((), (3,)) or not (np.isfinite(scales) & (scales > 0)).all():
            raise ConfigError(f"scale={self.scale} must be a positive number, or three of them")

    @property
    def title(self) -> str:
        """As in the tree."""
        form = f"exponent {self.exponent:g}" if self.form is Form.POWER else self.form.value
        values = np.atleast_1d(self.scale)
        return f"total variation, {form}, scale {', '.join(f'{v:.4g}' for v in values)}"

    def value(self, seen: tf.Tensor, pixels: int) -> tf.Tensor:
        """See `Term.value`; `seen` is the image."""
        image = seen * tf.constant(self.scale, seen.dtype)
        if self.form is Form.ABSOLUTE:
            down = tf.reduce_mean(tf.abs(image[:, 1:] - image[:, :-1]))
            right = tf.reduce_mean(tf.abs(image[:, :, 1:] - image[:, :, :-1]))
            return 0.5 * (down + right)
        corner = image[:, :-1, :-1]
        squares = tf.square(image[:, 1:, :-1] - corner) + tf.square(image[:, :-1, 1:] - corner)
        if self.form is Form.SQUARED:
            return tf.reduce_sum(squares)
        return tf.reduce_sum(tf.pow(squares, tf.constant(self.exponent, seen.dtype)))
