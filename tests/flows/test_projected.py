import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.features import ChannelMeans
from decouple.flows import (
    Gradient,
    KerasOptimizer,
    Lbfgs,
    Motion,
    Projected,
    StopReason,
    StopRule,
    StopRules,
)
from decouple.flows.projected import _ChannelTangent, _Free, _LayerTangent
from decouple.images import rms
from decouple.networks.architecture import VGG19
from decouple.networks.chain import Chain
from decouple.stages import StageError, impose, noise_reference, noisify
from tests.flows.motions import Told

ONE, TWO = "block1_conv1", "block2_conv1"
SCHEMES = {"lbfgs": Lbfgs(), "adam": KerasOptimizer("adam")}


def flow(scheme=None, projection="channel", **rule):
    return Projected(scheme or Lbfgs(), StopRules(StopRule(**rule)), projection)


def unit_rows(net, image):
    """Gradients of all features at an image, each of length 1."""
    rows = np.concatenate(list(net.jacobian_rows(net.linearize(image)))).astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def share_within(rows, gradient):
    """Of a gradient, what lies in the span of the rows."""
    q, _ = np.linalg.qr(rows.T)
    return float(np.linalg.norm(q.T @ gradient.ravel()) / np.linalg.norm(gradient))


@pytest.fixture(scope="module")
def net(extractor):
    return extractor(2)


@pytest.fixture(scope="module")
def exact(extractor):
    return extractor(2, "float64")


@pytest.fixture(scope="module")
def image(photograph):
    return photograph(24, 28)


@pytest.fixture(scope="module")
def reference(net):
    return noise_reference(net, (24, 28))


@pytest.fixture(scope="module")
def first(net, image, reference):
    """The image with its first layer at the reference."""
    return noisify(image, net.first(1), reference).image


@pytest.fixture(scope="module")
def motion(net, reference, first):
    """The second layer to the reference, while the first stays there."""
    end = reference.vector(net)
    start = np.concatenate([end[:64], net.measure(first)[64:]])
    return Motion(net, start, end, 1e-6)


