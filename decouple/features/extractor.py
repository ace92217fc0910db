"""Numbers that describe an image, measured on layers of a network, and their linearization.

An extractor turns an image into one vector: the features of its first layer, then of its second,
and so on. Flows ask it for nothing but `measure`, `linearize`, `jvp`, `vjp` and `gram`; they see
float64 vectors and images (H, W, 3), and never a tensor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from decouple.devices import on_each, side_by_side
from decouple.features.tiles import gram_of_tiles, share_of_tiles
from decouple.memory import total_bytes
from decouple.networks.architecture import Conv
from decouple.networks.chain import Chain, Linearization, Preactivations

# The most that a batch of backward passes may hold, in bytes.
BATCH_BYTES = 512 * 2**20
# The largest Jacobian that is kept whole while its Gram matrix is formed: this share of all memory
# that there is, and not of what is free, so that a run that is resumed does the same; in bytes,
# where the system does not tell.
_JACOBIAN_SHARE, _JACOBIAN_BYTES = 1 / 8, 1024 * 2**20
_LARGEST_BATCH = 32


def jacobian_limit() -> int:
    """The most bytes of a Jacobian that is kept whole while its Gram matrix is formed."""
    there = total_bytes()
    return _JACOBIAN_BYTES if there is None else int(there * _JACOBIAN_SHARE)


@dataclass
class PassCounter:
    """Passes of one image through the network: a forward pass, a JVP or a VJP counts one."""

    count: int = 0


@dataclass(frozen=True)
class Linear:
    """A linear map from images to features, what `jvp` and `vjp` take.

    Attributes
    ----------
    shape : (H, W, 3) of the images
    linearization : the chain's slopes and routes
    """

    shape: tuple[int, int, int]
    linearization: Linearization


@dataclass(frozen=True)
class Point(Linear):
    """An extractor linearized at one image: the map is the derivative there.

    Attributes
    ----------
    features : (C,) float64, the features there
    preactivations : of the chain's convolutions
    """

    features: np.ndarray
    preactivations: Preactivations


@dataclass(frozen=True)
class Secant(Linear):
    """An extractor between two images: the map takes their difference to that of the features.

    It is the same for the way back.

    Attributes
    ----------
    change : (C,) float64, how the features differ
    """

    change: np.ndarray


class Extractor(ABC):
    """Features of chosen layers of a chain; a subclass says which numbers of an activation.

    Parameters
    ----------
    chain : the network; it is cut after the last of `layers`
    layers : a number (the first n of block{1..5}_conv1) or layer names
    alive : {layer: (F,) bool}, features to use; all by default
    """

    def __init__(
        self,
        chain: Chain,
        layers: int | str | Sequence[str] = 2,
        alive: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        names = layers if isinstance(layers, (int, str)) else list(layers)
        self.layers = chain.architecture.resolve_layers(names)
        self.chain = chain.until(self.layers[-1])
        self.passes = PassCounter()
        filters = {conv.name: conv.filters for conv in chain.architecture.convolutions}
        self._totals = tuple(self.count(filters[layer]) for layer in self.layers)
        self.alive = {
            layer: np.ones(total, bool) if alive is None else np.asarray(alive[layer], bool)
            for layer, total in zip(self.layers, self._totals, strict=True)
        }
        self._kept = np.flatnonzero(np.concatenate([self.alive[layer] for layer in self.layers]))
        self._shorter: dict[int, Extractor] = {}
        self._double: Extractor | None = None
        self._all_programs: dict[tuple[str, int], dict[str, Any]] = {}

    # What a kind of feature must say.

    one_a_channel: ClassVar[bool] = False
    """Whether there is one feature to each channel, with a cotangent that is constant in space."""

    @staticmethod
    @abstractmethod
    def count(channels: int) -> int:
        """How many features a layer of so many channels has."""

    @staticmethod
    @abstractmethod
    def of_activation(activation: tf.Tensor) -> tf.Tensor:
        """Features (B, F) in float64 of activations (B, h, w, C), linear in them."""

    @staticmethod
    @abstractmethod
    def cotangent(features: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Pull feature cotangents (B, F) back to activations, broadcastable to (B, h, w, C)."""

    # Shape of the feature vector.

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many features of each layer are used."""
        return tuple(int(self.alive[layer].sum()) for layer in self.layers)

    @property
    def size(self) -> int:
        """How many features are used in all."""
        return len(self._kept)

    @property
    def epsilon(self) -> float:
        """Of the precision in which the network computes."""
        return float(np.finfo(self.chain.dtype).eps)

    def split(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """A feature vector (C,) as {layer: (C_k,)}."""
        parts = np.split(features, np.cumsum(self.sizes)[:-1])
        return dict(zip(self.layers, parts, strict=True))

    def join(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """The inverse of `split`; entries of other layers are ignored."""
        return np.concatenate([features[layer] for layer in self.layers])

    def mean_square(self, residual: np.ndarray) -> dict[str, float]:
        """Mean square of a residual (C,) in each layer."""
        return {k: float(np.mean(np.square(v))) for k, v in self.split(residual).items()}

    def first(self, count: int) -> Extractor:
        """The extractor of the first `count` layers; it shares weights, programs and counter."""
        if count == len(self.layers):
            return self
        if count not in self._shorter:
            shorter = type(self)(self.chain, self.layers[:count], self.alive)
            shorter.passes = self.passes
            shorter._all_programs = self._all_programs
            shorter._shorter = self._shorter
            self._shorter[count] = shorter
        return self._shorter[count]

    def masked(self, alive: Mapping[str, np.ndarray]) -> Extractor:
        """The same extractor with only the features that `alive` names."""
        masked = type(self)(self.chain, self.layers, alive)
        masked._all_programs = self._all_programs
        return masked

    def in_float64(self) -> Extractor:
        """The same features, computed in double precision; made once, it shares the counter."""
        if self.chain.dtype == "float64":
            return self
        if self._double is None:
            self._double = type(self)(self.chain.astype("float64"), self.layers, self.alive)
            self._double.passes = self.passes
            self._double._all_programs = self._all_programs
        return self._double

    def check_size(self, height: int, width: int) -> None:
        """Raise ImageError if an image of this size is too small for the layers."""
        self.chain.architecture.check_size(self.layers[-1], height, width)

    # Measuring and linearizing.

    def measure(self, image: np.ndarray) -> np.ndarray:
        """Features (C,), float64, of an image (H, W, 3)."""
        self.passes.count += 1
        return self._programs["forward"](self._batch(image))[0].numpy()[self._kept]

    def linearize(self, image: np.ndarray) -> Point:
        """Features and their linear dependence on the image, at an image (H, W, 3)."""
        self.passes.count += 1
        features, linearization, preactivations = self._programs["linearize"](self._batch(image))
        return Point(image.shape, linearization, features[0].numpy()[self._kept], preactivations)

    def secant(self, point: Point, change: np.ndarray) -> Secant:
        """How the features change when `change` (H, W, 3) is added to the point's image.

        Not linearized; and its rounding is relative to the change, where `measure` rounds
        relative to the features, which the way back would amplify by up to 60 dB.
        """
        self.passes.count += 1
        changed, linearization = self._programs["secant"](
            point.linearization, point.preactivations, self._batch(change)
        )
        return Secant(point.shape, linearization, changed[0].numpy()[self._kept])

    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """Change (C,) of the features for a change (H, W, 3) of the image."""
        self.passes.count += 1
        change = self._programs["jvp"](point.linearization, self._batch(tangent))
        return change[0].numpy()[self._kept]

    def vjp(self, point: Linear, cotangent: np.ndarray) -> np.ndarray:
        """The adjoint of `jvp`: Jᵀλ, (H, W, 3) float64, for λ of shape (C,)."""
        return self.vjp_batch(point, cotangent[None])[0].astype(np.float64)

    def squared_error(
        self, image: np.ndarray, target: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (C,) at an image, and the gradient (H, W, 3) of Σ w (f − target)² there.

        In one compiled program: what a descent computes at every step.
        """
        self.passes.count += 2
        features, gradient = self._programs["squared_error"](
            self._batch(image), self._full(target, np.float64), self._full(weights, np.float64)
        )
        return features[0].numpy()[self._kept], gradient[0].numpy().astype(np.float64)

    def part(self, point: Point, count: int) -> tuple[Extractor, Point]:
        """The extractor of the first `count` layers, linearized at the same image: no pass."""
        shorter = self.first(count)
        convolutions = sum(isinstance(layer, Conv) for layer in shorter.chain.layers)
        slopes, routes = point.linearization
        linearization = Linearization(
            slopes[:convolutions], routes[: len(shorter.chain.layers) - convolutions]
        )
        features = point.features[: shorter.size]
        return shorter, Point(
            point.shape, linearization, features, point.preactivations[:convolutions]
        )

    @property
    def row_channels(self) -> int:
        """How many channels of an image's size each row of the Jacobian takes on the way back.

        Those of VGG's first convolution; where there is none behind it, the image's.
        """
        return 64 if len(self.chain.layers) > 1 else 3

    def rows_at_a_time(self, pixels: int) -> int:
        """How many rows of the Jacobian are formed in one batch, at an image of so many pixels."""
        row_bytes = 4 * self.row_channels * pixels * tf.as_dtype(self.chain.dtype).size
        return max(1, min(_LARGEST_BATCH, BATCH_BYTES // row_bytes))

    def jacobian_rows(self, point: Point) -> Iterator[np.ndarray]:
        """The Jacobian in chunks of rows (B, H·W·3), from the first feature to the last.

        A feature of layer j needs no pass through the layers behind it. Several GPUs form a chunk
        each at a time.
        """
        for index, size in enumerate(self.sizes, start=1):
            shorter, part = self.part(point, index)
            chunk = shorter.rows_at_a_time(point.shape[0] * point.shape[1])
            chunks = [range(size)[start : start + chunk] for start in range(0, size, chunk)]
            together = max(len(side_by_side()), 1)
            for start in range(0, len(chunks), together):
                for rows in shorter._rows(part, chunks[start : start + together]):
                    yield rows.reshape(len(rows), -1)

    def _rows(self, point: Point, batches: Sequence[range]) -> list[np.ndarray]:
        """Those of the last layer's features, by their numbers among those in use there."""
        before = self.size - self.sizes[-1]
        if not self.one_a_channel:
            unit = np.eye(self.size, dtype=np.float32)[before:]
            return self._vjp_batches(point, [unit[batch] for batch in batches])
        self.passes.count += sum(map(len, batches))
        channels = np.flatnonzero(self.alive[self.layers[-1]]).astype(np.int32)
        chosen = [tf.constant(channels[batch]) for batch in batches]
        done = on_each(self._programs["rows"], point.linearization, chosen)
        return [rows.numpy() for rows in done]

    def gram(self, point: Point) -> np.ndarray:
        """K = J Jᵀ, (C, C) float64.

        The Jacobian is formed in chunks; where it would not fit into memory as a whole, each
        chunk of rows is pushed forward instead of being multiplied, at about twice the time.
        """
        pixels = int(np.prod(point.shape))
        dtype = np.dtype(self.chain.dtype)
        if self.size * pixels * dtype.itemsize <= jacobian_limit():
            jacobian = np.empty((self.size, pixels), dtype)
            row = 0
            for rows in self.jacobian_rows(point):
                jacobian[row : row + len(rows)] = rows
                row += len(rows)
            return (jacobian @ jacobian.T).astype(np.float64)
        columns = []
        for rows in self.jacobian_rows(point):
            self.passes.count += len(rows)
            tangents = tf.reshape(rows, (len(rows), *point.shape))
            columns.append(self._programs["jvp"](point.linearization, tangents).numpy())
        gram = np.concatenate(columns)[:, self._kept]
        return (gram + gram.T) / 2

    def estimated_gram(self, point: Point) -> np.ndarray:
        """K as far as 16 tiles of a large image tell, for what it only preconditions.

        Passes are counted by the share of the image that they go through.
        """
        return gram_of_tiles(self, point)

    def share_estimated(self, pixels: int) -> float:
        """Of an image of so many pixels, the share that `estimated_gram` looks at.

        All of a small one; and always all for layers before the first pooling, whose rows cost
        next to nothing, and whose K is needed at photographs, where no two places are alike.

        >>> import decouple as dc
        >>> extractor = dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block2_conv1"), 2)
        >>> [extractor.share_estimated(side**2) for side in (150, 512, 1024)]
        [1.0, 0.25, 0.0625]
        """
        return share_of_tiles(self, pixels)

    def vjp_batch(self, point: Linear, cotangents: np.ndarray) -> np.ndarray:
        """Jᵀλ, (B, H, W, 3) in the network's precision, for λ of shape (B, C)."""
        return self._vjp_batches(point, [cotangents])[0]

    def _vjp_batches(self, point: Linear, batches: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.passes.count += sum(map(len, batches))
        full = [self._full(cotangents, self.chain.dtype) for cotangents in batches]
        done = on_each(self._programs["vjp"], point.linearization, full)
        return [pulled.numpy() for pulled in done]

    def _full(self, features: np.ndarray, dtype: Any) -> tf.Tensor:
        """Features (..., C) among those of all channels, zero where the mask leaves one out."""
        full = np.zeros((*features.shape[:-1], sum(self._totals)), dtype)
        full[..., self._kept] = features
        return tf.constant(full)

    def _batch(self, image: np.ndarray) -> tf.Tensor:
        return tf.constant(image[None], self.chain.dtype)

    @property
    def _programs(self) -> dict[str, Any]:
        """The compiled passes of this depth and precision; they know no masks, hence are shared."""
        key = self.chain.dtype, len(self.layers)
        if key not in self._all_programs:
            self._all_programs[key] = self._compile()
        return self._all_programs[key]

    def _compile(self) -> dict[str, Any]:
        chain, layers = self.chain, self.layers
        names = [layer.name for layer in chain.layers if isinstance(layer, Conv)]
        positions = [names.index(layer) for layer in layers]

        def concatenated(activations: Sequence[tf.Tensor]) -> tf.Tensor:
            return tf.concat([self.of_activation(a) for a in activations], axis=1)

        def forward(images: tf.Tensor) -> tf.Tensor:
            return concatenated(chain.forward(images, layers))

        def linearize(images: tf.Tensor) -> tuple[tf.Tensor, Linearization, Preactivations]:
            activations, linearization, preactivations = chain.linearize(images, layers)
            return concatenated(activations), linearization, preactivations

        def jvp(linearization: Linearization, tangents: tf.Tensor) -> tf.Tensor:
            return concatenated(chain.jvp(linearization, tangents, layers))

        def secant(
            linearization: Linearization, preactivations: Preactivations, changes: tf.Tensor
        ) -> tuple[tf.Tensor, Linearization]:
            taken, secants = chain.secant(linearization, preactivations, changes, layers)
            return concatenated(taken), secants

        def squared_error(
            images: tf.Tensor, target: tf.Tensor, weights: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            features, linearization, _ = linearize(images)
            cotangents = tf.cast(2 * weights * (features - target), chain.dtype)
            return features, vjp(linearization, cotangents)

        def rows(linearization: Linearization, channels: tf.Tensor) -> tf.Tensor:
            shape = tf.shape(linearization.slopes[-1])
            one = self.cotangent(tf.ones([1, 1], chain.dtype), shape[1], shape[2])
            return chain.vjp_of_channels(linearization, channels, one)

        def vjp(linearization: Linearization, cotangents: tf.Tensor) -> tf.Tensor:
            parts = tf.split(cotangents, self._totals, axis=1)
            pulled = {}
            for layer, position, part in zip(layers, positions, parts, strict=True):
                shape = tf.shape(linearization.slopes[position])
                pulled[layer] = self.cotangent(part, shape[1], shape[2])
            return chain.vjp(linearization, pulled)

        # Shapes are left open, so that no other image size or batch traces a program again.
        images = tf.TensorSpec([None, None, None, 3], chain.dtype)
        values = tf.TensorSpec([None], tf.float64)
        return {
            "forward": tf.function(forward, input_signature=[images]),
            "linearize": tf.function(linearize, input_signature=[images]),
            "squared_error": tf.function(squared_error, input_signature=[images, values, values]),
            "secant": tf.function(secant, reduce_retracing=True),
            "jvp": tf.function(jvp, reduce_retracing=True),
            "vjp": tf.function(vjp, reduce_retracing=True),
            "rows": tf.function(rows, reduce_retracing=True),
        }
