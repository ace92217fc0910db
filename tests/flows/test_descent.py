import numpy as np
import pytest

from decouple.features.extractor import Extractor
from decouple.flows import (
    Gradient,
    KerasOptimizer,
    Lbfgs,
    Motion,
    StopReason,
    StopRule,
    StopRules,
    optimizer,
)
from decouple.stages import StageError, impose, noise_image, noise_reference, noisify
from tests.flows.motions import Told

ONE, TWO = "block1_conv1", "block2_conv1"


@pytest.fixture(scope="module")
def net(extractor):
    return extractor(2)


@pytest.fixture(scope="module")
def image(grained):
    return grained(16, 21)


@pytest.fixture(scope="module")
def reference(net):
    return noise_reference(net, (16, 21))


@pytest.fixture(scope="module")
def motion(net, image, reference):
    """To the noise's features in both layers."""
    return Motion(net, net.measure(image), reference.vector(net), 1e-6, stage="noisify_source")


def flow(scheme, stages=None, **rule):
    return Gradient(scheme, StopRules(StopRule(**rule), stages or {}))


def loss_at(motion, features):
    """Σ_j MSE_j."""
    return sum(motion.extractor.mean_square(features - motion.end).values())


class TestLoss:
    @pytest.mark.parametrize("scheme", [Lbfgs(), KerasOptimizer("adam")], ids=["lbfgs", "adam"])
    def test_it_falls_in_every_layer(self, motion, image, scheme):
        told = Told()
        moved = flow(scheme, max_iterations=25).move(image, motion, told)
        before = motion.extractor.mean_square(motion.start - motion.end)
        after = motion.extractor.mean_square(motion.extractor.measure(moved.image) - motion.end)
        for layer in (ONE, TWO):
            assert after[layer] < 0.05 * before[layer]
        assert moved.image.dtype == np.float64

    def test_the_optimizer_gets_the_sum_over_the_layers_and_its_gradient(
        self, motion, image, extractor
    ):
        """Against differences, in double precision."""
        caught = {}

        class Probe:
            name = "probe"

            def feasible(self, image):
                return image

            def begin(self, shape):
                return self

            def run(self, loss, image, callback):
                caught["loss"] = loss

        net = extractor(2, "float64")
        exact = Motion(net, motion.start, motion.end, 1e-6)
        Gradient(Probe()).move(image, exact, Told())
        loss = caught["loss"]
        value, gradient = loss(image)
        assert value == pytest.approx(loss_at(exact, net.measure(image)), rel=1e-12)
        direction = np.random.default_rng(0).standard_normal(image.shape)
        h = 1e-5
        slope = (loss(image + h * direction)[0] - loss(image - h * direction)[0]) / (2 * h)
        assert float(np.sum(gradient * direction)) == pytest.approx(slope, rel=1e-6)

    def test_the_best_image_is_handed_on(self, motion, image):
        """A rate at which the loss swings."""
        told = Told()
        moved = flow(
            KerasOptimizer("sgd", learning_rate=9000.0), max_iterations=12, stagnation=0.0
        ).move(image, motion, told)
        losses = [loss_at(motion, features) for _, features in told]
        start = loss_at(motion, motion.start)
        assert max(losses) > start  # else the test tells nothing
        reached = loss_at(motion, motion.extractor.measure(moved.image))
        assert reached == pytest.approx(min(*losses, start), rel=1e-5)

    def test_the_image_given_is_left_as_it_is(self, motion, image, grained):
        flow(Lbfgs(), max_iterations=2).move(image, motion, Told())
        np.testing.assert_array_equal(image, grained(16, 21))


class TestBounds:
    def test_no_value_leaves_them(self, motion, image):
        scheme = Lbfgs(lower=0.0, upper=1.0)
        moved = flow(scheme, max_iterations=15).move(image, motion, Told())
        assert moved.image.min() >= 0
        assert moved.image.max() <= 1
        free = flow(Lbfgs(), max_iterations=15).move(image, motion, Told())
        assert np.ptp(free.image) > 1

    @pytest.mark.parametrize("rule", [{"max_iterations": 1}, {"loss": 1e9}])
    def test_nor_does_one_that_was_outside_at_the_start(self, motion, image, rule):
        """Even if nothing better is found, or nothing had to be done."""
        scheme = Lbfgs(lower=0.45, upper=0.55)
        moved = flow(scheme, **rule).move(image, motion, Told())
        assert moved.image.min() >= 0.45
        assert moved.image.max() <= 0.55


