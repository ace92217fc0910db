"""The decoupling defect where its value is known: 0 for constant gradients, 1 for doing nothing."""

from dataclasses import replace

import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.features import ChannelMeans
from decouple.flows import StopReason
from decouple.flows.motion import Moved
from decouple.networks.architecture import VGG19
from decouple.networks.chain import Chain
from decouple.stages import decoupling_defect, noise_reference
from decouple.stages.defect import gradient_directions

ONE, TWO = "block1_conv1", "block2_conv1"
SHAPE = (16, 20)


def few(count, of):
    return np.arange(of) < count


@pytest.fixture(scope="module")
def curved(chain):
    """A few channels of the network as it is, whose first layer is nonlinear."""
    net = ChannelMeans(chain(TWO, dtype="float64"), 2)
    return net.masked({ONE: few(3, 64), TWO: few(8, 128)})


@pytest.fixture(scope="module")
def linear(calibrated_weights):
    """The same where softplus's argument is large in the first layer: linear, to 1e-16.

    Its gradients are then the same at every image, so that decoupling is exact.
    """
    biases = {**calibrated_weights.biases}
    biases[ONE] = biases[ONE] + 20
    weights = replace(calibrated_weights, biases=biases)
    net = ChannelMeans(Chain(VGG19, TWO, weights, dtype="float64"), 2)
    return net.masked({ONE: few(3, 64), TWO: few(8, 128)})


class Idle:
    """A flow that goes nowhere: c_j = f_j."""

    name = stepper_name = "idle"

    def arrived(self, reason):
        return True

    def move(self, image, motion, tell):
        return Moved(image, StopReason.REACHED, 0)


@pytest.fixture(scope="module")
def image(grained):
    return grained(*SHAPE)


def defect(net, image, **options):
    return decoupling_defect(image, net, noise_reference(net, SHAPE), **options)


@pytest.fixture(scope="module")
def measured(curved, image):
    return defect(curved, image, directions=2)


def test_it_is_zero_where_gradients_are_constant(linear, image):
    found = defect(linear, image, directions=2)
    full, half = found.along[ONE, TWO]
    assert np.linalg.norm(full.raw, axis=1).min() > 0.1
    assert full.ratio < 1e-4
    assert half.ratio < 1e-4


def test_it_is_one_where_nothing_is_decoupled(curved, image):
    found = defect(curved, image, flow=Idle(), directions=2)
    full, half = found.along[ONE, TWO]
    assert full.ratio == pytest.approx(1, abs=1e-12)
    assert half.ratio == pytest.approx(1, abs=1e-12)
    assert found.own[TWO].ratio == pytest.approx(1, abs=1e-12)


def test_it_lies_between_for_the_lift_through_a_curved_layer(measured):
    full, half = measured.along[ONE, TWO]
    assert 1e-3 < full.ratio < 0.7
    assert half.ratio == pytest.approx(full.ratio, rel=0.1)
    assert full.nonlinearity(half) < 0.2


def test_a_layer_answers_to_its_own_directions(measured):
    assert 0.5 < measured.own[TWO].ratio < 2


@pytest.mark.parametrize("only_own", [False, True])
def test_directions_lie_where_they_should(curved, image, only_own):
    point = curved.linearize(image)
    jacobian = np.concatenate(list(curved.jacobian_rows(point)))
    first, second = jacobian[:3], jacobian[3:]
    rng = np.random.default_rng(1)
    for u in gradient_directions(rng, curved, point, 2, 2, only_own):
        assert np.sqrt(np.mean(np.square(u))) == pytest.approx(1)
        span = jacobian if only_own else second
        within = np.linalg.lstsq(span.T, u.ravel(), rcond=None)[0] @ span
        np.testing.assert_allclose(within, u.ravel(), atol=1e-6)
        along_first = np.linalg.norm(first @ u.ravel()) / np.linalg.norm(second @ u.ravel())
        assert (along_first < 1e-6) == only_own


@pytest.mark.parametrize("isotropic", [False, True])
def test_isotropic_directions_are_equally_likely(curved, image, isotropic):
    point = curved.linearize(image)
    first = np.concatenate(list(curved.jacobian_rows(point)))[:3]
    basis = np.linalg.qr(first.T)[0]
    rng = np.random.default_rng(2)
    us = gradient_directions(rng, curved, point, 1, 300, isotropic=isotropic)
    coordinates = np.stack([u.ravel() @ basis for u in us]) / np.sqrt(image.size)
    np.testing.assert_allclose(np.linalg.norm(coordinates, axis=1), 1, rtol=1e-6)
    variances = np.linalg.eigvalsh(coordinates.T @ coordinates / len(coordinates))
    assert (variances.max() < 1.5 * variances.min()) == isotropic


def test_the_matrix_has_a_row_for_what_moves(measured):
    matrix = measured.matrix()
    assert matrix[0, 1] == measured.along[ONE, TWO][0].ratio
    assert np.isnan(matrix[[0, 1, 1], [0, 0, 1]]).all()
    change = measured.along[ONE, TWO][0]
    assert change.raw.shape == change.decoupled.shape == (2, 8)
    assert change.ratios.min() <= change.ratio <= change.ratios.max()


@pytest.mark.parametrize("wrong", [{"directions": 0}, {"size": 0.0}, {"size": float("nan")}])
def test_what_cannot_be_is_refused(curved, image, wrong):
    with pytest.raises(ConfigError, match="above 0"):
        defect(curved, image, **wrong)


def test_one_layer_alone_has_none(curved, image):
    with pytest.raises(ConfigError, match="at least two"):
        defect(curved.first(1), image)