class TestChannels:
    @pytest.mark.parametrize("name", SCHEMES)
    def test_held_features_stay_while_the_active_ones_arrive(self, motion, first, name):
        told = Told()
        moved = flow(SCHEMES[name], loss=5e-5).move(first, motion, told)
        assert moved.stop_reason is StopReason.REACHED
        assert moved.steps == len(told)
        net = motion.extractor
        assert net.mean_square(motion.start - motion.end)[TWO] > 1e-3
        for image in (moved.image, first):
            assert net.mean_square(net.measure(image) - motion.end)[ONE] <= 1e-6
        assert max(net.mean_square(features - motion.end)[ONE] for _, features in told) <= 1e-6
        assert net.mean_square(net.measure(moved.image) - motion.end)[TWO] < 5e-5
        assert net.mean_square(told[-1][1] - motion.end)[TWO] < 5e-5

    def test_a_tight_threshold_is_met_too(self, motion, first):
        moved = flow(loss=1e-8).move(first, motion, Told())
        assert moved.stop_reason is StopReason.REACHED
        net = motion.extractor
        after = net.mean_square(net.measure(moved.image) - motion.end)
        assert after[TWO] <= 1e-8
        assert after[ONE] <= 1e-8

    def test_how_often_it_is_looked_at_does_not_change_the_path(self, motion, first):
        often, seldom = (
            flow(loss=1e-30, max_iterations=24, check_every=k).move(first, motion, Told())
            for k in (1, 24)
        )
        assert often.steps == seldom.steps == 24
        np.testing.assert_array_equal(often.image, seldom.image)

    def test_the_image_given_is_left_as_it_is(self, motion, first):
        before = first.copy()
        flow(max_iterations=2).move(first, motion, Told())
        np.testing.assert_array_equal(first, before)

    def test_held_features_that_are_off_are_brought_back_first(self, motion, first, pink):
        """Also if nothing else is to be done."""
        off = first + 0.1 * (pink(24, 28, 7) - 0.5)
        net = motion.extractor
        assert net.mean_square(net.measure(off) - motion.end)[ONE] > 1e-6
        moved = flow(loss=1e3).move(off, motion, Told())
        assert (moved.stop_reason, moved.steps) == (StopReason.REACHED, 0)
        assert net.mean_square(net.measure(moved.image) - motion.end)[ONE] <= 1e-10

    @pytest.mark.parametrize("name", SCHEMES)
    def test_held_features_that_are_too_far_off_are_held_where_they_are(self, motion, first, name):
        """As they are after a layer that ended far from its threshold."""
        net = motion.extractor
        end = motion.end.copy()
        end[:64] = -1.0  # means of softplus are positive
        far = Motion(net, motion.start, end, 1e-6)
        moved = flow(SCHEMES[name], max_iterations=3).move(first, far, Told())
        assert (moved.stop_reason, moved.steps) == (StopReason.STEP_LIMIT, 3)
        before, after = net.measure(first), net.measure(moved.image)
        assert net.mean_square(after - before)[ONE] <= 1e-10
        assert net.mean_square(after - end)[TWO] < net.mean_square(before - end)[TWO]

    def test_a_step_from_which_there_is_no_way_back_is_shortened(self, motion, first):
        """A learning rate knows nothing of how curved the held features are."""
        moved = flow(KerasOptimizer("adam", 30.0), max_iterations=3).move(first, motion, Told())
        assert (moved.stop_reason, moved.steps) == (StopReason.STEP_LIMIT, 3)
        net = motion.extractor
        assert net.mean_square(net.measure(moved.image) - motion.end)[ONE] <= 1e-10
        assert 0 < rms(moved.image - first) < 30

    @pytest.mark.parametrize("name", SCHEMES)
    def test_dead_held_channels_are_an_error_that_tells(self, calibrated_weights, image, name):
        """A channel without a gradient cannot be projected off."""
        biases = {layer: bias.copy() for layer, bias in calibrated_weights.biases.items()}
        biases[ONE][3] -= 1e3
        weights = dataclasses.replace(calibrated_weights, biases=biases)
        net = ChannelMeans(Chain(VGG19, TWO, weights), 2)
        # The first layer is there already, so that the second is what fails.
        here = net.split(net.measure(image))
        noise = noise_reference(net, (24, 28))
        target = dataclasses.replace(noise, features={**noise.features, ONE: here[ONE]})
        with pytest.raises(StageError, match="noisify_source stopped at block2_conv1"):
            noisify(image, net, target, flow(SCHEMES[name]))


class TestGradients:
    def tangent(self, net, motion, centre):
        tangent = _ChannelTangent(Motion(net, motion.start, motion.end, 1e-6))
        tangent.centre(centre)
        return tangent

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("step", [0.0, 1e-3, 1e-2])
    def test_they_are_orthogonal_to_those_of_every_held_channel(
        self, extractor, motion, first, dtype, step
    ):
        net = extractor(2, dtype)
        tangent = self.tangent(net, motion, first)
        aside = step * np.random.default_rng(0).standard_normal(first.shape)
        _, gradient = tangent.loss(first + aside)
        rows = unit_rows(net.first(1), first)
        assert share_within(rows, gradient) < 1e-6
        _, whole = net.squared_error(first, motion.end, tangent.weights)
        assert share_within(rows, whole) > 0.1  # there was something to project off

    def test_at_the_centre_they_are_the_orthogonal_projection(self, exact, motion, first):
        tangent = self.tangent(exact, motion, first)
        here = tangent.retract(first)
        tangent.centre(here)
        _, gradient = tangent.loss(here)
        _, whole = exact.squared_error(here, motion.end, tangent.weights)
        q, _ = np.linalg.qr(unit_rows(exact.first(1), here).T)
        expected = whole.ravel() - q @ (q.T @ whole.ravel())
        assert rms(gradient.ravel() - expected) < 1e-6 * rms(expected)

    def test_they_are_gradients_of_the_loss_where_held_features_are_restored(
        self, exact, motion, first, monkeypatch
    ):
        """Against differences, away from the centre."""
        monkeypatch.setattr("decouple.flows.projected._HELD_MSE", 1e-24)
        tangent = self.tangent(exact, motion, first)
        rng = np.random.default_rng(1)
        x = first + 1e-3 * rng.standard_normal(first.shape)
        direction = rng.standard_normal(first.shape)
        _, gradient = tangent.loss(x)
        h = 1e-5
        ahead, behind = (tangent.loss(x + t * direction)[0] for t in (h, -h))
        slope = (ahead - behind) / (2 * h)
        assert float(np.sum(gradient * direction)) == pytest.approx(slope, rel=1e-4)

    def test_what_is_restored_moves_along_the_held_gradients(self, exact, motion, first):
        tangent = self.tangent(exact, motion, first)
        x = first + 1e-2 * np.random.default_rng(2).standard_normal(first.shape)
        restored = tangent.retract(x)
        held = exact.first(1).measure
        assert rms(held(x) - motion.end[:64]) > 1e-4
        assert rms(held(restored) - motion.end[:64]) < 1e-5
        rows = unit_rows(exact.first(1), first)
        assert share_within(rows, restored - x) == pytest.approx(1, abs=1e-9)

    def test_a_restored_image_is_its_own(self, net, motion, first):
        """Not a view of what was given: SciPy goes on in its array."""
        tangent = self.tangent(net, motion, first)
        given = tangent.retract(first).copy()
        before = given.copy()
        restored = tangent.retract(given)
        given += 0.1
        np.testing.assert_array_equal(restored, before)
        np.testing.assert_array_equal(tangent.retract(before), before)


