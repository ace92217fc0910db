"""The objective of the Gatys family: weighted terms over one network, and its gradient.

Units. Images are in [0, 1], and with ImageNet weights the first convolution has the preprocessing
of Keras's VGG folded in: its kernels are multiplied by 255 and their channels exchanged, so that
(image - offset) in 0..1 RGB gives the activations that (255·image - mean) in BGR gave. Hence
content and style terms have the very values that the same formulas have on a 0-255 picture, and
weights reported for Keras's networks (Moreno, Sbruzzi) are taken over as they are. A total
variation is one of the pixels themselves: it needs `scale=255` for its reported weight to mean the
same. What does change is the gradient, which is per unit of an image in [0, 1] and thereby 255
times larger: a learning rate given for 0-255 pixels is to be divided by 255² for plain descent and
by 255 for methods whose step does not depend on the gradient's size (Adam).
Weights that were reported for torchvision's networks (the course, Chavez et al.), trained on
pictures normalized to standard deviation 1, or that are to serve calibrated filters, whose
activations are of order 1, mean something else here: give shares of the gradient, `balanced`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, ImageError
from decouple.gatys.tree import Group, Part, Weighted
from decouple.networks.chain import Chain

Evaluation = tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]


class Objective:
    """A weighted sum of terms, as a function of an image. Immutable; `print` shows its tree.

    >>> import decouple as dc
    >>> from decouple.gatys import Objective, TotalVariation, content, style
    >>> chain = dc.vgg19(weights="calibrated", last="block2_conv1")
    >>> photograph = dc.load("sample:astronaut", size=16).pixels
    >>> texture = dc.load("sample:grass", size=16).pixels
    >>> print(Objective(chain, {
    ...     "content": 0.025 * content(chain, photograph, ["block2_conv1"]),
    ...     "style": 1.0 * style(chain, texture, layers=2, normalization="keras"),
    ...     "variation": 1e-4 * TotalVariation(scale=255),
    ... }))
    objective on vgg19 (calibrated, softplus, average)
    ├─ 0.025 × content
    │  └─ 1 × block2_conv1: content, sum of squares
    ├─ 1 × style
    │  ├─ 0.5 × block1_conv1: Gram / 6HW of the image, sum of squares
    │  └─ 0.5 × block2_conv1: Gram / 6HW of the image, sum of squares
    └─ 0.0001 × variation: total variation, exponent 1.25, scale 255

    Parameters
    ----------
    chain : the network; it is cut after the deepest layer that a term needs
    parts : {name: weight * part}, or a Group

    Attributes
    ----------
    tree : Group, as given
    weights : {path: weight of the term in the whole}

    Raises
    ------
    ConfigError : a term's layer is unknown, or lies behind the end of the chain.
    """

    def __init__(self, chain: Chain, parts: Mapping[str, Weighted | Part] | Group) -> None:
        self.tree = parts if isinstance(parts, Group) else Group(parts)
        terms = self.tree.terms()
        self.weights = {path: weight for path, (weight, _) in terms.items()}
        self._terms = {path: term for path, (_, term) in terms.items()}
        needed = {term.layer for term in self._terms.values() if term.layer is not None}
        self.layers = chain.architecture.resolve_layers(sorted(needed)) if needed else ()
        self.chain = chain.until(self.layers[-1]) if self.layers else chain
        # No autograph: there is nothing to convert, and it would wrap our errors in its own.
        self._compiled = tf.function(self._evaluate, autograph=False)

    def __repr__(self) -> str:
        """The tree, with the network it stands on."""
        chain = self.chain
        kind = f"{chain.weights.origin}, {chain.activation.value}, {chain.pooling.value}"
        first = f"objective on {chain.architecture.name} ({kind})"
        return "\n".join([first, *self.tree.tree_lines()])

    def loss_and_gradient(self, images: tf.Tensor) -> Evaluation:
        """The objective at an image, its gradient, and what it consists of.

        Compiled once for each image size; can be called within a `tf.function`.

        Parameters
        ----------
        images : (1, H, W, 3) in [0, 1], not clipped; of the chain's type

        Returns
        -------
        loss : scalar of the chain's type, Σ weight·value
        gradient : (1, H, W, 3), with respect to `images`
        values : {path of the term: its value, not weighted}

        Raises
        ------
        ImageError : not such an image, too small for the layers, or of another size than a
            term's target.
        """
        return self._compiled(self._checked(images))

    def balanced(self, image: np.ndarray, shares: Mapping[str, float]) -> Objective:
        """The same terms, weighted such that each has its share of the gradient at an image.

        The norm of the weighted gradient of each part named is its share of their sum, which is 1.
        (The norm of the sum is less, as they do not point the same way.) Within a group that is
        named, weights keep their ratios.

        Parameters
        ----------
        image : (H, W, 3), where the optimization starts. A term that is at its target there, as
            content is if it starts from the content picture, has no gradient: add noise to it
        shares : {path of a term or a group: share}, not negative, their sum positive; scaled to
            sum 1. Each term must be in one of them

        Raises
        ------
        ConfigError : shares out of range, a path that does not exist, a term in none or in two of
            the paths, or one that has no gradient.
        ImageError : as in `loss_and_gradient`.
        """
        parts = self.tree.partition(shares)
        for path, share in shares.items():
            if not 0 <= share < np.inf:
                raise ConfigError(f"share {share:g} of {path} must be finite and not negative")
        total = sum(shares.values())
        if not total > 0:
            raise ConfigError("shares of the gradient are all zero")
        images = tf.constant(np.asarray(image)[None], self.chain.dtype)
        weights = {}
        for path, part in parts.items():
            alone = Objective(self.chain, {"alone": part})
            _, gradient, _ = alone._evaluate(alone._checked(images))
            norm = float(tf.norm(gradient))
            if shares[path] > 0 and not 0 < norm < np.inf:
                raise ConfigError(
                    f"{path} has no finite gradient at this image (norm {norm:g}), hence no "
                    "weight that gives it a share: balance at an image away from its target"
                )
            weights[path] = shares[path] / total / norm if shares[path] > 0 else 0.0
        return Objective(self.chain, self.tree.with_weights(weights))

    def _checked(self, images: tf.Tensor) -> tf.Tensor:
        images = tf.convert_to_tensor(images)
        shape = images.shape.as_list() if images.shape.rank is not None else []
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or None in shape:
            raise ImageError(f"images of shape {tuple(shape)} are not (1, height, width, 3)")
        if images.dtype != self.chain.dtype:
            raise ImageError(f"images are {images.dtype.name}, but the chain {self.chain.dtype}")
        if self.layers:
            self.chain.check_size(self.layers[-1], shape[1], shape[2])
        return images

    def _evaluate(self, images: tf.Tensor) -> Evaluation:
        pixels = images.shape[1] * images.shape[2]
        # A tape over the whole, rather than over the terms alone with `Chain.vjp` behind it: the
        # gradient is the same to the bit, and its step takes 0.95 to 1 of the time (five layers, 96
        # and 256 px, ReLU, average and max pooling).
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            seen: dict[str | None, tf.Tensor] = {None: images}
            if self.layers:
                activations = self.chain.forward(images, self.layers)
                seen.update(zip(self.layers, activations, strict=True))
            values = {path: t.value(seen[t.layer], pixels) for path, t in self._terms.items()}
            loss = tf.add_n([self.weights[path] * value for path, value in values.items()])
        return loss, tape.gradient(loss, images), values
