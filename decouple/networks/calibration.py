"""The embedded default: VGG's topology with calibrated random filters.

Untrained filters are known texture descriptors (Ustyuzhaninov et al., arXiv 1606.00021; He, Wang
& Hopcroft, arXiv 1606.04801). Ours are seeded Gaussian, orthonormalized, and then scaled and
shifted layer by layer so that every channel's pre-activation has mean 0 and standard deviation 1
on a small fixed batch of synthetic images. No file is needed and no channel is dead.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from decouple.cache import cached
from decouple.known_weights import digest_of
from decouple.networks.activations import Activation
from decouple.networks.architecture import Architecture, Conv
from decouple.networks.parameters import Weights
from decouple.networks.pooling import Pooling

CALIBRATED = "calibrated"
CALIBRATION_SEED = 20220702
# Of the recipe below: what the former one made is not taken from the disk.
_VERSION = 2
BATCH_IMAGES = 8
BATCH_SIZE = 96

# Grey: zero padding then continues the picture with its most probable colour.
CALIBRATED_OFFSET = np.full(3, 0.5, np.float32)

# Square root of a colour covariance typical of photographs: strong luminance, weak chrominance.
_COLOUR_MIX = np.array([[0.90, 0.38, 0.21], [0.90, 0.02, -0.44], [0.90, -0.40, 0.23]])


def synthetic_batch() -> np.ndarray:
    """Fixed images, float32 (8, 96, 96, 3) in [0, 1]: six of pink (1/f) noise, two of white."""
    rng = np.random.default_rng(CALIBRATION_SEED)
    frequency = np.hypot(np.fft.fftfreq(BATCH_SIZE)[:, None], np.fft.rfftfreq(BATCH_SIZE)[None, :])
    frequency[0, 0] = np.inf
    images = []
    for index in range(BATCH_IMAGES):
        if index % 4 == 3:
            images.append(rng.random((BATCH_SIZE, BATCH_SIZE, 3)))
            continue
        spectrum = np.fft.rfft2(rng.standard_normal((BATCH_SIZE, BATCH_SIZE, 3)), axes=(0, 1))
        pink = np.fft.irfft2(spectrum / frequency[..., None], s=(BATCH_SIZE,) * 2, axes=(0, 1))
        pink = (pink / pink.std()) @ _COLOUR_MIX.T
        images.append(np.clip(0.5 + 0.2 * pink, 0.0, 1.0))
    return np.asarray(images, np.float32)


def orthonormal_kernel(rng: np.random.Generator, channels_in: int, filters: int) -> np.ndarray:
    """A Gaussian matrix made orthonormal, shape (3, 3, C_in, C_out).

    Orthonormal along the shorter side. The signs of QR are fixed, since LAPACK builds differ.
    """
    matrix = rng.standard_normal((9 * channels_in, filters))
    wide = filters > 9 * channels_in
    q, r = np.linalg.qr(matrix.T if wide else matrix)
    q = q * np.sign(np.diag(r))
    return (q.T if wide else q).reshape(3, 3, channels_in, filters)


def calibrate(
    architecture: Architecture,
    last: str,
    activation: Activation = Activation.SOFTPLUS,
    pooling: Pooling = Pooling.AVERAGE,
    width: float = 0.1,
) -> Weights:
    """Calibrated random filters for the layers up to `last`.

    The filters depend on the seed alone; their scales and biases also on activation, pooling and
    width, because the batch is propagated through them. They are kept on the disk between runs
    (see `decouple.cache`).
    """
    convolutions = [layer.name for layer in architecture.until(last) if isinstance(layer, Conv)]
    key = {
        "version": _VERSION,
        "network": [architecture.name, activation.value, pooling.value],
        "layers": convolutions,
        "width": width,
    }
    arrays = cached(
        "calibration", key, lambda: _calibrated(architecture, last, activation, pooling, width)
    )
    kernels = {name: arrays[f"{name}/kernel"] for name in convolutions}
    biases = {name: arrays[f"{name}/bias"] for name in convolutions}
    return Weights(
        kernels=kernels,
        biases=biases,
        offset=CALIBRATED_OFFSET,
        widths=dict.fromkeys(kernels, 1.0),
        origin=CALIBRATED,
        digest=digest(kernels, biases, CALIBRATED_OFFSET),
    )


def _calibrated(
    architecture: Architecture, last: str, activation: Activation, pooling: Pooling, width: float
) -> dict[str, np.ndarray]:
    """Kernels and biases, as `<layer>/kernel` and `<layer>/bias`."""
    rng = np.random.default_rng(CALIBRATION_SEED + 1)
    made: dict[str, np.ndarray] = {}
    h = tf.constant(synthetic_batch() - CALIBRATED_OFFSET)
    channels = 3
    for layer in architecture.until(last):
        if not isinstance(layer, Conv):
            h = pooling.value_of(h)
            continue
        kernel = orthonormal_kernel(rng, channels, layer.filters)
        z = tf.nn.conv2d(h, tf.constant(kernel, tf.float32), strides=1, padding="SAME")
        mean, std = _channel_statistics(z)
        made[f"{layer.name}/kernel"] = (kernel / std).astype(np.float32)
        made[f"{layer.name}/bias"] = (-mean / std).astype(np.float32)
        h = activation.value_of((z - mean.astype(np.float32)) / std.astype(np.float32), width)
        channels = layer.filters
    return made


def preactivation_stds(
    architecture: Architecture,
    last: str,
    kernels: Mapping[str, np.ndarray],
    biases: Mapping[str, np.ndarray],
    offset: np.ndarray,
) -> dict[str, float]:
    """Standard deviation of each layer's pre-activations on the synthetic batch (ReLU, max)."""
    h = tf.constant(synthetic_batch() - offset.astype(np.float32))
    stds: dict[str, float] = {}
    for layer in architecture.until(last):
        if isinstance(layer, Conv):
            z = tf.nn.conv2d(h, kernels[layer.name], strides=1, padding="SAME")
            z = z + biases[layer.name]
            stds[layer.name] = float(np.mean(_channel_statistics(z)[1]))
            h = tf.nn.relu(z)
        else:
            h = Pooling.MAX.value_of(h)
    return stds


def _channel_statistics(z: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, (C,) float64."""
    values = np.asarray(z, np.float64)
    return values.mean((0, 1, 2)), values.std((0, 1, 2))


def digest(
    kernels: Mapping[str, np.ndarray], biases: Mapping[str, np.ndarray], offset: np.ndarray
) -> str:
    """SHA-256 over the bytes of all arrays, in the network's order."""
    return digest_of([offset, *(part[name] for name in kernels for part in (kernels, biases))])
