"""Features measured on layers of a network, and their linearization in compiled programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from decouple.devices import on_each, side_by_side
from decouple.features.features import Features, Linear, Point, Secant
from decouple.features.programs import compiled
from decouple.features.statistic import Statistic
from decouple.features.tiles import normal_matrix_of_tiles, share_of_tiles
from decouple.networks.network import Network

# The most that a batch of backward passes may hold, in bytes.
BATCH_BYTES = 512 * 2**20
_LARGEST_BATCH = 32
# At how many positions a channel must answer: a mean that one place makes is no texture's, and an
# image bends sharply to hold it.
_POSITIONS = 2


class Extractor(Features):
    """A statistic of chosen layers of a network.

    Parameters
    ----------
    network : nothing behind the last of `layers` is computed
    layers : a number (of VGG, the first n of block{1..5}_conv1) or layer names
    statistic : which numbers of an activation
    alive : {layer: (F,) bool}, features to use; all by default

    Raises
    ------
    ConfigError : there is no such layer.
    """

    spatial_means = True

    def __init__(
        self,
        network: Network,
        layers: int | str | Sequence[str],
        statistic: Statistic,
        alive: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        names = network.resolve_layers(layers if isinstance(layers, (int, str)) else list(layers))
        super().__init__({name: statistic.count(network.channels(name)) for name in names})
        self.network = network.until(names[-1])
        self.statistic = statistic
        self.dtype, self.smooth = network.dtype, network.smooth
        self.row_channels, self.stride = self.network.row_channels, self.network.stride
        self.proven = self.exact_secant = network.proven
        self._totals = self.sizes
        if alive is not None:
            self.alive = {layer: np.asarray(alive[layer], bool) for layer in names}
        self._kept = np.flatnonzero(np.concatenate([self.alive[layer] for layer in names]))
        self._shorter: dict[int, Extractor] = {}
        self._double: Extractor | None = None
        self._all_programs: dict[tuple[str, int], dict[str, Any]] = {}

    @property
    def identity(self) -> Mapping[str, str]:
        """The network's, and the statistic."""
        return {**self.network.identity, "statistic": self.statistic.identity}

    @property
    def origin(self) -> str:
        """That of the network's weights."""
        return self.network.origin

    @property
    def size(self) -> int:
        """How many features are used in all."""
        return len(self._kept)

    @property
    def one_a_channel(self) -> bool:
        """Whether there is one feature to each channel, with a cotangent constant in space."""
        return self.statistic.uniform and self.network.batches

    def _like(
        self, network: Network, layers: Sequence[str], alive: Mapping[str, np.ndarray]
    ) -> Extractor:
        return Extractor(network, layers, self.statistic, alive)

    def first(self, count: int) -> Extractor:
        """The extractor of the first `count` layers; it shares weights, programs and counter."""
        if count == len(self.layers):
            return self
        if count not in self._shorter:
            shorter = self._like(self.network, self.layers[:count], self.alive)
            shorter.passes = self.passes
            shorter._all_programs = self._all_programs
            shorter._shorter = self._shorter
            self._shorter[count] = shorter
        return self._shorter[count]

    def masked(self, alive: Mapping[str, np.ndarray]) -> Extractor:
        """The same extractor with only the features that `alive` names."""
        masked = self._like(self.network, self.layers, alive)
        masked._all_programs = self._all_programs
        return masked

    def seen_by(self, network: Network) -> Extractor:
        """The same features of another network that has the same layers."""
        return self._like(network, self.layers, self.alive)

    def in_float64(self) -> Extractor:
        """The same features, computed in double precision; made once, it shares the counter."""
        if self.dtype == "float64":
            return self
        if self._double is None:
            self._double = self._like(self.network.astype("float64"), self.layers, self.alive)
            self._double.passes = self.passes
            self._double._all_programs = self._all_programs
        return self._double

    def check_size(self, height: int, width: int) -> None:
        """Raise ImageError if an image of this size is too small for the layers."""
        self.network.check_size(self.layers[-1], height, width)

    def mean_slopes(self, image: np.ndarray) -> dict[str, np.ndarray] | None:
        """Mean activation slope of each channel, {layer: (C,)}, 0 to 1: how alive it is.

        For ReLU this is the share of positions at which the channel is active. None where the
        network knows of no slopes.
        """
        slopes = self._slopes(image)
        if slopes is None:
            return None
        return {layer: means for layer, (means, _) in slopes.items()}

    def _slopes(self, image: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]] | None:
        """Mean slopes, (F,), and the numbers of positions that they are the means of."""
        slopes = self.network.slopes(self.linearize(image).linearization[0], self.layers)
        if slopes is None:
            return None
        return {
            layer: self.statistic.alive(slope)
            for layer, slope in zip(self.layers, slopes, strict=True)
        }

    def movable(self, image: np.ndarray, least: float) -> dict[str, np.ndarray]:
        """See `Features.movable`; of what is linear in the activations by their slopes.

        One that answers at less than two positions in all is left out as well: its mean tells of
        one place, or is made of the tails of its activation, and small maps would take it for
        alive. With a `least` of 0 whatever answers at all is taken.
        """
        known = self.statistic.linear and self.network.batches
        slopes = self._slopes(image) if known else None
        if slopes is None:
            return super().movable(image, least)
        alive = {}
        for layer, kept in self.alive.items():
            means, positions = slopes[layer]
            alive[layer] = kept & (
                means > (np.maximum(least, _POSITIONS / positions) if least > 0 else 0)
            )
        return alive

    # Measuring and linearizing.

    def measure(self, image: np.ndarray) -> np.ndarray:
        """Features (C,), float64, of an image (H, W, 3)."""
        self.passes.count += 1
        return self._programs["forward"](self._batch(image)).numpy()[0][self._kept]

    def linearize(self, image: np.ndarray) -> Point:
        """Features and their linear dependence on the image, at an image (H, W, 3)."""
        self.passes.count += 1
        features, linearization, at = self._programs["linearize"](self._batch(image))
        return Point(image.shape, linearization, features.numpy()[0][self._kept], at)

    def secant(self, point: Point, change: np.ndarray) -> Secant:
        """How the features change when `change` (H, W, 3) is added to the point's image.

        With VGG not linearized; and its rounding is relative to the change, where `measure` rounds
        relative to the features, which the way back would amplify by up to 60 dB.
        """
        self.passes.count += 1
        changed, linearization = self._programs["secant"](
            point.linearization, point.at, self._batch(change)
        )
        return Secant(point.shape, linearization, changed.numpy()[0][self._kept])

    def jvp(self, point: Linear, tangent: np.ndarray) -> np.ndarray:
        """Change (C,) of the features for a change (H, W, 3) of the image."""
        return self.jvp_batch(point, tangent[None])[0]

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
        return features.numpy()[0][self._kept], gradient.numpy()[0].astype(np.float64)

    def gradient(
        self, image: np.ndarray, cotangent: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Features.gradient`; what secants need to know of the image is not held."""
        self.passes.count += 1
        every, linearization = self._programs["derivative"](self._batch(image))
        features = every.numpy()[0][self._kept]
        return features, self.vjp(Linear(image.shape, linearization), cotangent(features))

    def part(self, point: Point, count: int) -> tuple[Extractor, Point]:
        """The extractor of the first `count` layers, linearized at the same image: no pass."""
        shorter = self.first(count)
        if shorter is self:
            return self, point
        (inner, activations), at = point.linearization, point.at
        cut, at = self.network.cut(inner, at, shorter.network, count)
        linearization = (cut, activations[:count])
        return shorter, Point(point.shape, linearization, point.features[: shorter.size], at)

    def rows_at_a_time(self, pixels: int) -> int:
        """How many rows of the Jacobian are formed in one batch, at an image of so many pixels."""
        if not self.network.batches:
            return 1
        row_bytes = 4 * self.row_channels * pixels * tf.as_dtype(self.dtype).size
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

    def estimated_normal_matrix(self, point: Point) -> np.ndarray:
        """K as far as 16 tiles of a large image tell, for what it only preconditions.

        Passes are counted by the share of the image that they go through.
        """
        return normal_matrix_of_tiles(self, point)

    def share_estimated(self, pixels: int) -> float:
        """Of an image of so many pixels, the share that `estimated_normal_matrix` looks at.

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
        if self.network.batches or len(cotangents) == 1:
            return self._vjp_batches(point, [cotangents])[0]
        return np.concatenate([self._vjp_batches(point, [one[None]])[0] for one in cotangents])

    def _vjp_batches(self, point: Linear, batches: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.passes.count += sum(map(len, batches))
        full = [self._full(cotangents, self.dtype) for cotangents in batches]
        done = on_each(self._programs["vjp"], point.linearization, full)
        return [pulled.numpy() for pulled in done]

    def jvp_batch(self, point: Linear, tangents: np.ndarray) -> np.ndarray:
        """J t, (B, C), for t of shape (B, H, W, 3)."""
        if not self.network.batches and len(tangents) > 1:
            return np.concatenate([self.jvp_batch(point, one[None]) for one in tangents])
        self.passes.count += len(tangents)
        changes = self._programs["jvp"](point.linearization, tf.constant(tangents, self.dtype))
        return changes.numpy()[:, self._kept]

    def _full(self, features: np.ndarray, dtype: Any) -> tf.Tensor:
        """Features (..., C) among those of all channels, zero where the mask leaves one out."""
        full = np.zeros((*features.shape[:-1], sum(self._totals)), dtype)
        full[..., self._kept] = features
        return tf.constant(full)

    def _batch(self, image: np.ndarray) -> tf.Tensor:
        return tf.constant(image[None], self.dtype)

    @property
    def _programs(self) -> dict[str, Any]:
        """The compiled passes of this depth and precision; they know no masks, hence are shared."""
        key = self.dtype, len(self.layers)
        if key not in self._all_programs:
            self._all_programs[key] = compiled(
                self.network, self.layers, self.statistic, self._totals
            )
        return self._all_programs[key]
