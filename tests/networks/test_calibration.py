import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from decouple.networks.activations import Activation
from decouple.networks.architecture import VGG16, VGG19, Conv
from decouple.networks.calibration import (
    CALIBRATION_SEED,
    calibrate,
    digest,
    orthonormal_kernel,
    preactivation_stds,
    synthetic_batch,
)
from decouple.networks.pooling import Pooling


def preactivations(weights, last, activation, pooling, width):
    """Every layer's pre-activations on the synthetic batch, in plain steps."""
    h = synthetic_batch() - weights.offset
    for layer in VGG19.until(last):
        if isinstance(layer, Conv):
            z = tf.nn.conv2d(h, weights.kernels[layer.name], 1, "SAME")
            z = z + weights.biases[layer.name]
            yield layer.name, z.numpy().astype(np.float64)
            h = activation.value_of(z, width * weights.widths[layer.name])
        else:
            h = pooling.value_of(h)


def test_batch_is_fixed_and_within_range():
    batch = synthetic_batch()
    assert batch.shape == (8, 96, 96, 3)
    assert batch.dtype == np.float32
    assert batch.min() >= 0
    assert batch.max() <= 1
    np.testing.assert_array_equal(batch, synthetic_batch())
    assert len({image.tobytes() for image in batch}) == 8


def test_batch_holds_pink_and_white_noise():
    """Neighbours resemble each other in pink noise and not in white."""
    likeness = [
        np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1]
        for image in synthetic_batch()
    ]
    white = [index for index, value in enumerate(likeness) if abs(value) < 0.1]
    assert white == [3, 7]
    assert min(value for index, value in enumerate(likeness) if index not in white) > 0.7


@pytest.mark.parametrize(
    ("activation", "pooling"),
    [("softplus", "average"), ("relu", "max")],
)
def test_every_channel_is_centred_and_scaled(activation, pooling):
    activation, pooling = Activation.named(activation), Pooling.named(pooling)
    weights = calibrate(VGG19, "block2_conv1", activation, pooling, 0.1)
    seen = []
    for name, z in preactivations(weights, "block2_conv1", activation, pooling, 0.1):
        seen.append(name)
        np.testing.assert_allclose(z.mean((0, 1, 2)), 0, atol=1e-4)
        np.testing.assert_allclose(z.std((0, 1, 2)), 1, atol=1e-4)
    assert seen == ["block1_conv1", "block1_conv2", "block2_conv1"]


def test_calibration_is_deterministic_and_its_digest_tells(calibrated_weights):
    one, two = (calibrate(VGG19, "block1_conv2") for _ in range(2))
    assert one.digest == two.digest
    assert one.origin == "calibrated"
    changed = {**one.biases, "block1_conv2": one.biases["block1_conv2"] + np.float32(1e-3)}
    assert digest(one.kernels, changed, one.offset) != one.digest
    assert calibrated_weights.digest != one.digest


def test_a_shorter_chain_has_the_same_first_filters(calibrated_weights):
    short = calibrate(VGG19, "block1_conv2")
    assert list(short.kernels) == ["block1_conv1", "block1_conv2"]
    for name, kernel in short.kernels.items():
        np.testing.assert_array_equal(kernel, calibrated_weights.kernels[name])
        np.testing.assert_array_equal(short.biases[name], calibrated_weights.biases[name])


def test_filters_differ_from_another_kind_only_by_their_scale(calibrated_weights):
    other = calibrate(VGG16, "block2_conv1", Activation.RELU, Pooling.MAX)
    for name, kernel in other.kernels.items():
        ours = calibrated_weights.kernels[name].reshape(-1, kernel.shape[3])
        theirs = kernel.reshape(-1, kernel.shape[3])
        cosine = np.sum(ours * theirs, 0) / (
            np.linalg.norm(ours, axis=0) * np.linalg.norm(theirs, axis=0)
        )
        np.testing.assert_allclose(cosine, 1, atol=1e-5)


@pytest.mark.parametrize(("channels", "filters"), [(3, 64), (64, 64), (64, 128), (2, 18)])
def test_kernels_are_orthonormal_along_the_shorter_side(channels, filters):
    kernel = orthonormal_kernel(np.random.default_rng(0), channels, filters)
    assert kernel.shape == (3, 3, channels, filters)
    matrix = kernel.reshape(9 * channels, filters)
    product = matrix @ matrix.T if filters > 9 * channels else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


@pytest.mark.parametrize(("channels", "filters"), [(3, 64), (8, 16)])
def test_signs_do_not_depend_on_the_lapack_build(channels, filters, monkeypatch):
    """QR is unique up to the signs; whichever a build gives, the kernel is the same."""
    plain = orthonormal_kernel(np.random.default_rng(1), channels, filters)
    qr = np.linalg.qr

    def other_build(matrix):
        q, r = qr(matrix)
        signs = np.where(np.arange(len(r)) % 3 == 0, -1.0, 1.0)
        return q * signs, r * signs[:, None]

    monkeypatch.setattr(np.linalg, "qr", other_build)
    np.testing.assert_array_equal(
        orthonormal_kernel(np.random.default_rng(1), channels, filters), plain
    )


def test_first_kernel_is_the_orthonormal_one_scaled(calibrated_weights):
    rng = np.random.default_rng(CALIBRATION_SEED + 1)
    raw = orthonormal_kernel(rng, 3, 64)
    ratio = calibrated_weights.kernels["block1_conv1"] / raw
    spread = np.ptp(ratio, axis=(0, 1, 2)) / ratio.mean((0, 1, 2))
    assert ratio.min() > 0
    np.testing.assert_allclose(spread, 0, atol=1e-4)


def test_measured_widths_are_standard_deviations(calibrated_weights):
    """Scaled kernels and biases scale the deviations by as much."""
    relu = calibrate(VGG19, "block1_conv2", Activation.RELU, Pooling.MAX)
    scaled = dataclasses.replace(
        relu,
        kernels={**relu.kernels, "block1_conv2": 3 * relu.kernels["block1_conv2"]},
        biases={**relu.biases, "block1_conv2": 3 * relu.biases["block1_conv2"] + 7},
    )
    for weights, expected in ((relu, [1, 1]), (scaled, [1, 3])):
        stds = preactivation_stds(
            VGG19, "block1_conv2", weights.kernels, weights.biases, weights.offset
        )
        np.testing.assert_allclose(list(stds.values()), expected, rtol=1e-4)


def test_filters_that_were_kept_are_those_that_were_made(tmp_path, monkeypatch):
    digests = []
    for place in ("off", str(tmp_path), str(tmp_path)):
        monkeypatch.setenv("DECOUPLE_CACHE", place)
        digests.append(calibrate(VGG19, "block1_conv2").digest)
    assert len(set(digests)) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_other_numbers_in_the_cache_are_not_used(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DECOUPLE_CACHE", str(tmp_path))
    made = calibrate(VGG19, "block1_conv1").digest
    (path,) = tmp_path.iterdir()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "about.json"}
    arrays["block1_conv1/bias"] = arrays["block1_conv1/bias"] + np.float32(1)
    np.savez(path, **arrays)
    assert calibrate(VGG19, "block1_conv1").digest == made
    assert "is damaged" in capsys.readouterr().err