class TestDependentGradients:
    """Two channels of the first layer that differ by next to nothing."""

    @pytest.fixture(scope="class", params=[1e-2, 1e-3, 1e-4, 1e-5, 0.0])
    @staticmethod
    def twins(request, calibrated_weights):
        kernels = {name: kernel.copy() for name, kernel in calibrated_weights.kernels.items()}
        biases = {name: bias.copy() for name, bias in calibrated_weights.biases.items()}
        for numbers in (kernels[ONE], biases[ONE]):
            numbers[..., 1] = numbers[..., 0] + request.param * (numbers[..., 1] - numbers[..., 0])
        weights = dataclasses.replace(calibrated_weights, kernels=kernels, biases=biases)
        return request.param, ChannelMeans(Chain(VGG19, TWO, weights), 2)

    def test_gradients_are_orthogonal_to_both(self, twins, grained):
        difference, net = twins
        image = grained(24, 28)
        end = net.measure(image)
        end[64:] *= 1.1
        tangent = _ChannelTangent(Motion(net, net.measure(image), end, 1e-6))
        tangent.centre(image)
        _, gradient = tangent.loss(image)
        exact = net.in_float64()
        rows = unit_rows(exact.first(1), image)
        assert np.abs(rows @ gradient.ravel()).max() < 1e-6 * np.linalg.norm(gradient)
        # In float32 their difference has an error of 1e-7 over its size.
        if difference >= 1e-2:
            assert share_within(rows, gradient) < 1e-6

    def test_held_features_stay(self, twins, grained):
        _, net = twins
        image = grained(24, 28)
        start = net.measure(image)
        end = start.copy()
        end[64:] += 0.2 * (noise_reference(net, (24, 28)).vector(net) - start)[64:]
        told = Told()
        moved = flow(loss=0.5, scale="initial").move(image, Motion(net, start, end, 1e-6), told)
        assert moved.stop_reason is StopReason.REACHED
        assert max(net.mean_square(features - end)[ONE] for _, features in told) <= 1e-10