class TestStopReasons:
    def test_reached(self, motion, image):
        told = Told()
        moved = flow(Lbfgs(), loss=1e-3).move(image, motion, told)
        assert moved.stop_reason is StopReason.REACHED
        assert moved.threshold == 1e-3
        assert moved.steps == len(told) < 300
        losses = [loss_at(motion, features) for _, features in told]
        assert losses[-1] < 1e-3 <= min(losses[:-1])
        assert told[-1][0] == 1.0

    def test_in_units_of_the_loss_at_the_start(self, motion, image):
        moved = flow(Lbfgs(), loss=0.1, scale="initial").move(image, motion, Told())
        start = loss_at(motion, motion.start)
        assert moved.threshold == pytest.approx(0.1 * start, rel=1e-5)
        assert moved.stop_reason is StopReason.REACHED
        assert loss_at(motion, motion.extractor.measure(moved.image)) < 0.1 * start

    def test_step_limit(self, motion, image):
        moved = flow(KerasOptimizer("adam"), max_iterations=3).move(image, motion, Told())
        assert (moved.stop_reason, moved.steps) == (StopReason.STEP_LIMIT, 3)

    def test_passes(self, motion, image):
        counter = motion.extractor.passes
        before = counter.count
        rules = StopRules(StopRule(stagnation=0.0)).within(20)
        moved = Gradient(KerasOptimizer("adam"), rules).move(image, motion, Told())
        assert moved.stop_reason is StopReason.STEP_LIMIT
        # A loss with its gradient is two passes; looks are not counted.
        assert 20 <= counter.count - before <= 22
        assert moved.steps == 8

    def test_stagnated(self, motion, image):
        scheme = KerasOptimizer("sgd", learning_rate=1e-9)
        moved = flow(scheme).move(image, motion, Told())
        assert (moved.stop_reason, moved.steps) == (StopReason.STAGNATED, 10)

    def test_an_optimizer_that_is_stuck(self, motion, image, monkeypatch):
        squared_error = Extractor.squared_error

        def flat(self, *arguments):
            features, gradient = squared_error(self, *arguments)
            return features, 0 * gradient

        monkeypatch.setattr(Extractor, "squared_error", flat)
        moved = flow(Lbfgs()).move(image, motion, Told())
        assert (moved.stop_reason, moved.steps) == (StopReason.STAGNATED, 0)
        np.testing.assert_array_equal(moved.image, image)

    @pytest.mark.parametrize("scheme", [Lbfgs(), KerasOptimizer("adam")], ids=["lbfgs", "adam"])
    def test_not_finite(self, motion, image, scheme, monkeypatch):
        squared_error = Extractor.squared_error
        calls = 0

        def spoilt(self, *arguments):
            nonlocal calls
            calls += 1
            features, gradient = squared_error(self, *arguments)
            return features * (np.nan if calls > 5 else 1), gradient

        monkeypatch.setattr(Extractor, "squared_error", spoilt)
        told = Told()
        moved = flow(scheme).move(image, motion, told)
        assert moved.stop_reason is StopReason.NOT_FINITE
        assert np.isfinite(moved.image).all()
        assert not Gradient().arrived(moved.stop_reason)
        assert loss_at(motion, motion.extractor.measure(moved.image)) < loss_at(
            motion, motion.start
        )

    def test_a_stage_has_its_own_rule(self, motion, image):
        own = {"noisify_source": StopRule(max_iterations=2)}
        moved = flow(Lbfgs(), own, max_iterations=4).move(image, motion, Told())
        assert moved.steps == 2


@pytest.fixture(scope="module")
def gradient():
    return flow(Lbfgs(), loss=1e-4, max_iterations=60)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def taken(net, image, reference, gradient, told):
    return noisify(image, net, reference, gradient, observer=told.append)


class TestStages:
    def test_the_trace_says_how_it_went(self, taken, told):
        assert [trace.layer for trace in taken.trace] == [ONE, TWO]
        for trace in taken.trace:
            assert trace.stage == "noisify_source"
            assert trace.stepper == "lbfgs"
            assert trace.stop_reason is StopReason.REACHED
            assert trace.threshold == 1e-4
            assert sum(trace.feature_mse.values()) < 1e-4
            assert trace.steps > 0
            assert trace.passes > 2 * trace.steps
        assert list(taken.trace[0].feature_mse) == [ONE]
        assert list(taken.trace[1].feature_mse) == [ONE, TWO]
        assert not taken.features.ways

    def test_every_look_is_told(self, taken, told):
        for trace in taken.trace:
            steps = [report for report in told if report.layer == trace.layer]
            assert len(steps) == trace.steps
            fractions = [report.fraction for report in steps]
            assert fractions == sorted(fractions)
            assert fractions[-1] == 1.0
            passes = [report.passes for report in steps]
            assert passes == sorted(passes)
            assert steps[-1].feature_mse == pytest.approx(trace.feature_mse, rel=1e-4)

    def test_earlier_layers_are_held_at_the_reference(self, net, taken, reference, gradient):
        """The thesis's text."""
        back = impose(taken.image, taken.features, net, reference, gradient)
        first = back.trace[0]
        assert (first.layer, first.stop_reason) == (TWO, StopReason.REACHED)
        assert first.feature_mse[ONE] < 1e-4

    def test_or_pulled_to_what_is_imposed_later(self, net, taken, reference, gradient):
        """The thesis's code."""
        seen = {}
        back = impose(
            taken.image,
            taken.features,
            net,
            reference,
            gradient,
            hold="features",
            on_layer=seen.__setitem__,
        )
        first = back.trace[0]
        assert first.layer == TWO
        features = net.split(net.measure(seen[TWO]))
        near = np.mean(np.square(features[ONE] - taken.features.values[ONE]))
        assert near == pytest.approx(first.feature_mse[ONE], rel=1e-3)
        # Both layers' features at once may be out of reach: near, not there.
        assert near < 0.1 * np.mean(np.square(features[ONE] - reference.features[ONE]))

    def test_a_threshold_that_is_missed_is_a_result(self, net, image, reference):
        taken = noisify(image, net, reference, flow(Lbfgs(), max_iterations=2))
        assert {trace.stop_reason for trace in taken.trace} == {StopReason.STEP_LIMIT}

    def test_values_that_are_not_finite_are_an_error(self, net, image, reference):
        scheme = optimizer("sgd", learning_rate=1e300)
        with pytest.raises(StageError, match="noisify_source stopped at block1_conv1"):
            noisify(image, net, reference, flow(scheme))


def test_noise_is_there_already(net, reference):
    """The reference's own image is not moved."""
    noise = noise_image(16, 21, 0).astype(np.float64)
    motion = Motion(net, net.measure(noise), reference.vector(net), 1e-6)
    moved = Gradient().move(noise, motion, Told())
    assert (moved.stop_reason, moved.steps) == (StopReason.REACHED, 0)
    np.testing.assert_array_equal(moved.image, noise)