class TestLayers:
    @pytest.fixture
    def tangent(self, extractor, first, reference):
        """In three layers, two of which are held and both off their targets."""
        net = extractor(3, "float64")
        noise = noise_reference(net, (24, 28))
        return _LayerTangent(Motion(net, net.measure(first), 1.1 * noise.vector(net), 1e-6))

    def held_gradients(self, tangent, image):
        net, end = tangent.extractor, tangent.motion.end
        edges = np.cumsum([0, *net.sizes])
        for begin, stop in pairwise(edges[:-1]):
            weights = np.zeros(net.size)
            weights[begin:stop] = 1
            yield net.squared_error(image, end, weights)[1].ravel()

    def test_gradients_are_orthogonal_to_those_of_the_held_losses(self, tangent, first):
        value, gradient = tangent.loss(first)
        net, end = tangent.extractor, tangent.motion.end
        _, whole = net.squared_error(first, end, tangent.weights)
        held = list(self.held_gradients(tangent, first))
        assert len(held) == 2
        for one in held:
            size = np.linalg.norm(one)
            assert abs(one @ gradient.ravel()) < 1e-9 * size * np.linalg.norm(gradient)
            assert abs(one @ whole.ravel()) > 1e-3 * size * np.linalg.norm(whole)
        last = net.layers[-1]
        assert value == pytest.approx(net.mean_square(net.measure(first) - end)[last])

    def test_nothing_else_is_taken_off(self, tangent, first):
        _, gradient = tangent.loss(first)
        _, whole = tangent.extractor.squared_error(first, tangent.motion.end, tangent.weights)
        basis, _ = np.linalg.qr(np.stack(list(self.held_gradients(tangent, first)), axis=1))
        expected = whole.ravel() - basis @ (basis.T @ whole.ravel())
        assert rms(gradient.ravel() - expected) < 1e-9 * rms(expected)

    def test_where_held_losses_vanish_nothing_is_projected(self, extractor, first, motion):
        """The reason why `channel` is the default."""
        net = extractor(2)
        end = net.measure(first)
        end[64:] = motion.end[64:]
        tangent = _LayerTangent(Motion(net, motion.start, end, 1e-6))
        _, gradient = tangent.loss(first)
        _, whole = net.squared_error(first, end, tangent.weights)
        np.testing.assert_allclose(gradient, whole, rtol=0, atol=1e-6 * np.abs(whole).max())

    def test_held_features_drift(self, motion, first):
        """More than a thousand times as far as with `channel`."""
        net = motion.extractor
        moved = flow(projection="layer", loss=5e-5).move(first, motion, Told())
        after = net.mean_square(net.measure(moved.image) - motion.end)
        assert moved.stop_reason is StopReason.REACHED
        assert after[TWO] < 5e-5
        assert 1e-6 < after[ONE] < 1


class TestNothingHeld:
    def test_the_first_layer_is_a_plain_descent(self, net, image, reference):
        """The same path, over more iterations than a tangent space lasts."""
        one = net.first(1)
        task = Motion(one, one.measure(image), reference.vector(one), 1e-6)
        stop = StopRules(StopRule(loss=1e-30, max_iterations=45))
        plain, projected = (
            kind(Lbfgs(), stop).move(image, task, Told()) for kind in (Gradient, Projected)
        )
        assert plain.steps == projected.steps == 45
        np.testing.assert_array_equal(projected.image, plain.image)

    def test_its_loss_and_gradient(self, exact, image, reference):
        one = exact.first(1)
        task = Motion(one, one.measure(image), reference.vector(one), 1e-6)
        value, gradient = _Free(task).loss(image)
        assert value == pytest.approx(np.mean(np.square(task.start - task.end)), rel=1e-12)
        rows = np.concatenate(list(one.jacobian_rows(one.linearize(image))))
        expected = rows.T @ (2 / 64 * (task.start - task.end))
        np.testing.assert_allclose(gradient.ravel(), expected, rtol=1e-6, atol=1e-15)


class TestStages:
    @pytest.mark.slow
    def test_out_and_back(self, net, image, reference):
        """On target with what is held in place; that the image returns is more than it can do."""
        scheme = flow(loss=1e-6)
        taken = noisify(image, net, reference, scheme)
        back = impose(taken.image, taken.features, net, reference, scheme)
        for trace in (*taken.trace, *back.trace):
            assert trace.stop_reason is StopReason.REACHED
            assert trace.threshold == 1e-6
            assert trace.stepper == "lbfgs"
            assert max(trace.feature_mse.values()) <= 1e-6
        assert not taken.features.ways
        assert rms(back.image - image) > 1e-3


class TestSettings:
    def test_unknown_projections_get_a_hint(self):
        with pytest.raises(ConfigError, match="did you mean 'channel'"):
            Projected(projection="chanel")

    @pytest.mark.parametrize("bounds", [{"lower": 0.0}, {"upper": 1.0}])
    def test_bounds_are_refused(self, bounds):
        with pytest.raises(ConfigError, match="bounds has no meaning in Projected"):
            Projected(Lbfgs(**bounds))
