"""The method's acid test: taken off and put back, an image is itself again."""

from dataclasses import replace

import numpy as np
import pytest

from decouple.errors import ImageError
from decouple.flows import Lift, StopReason, stepper
from decouple.flows.motion import Way
from decouple.images import load, psnr_db, rms
from decouple.stages import (
    DecoupledFeatures,
    Noisified,
    StageError,
    impose,
    impose_retraced,
    noise_image,
    noise_reference,
    noisify,
    round_trip,
)
from decouple.stages.accuracy import needed_by_retracing
from decouple.stages.layerwise import DEFAULT_TOLERANCE, move_layer

ONE, TWO = "block1_conv1", "block2_conv1"


class TestSelfTransfer:
    def test_the_image_comes_back(self, source, taken, put_back):
        assert psnr_db(taken.image, source) < 30
        assert psnr_db(put_back.image, source) >= 60

    def test_the_source_is_not_changed(self, source, taken, put_back, photograph):
        np.testing.assert_array_equal(source, photograph(32, 44))

    def test_nor_is_the_noisified_image(self, two, taken, reference, put_back):
        before = taken.image.copy()
        impose(taken.image, taken.features, two, reference)
        np.testing.assert_array_equal(taken.image, before)

    def test_noisified_features_are_those_of_the_noise(self, two, taken, reference):
        measured = two.split(two.measure(taken.image))
        for layer, values in measured.items():
            np.testing.assert_allclose(values, reference.features[layer], atol=1e-5)

    def test_recorded_is_what_each_layer_held_before_its_turn(self, two, source, taken, seen):
        """c_1 = f_1(x) and c_2 = f_2(x̂_1), not f_2(x)."""
        assert [layer for layer, _ in seen] == [ONE, TWO]
        raw = two.split(two.measure(source))
        np.testing.assert_array_equal(taken.features.values[ONE], raw[ONE])
        nested = two.split(two.measure(seen[0][1]))
        np.testing.assert_array_equal(taken.features.values[TWO], nested[TWO])
        assert rms(nested[TWO] - raw[TWO]) > 1e-3
        np.testing.assert_array_equal(seen[1][1], taken.image)

    def test_traces_are_complete(self, taken, put_back):
        assert [(t.stage, t.layer) for t in taken.trace] == [
            ("noisify_source", ONE),
            ("noisify_source", TWO),
        ]
        assert [(t.stage, t.layer) for t in put_back.trace] == [("impose", TWO), ("impose", ONE)]
        for trace in (*taken.trace, *put_back.trace):
            assert trace.stop_reason is StopReason.REACHED
            assert trace.stepper == "symmetric"
            assert trace.steps > 0
            assert trace.passes > trace.steps
            assert trace.seconds > 0
            assert np.isfinite(trace.image_change_psnr_db)
            assert max(trace.feature_mse.values()) <= 1e-8
        assert list(taken.trace[0].feature_mse) == [ONE]
        assert list(taken.trace[1].feature_mse) == [ONE, TWO]
        assert list(put_back.trace[0].feature_mse) == [ONE, TWO]

    def test_every_step_is_told(self, taken, told):
        for trace in taken.trace:
            steps = [report for report in told if report.layer == trace.layer]
            assert len(steps) == trace.steps
            fractions = [report.fraction for report in steps]
            assert fractions == sorted(fractions)
            assert fractions[-1] == 1.0
            passes = [report.passes for report in steps]
            assert passes == sorted(passes)
            assert passes[-1] <= trace.passes
            distances = [report.feature_mse[trace.layer] for report in steps]
            assert distances == sorted(distances, reverse=True)
            assert max(report.feature_mse[ONE] for report in steps) < 1 or trace.layer == ONE
        assert max(r.feature_mse[ONE] for r in told if r.layer == TWO) <= 1e-8

    @pytest.mark.slow
    @pytest.mark.parametrize("target", ["other", "dark"])
    def test_features_survive_the_transfer(self, two, taken, reference, source, target):
        """Noisified again on the way it came, an imposed image gives up what was imposed."""
        other = load("sample:astronaut", size=44).pixels[:32, :44]
        image = other if target == "other" else source[::-1, ::-1] ** 2
        start = noisify(image, two, reference, stage="noisify_target")
        assert {trace.stage for trace in start.trace} == {"noisify_target"}
        values = DecoupledFeatures(taken.features.values)  # not the ways of another image
        done = impose_retraced(start.image, values, two, reference)
        assert psnr_db(done.imposed.image, image) < 50
        assert done.traceable
        assert {trace.stage for trace in done.trace} == {"impose", "noisify_result"}
        for layer, imposed in values.values.items():
            own = start.features.values[layer]
            assert rms(own - imposed) > 1e-2, layer
            assert rms(done.held.values[layer] - imposed) ** 2 <= 1e-8, layer

    @pytest.mark.slow
    def test_steps_that_cannot_be_taken_back_are_halved(self, two):
        """One is cut up on the way out, which misses then; along their halves it does not."""
        coffee, chelsea = (load(f"sample:{n}", size=32, fit="crop") for n in ("coffee", "chelsea"))
        noise = noise_reference(two, (32, 32), seed=0)
        features = noisify(coffee.pixels.astype(float), two, noise).features
        start = noisify(chelsea.pixels.astype(float), two, noise)
        # Coffee's steps, two at a time: too long for chelsea.
        steps = features.ways[ONE].steps
        longer = tuple(sum(steps[i : i + 2]) for i in range(0, len(steps), 2))
        features = replace(features, ways={ONE: Way(longer)})
        done = impose_retraced(start.image, features, two, noise, check_passes=100_000)
        firsts = [t.steps for t in done.trace if t.layer == ONE]
        assert firsts[1] > firsts[0] == len(longer)
        # Cut into halves until the way back follows.
        assert firsts[2] == 2 * firsts[0]
        assert firsts[-1] == firsts[-2]
        assert done.traceable, firsts

    @pytest.mark.slow
    def test_a_check_that_costs_too_much_is_given_up(self, two, taken, reference, source):
        """And leaves the picture that was imposed."""
        start = noisify(source[::-1, ::-1] ** 2, two, reference, comes_back=False)
        values = DecoupledFeatures(taken.features.values)
        whole = impose_retraced(start.image, values, two, reference)
        for passes in (0, 20):
            done = impose_retraced(start.image, values, two, reference, check_passes=passes)
            assert done.held is None
            assert done.traceable is None
            assert {t.stage for t in done.trace} == {"impose"}
            assert psnr_db(done.imposed.image, whole.imposed.image) > 40


def careless(image, motion, flow, observer):
    """Steps solved far less exactly than told: as in a picture whose errors grow far more."""
    if motion.way is None and motion.allowed is not None:  # found for the first time
        motion = replace(motion, tolerance=3e-5, allowed=1e4 * motion.allowed)
    return move_layer(image, motion, flow, observer)


class TestRoundTrip:
    def test_what_meets_the_tolerance_is_walked_once(self, two, source, reference, taken, put_back):
        given, said = [], []
        done = round_trip(source, two, reference, on_noisified=given.append, say=said.append)
        np.testing.assert_array_equal(done.imposed.image, put_back.image)
        np.testing.assert_array_equal(done.noisified.image, taken.image)
        assert given == [done.noisified]
        assert not said
        assert [t.stage for t in done.trace] == 2 * ["noisify_source"] + 2 * ["impose"]
        assert done.rms == rms(put_back.image - source) <= 1e-4

    def test_what_misses_it_is_walked_more_exactly(self, two, source, reference):
        once = noisify(source, two, reference, move=careless)
        back = impose(once.image, once.features, two, reference)
        assert rms(back.image - source) > 1e-4
        done = round_trip(source, two, reference, move=careless)
        assert done.rms == rms(done.imposed.image - source) <= 1e-4
        # In the same steps, or in half as long ones; what had been found is followed.
        steps = [t.steps for t in done.trace if (t.stage, t.layer) == ("noisify_source", TWO)]
        assert len(steps) > 1
        assert {n // steps[0] for n in steps} <= {1, 2, 4}

    def test_what_float64_misses_is_not_walked_again(self, two, source, reference):
        def rounded(image, motion, flow, observer):
            moved, trace = careless(image, motion, flow, observer)
            if moved.way.error is not None:
                # As told where growth is so large that rounding alone becomes that.
                moved = replace(moved, way=replace(moved.way, least_error=moved.way.error))
            return moved, trace

        done = round_trip(source, two, reference, move=rounded)
        assert done.rms > 1e-4
        assert [t.stage for t in done.trace] == 2 * ["noisify_source"] + 2 * ["impose"]

    def test_a_second_walk_that_fails_leaves_the_first(self, two, source, reference):
        calls = []

        def breaks(image, motion, flow, observer):
            calls.append(motion.stage)
            if calls.count("impose") > 1 and motion.stage == "noisify_source":
                raise StageError("broken", Noisified(image, DecoupledFeatures({}), ()))
            motion = replace(motion, tolerance=1e-5, allowed=None)
            return move_layer(image, motion, flow, observer)

        one = two.first(1)
        done = round_trip(source, one, reference, move=breaks)
        assert done.rms == rms(done.imposed.image - source)
        assert {t.stage for t in done.trace} == {"noisify_source", "impose"}

    def test_a_first_walk_that_fails_says_so(self, two, source, reference):
        flow = Lift(stepper("symmetric", max_steps=1))
        with pytest.raises(StageError, match="noisify_source stopped at block1_conv1") as caught:
            round_trip(source, two, reference, flow)
        assert [t.layer for t in caught.value.partial.trace] == [ONE]


class TestOneLayer:
    @pytest.fixture
    def one(self, extractor):
        return extractor(1)

    @pytest.mark.parametrize("name", ["rk45", pytest.param("dop853", marks=pytest.mark.slow)])
    def test_integrators_come_back_too(self, one, grained, name):
        image = grained(16, 21)
        reference = noise_reference(one, (16, 21))
        flow = Lift(stepper(name))
        taken = noisify(image, one, reference, flow, tolerance=1e-3)
        assert not taken.features.ways
        back = impose(taken.image, taken.features, one, reference, flow, tolerance=1e-3)
        assert psnr_db(taken.image, image) < 30
        assert psnr_db(back.image, image) >= 60
        assert back.trace[0].stepper == name

    def test_float32_is_taken_and_float64_given(self, one, grained):
        image = grained(16, 21).astype(np.float32)
        taken = noisify(image, one, noise_reference(one, (16, 21)))
        assert taken.image.dtype == np.float64

    def test_imposing_without_a_way_finds_one(self, one, grained):
        image = grained(16, 21)
        reference = noise_reference(one, (16, 21))
        taken = noisify(image, one, reference)
        back = impose(taken.image, DecoupledFeatures(taken.features.values), one, reference)
        np.testing.assert_allclose(one.measure(back.image), taken.features.values[ONE], atol=1e-5)
        # Other steps than those out: near, but no longer exact.
        assert psnr_db(back.image, image) > 30

    @pytest.mark.parametrize(
        ("spoil", "says"),
        [
            (lambda x: np.full_like(x, 0.3), "one colour"),
            (lambda x: 0 * x + np.array([0.1, 0.5, 0.9]), "one colour"),
            (lambda x: x[..., 0], "shape"),
            (lambda x: x[..., :2], "shape"),
            (lambda x: np.where(x > 0.5, np.nan, x), "NaN"),
            (lambda x: np.where(x > 0.5, np.inf, x), "infinite"),
        ],
        ids=["flat", "flat colour", "grey", "two channels", "nan", "inf"],
    )
    def test_unusable_images_are_refused(self, one, grained, spoil, says):
        reference = noise_reference(one, (16, 21))
        image = spoil(grained(16, 21))
        features = DecoupledFeatures(dict(reference.features))
        for stage in (
            lambda: noisify(image, one, reference),
            lambda: impose(image, features, one, reference),
        ):
            with pytest.raises(ImageError, match=says) as caught:
                stage()
            assert "\n" not in str(caught.value)

    def test_too_small_images_are_refused(self, extractor, pink):
        three = extractor(3)
        reference = noise_reference(three, (8, 8))
        with pytest.raises(ImageError, match="at least 4"):
            noisify(pink(3, 9), three, reference)


class TestFailure:
    def test_a_layer_that_fails_keeps_what_was_done(self, extractor, grained):
        """The first layer arrives, the second cannot."""
        two = extractor(2)
        image = grained(16, 21)
        start = two.split(two.measure(image))
        noise = noise_reference(two, (16, 21))
        near = {
            ONE: 0.9 * start[ONE] + 0.1 * noise.features[ONE],
            TWO: -0.1 - start[TWO],
        }
        unreachable = type(noise)(near, 16, 21, 0, 1)
        flow = Lift(stepper("symmetric", max_steps=12))
        with pytest.raises(StageError, match=r"noisify_source stopped at block2_conv1") as caught:
            noisify(image, two, unreachable, flow)
        message = str(caught.value)
        assert "128 channels, 64 held" in message
        assert "\n" not in message
        partial = caught.value.partial
        assert np.isfinite(partial.image).all()
        assert [trace.layer for trace in partial.trace] == [ONE, TWO]
        assert partial.trace[0].stop_reason is StopReason.REACHED
        assert partial.trace[1].stop_reason is not StopReason.REACHED
        assert list(partial.features.ways) == [ONE]
        np.testing.assert_allclose(two.measure(partial.image)[:64], near[ONE], atol=1e-4)

    def test_imposition_fails_with_its_partial_too(self, extractor, grained):
        one = extractor(1)
        reference = noise_reference(one, (16, 21))
        features = DecoupledFeatures({ONE: -reference.features[ONE]})
        flow = Lift(stepper("symmetric", max_steps=5))
        with pytest.raises(StageError, match="impose stopped at block1_conv1") as caught:
            impose(noise_image(16, 21, 0), features, one, reference, flow)
        assert np.isfinite(caught.value.partial.image).all()
        # Newton steps are tried where the path leads nowhere.
        assert [t.stepper for t in caught.value.partial.trace] == ["symmetric", "newton"]

    @pytest.mark.parametrize("ending", [ONE, TWO])
    def test_what_cannot_be_imposed_in_exact_steps_is_in_others(
        self, extractor, photograph, ending
    ):
        two = extractor(2)
        reference = noise_reference(two, (16, 21))
        pictures = photograph(32, 21).reshape(2, 16, 21, 3)
        source, target = (noisify(x, two, reference) for x in pictures)

        tolerances = {True: set(), False: set()}

        def exact_ones_end(image, motion, flow, observer):
            if motion.stage == "impose":
                tolerances[motion.near is None].add(motion.tolerance)
            if motion.near is None and motion.extractor.layers[-1] == ending:
                flow = replace(flow, stepper=replace(flow.stepper, max_steps=1))
            return move_layer(image, motion, flow, observer)

        features = DecoupledFeatures(source.features.values)
        done = impose_retraced(target.image, features, two, reference, move=exact_ones_end)
        imposed = {t.layer: t for t in done.imposed.trace}
        # Newton steps are tried as well; what has arrived is not imposed once more.
        layers = sorted([ONE, TWO, ending, ending], reverse=True)
        assert [t.layer for t in done.imposed.trace] == layers
        assert not done.imposed.retraced
        assert not done.traceable
        # Only what may be taken back is solved more exactly than was asked for.
        assert tolerances[False] == {needed_by_retracing(DEFAULT_TOLERANCE)}
        assert max(tolerances[True]) < min(tolerances[False])
        assert all(t.stop_reason is StopReason.REACHED for t in imposed.values())
        for layer, trace in imposed.items():
            wanted = np.mean(np.square(features.values[layer]))
            assert trace.feature_mse[layer] < 1e-6 * wanted
        with pytest.raises(StageError, match=f"impose stopped at {ending}"):
            impose(target.image, features, two, reference, move=exact_ones_end)

    def test_a_stepper_that_overshoots_has_not_arrived(self, extractor, photograph):
        """One Euler step ends its path, but nowhere near the reference."""
        one = extractor(1)
        image = photograph(16, 21)
        reference = noise_reference(one, (16, 21))
        with pytest.raises(StageError):
            noisify(image, one, reference, Lift(stepper("euler", steps=1)))

    def test_imposing_on_an_image_that_is_not_noisified(self, extractor, grained, pink):
        """What is promised is that the image carries the features, or an error."""
        one = extractor(1)
        image = grained(16, 21)
        reference = noise_reference(one, (16, 21))
        taken = noisify(image, one, reference)
        off = taken.image + 0.05 * (pink(16, 21) - 0.5)
        features = DecoupledFeatures(taken.features.values)
        try:
            imposed = impose(off, features, one, reference)
        except (StageError, ImageError):
            return
        assert imposed.trace[0].feature_mse[ONE] <= 1e-8
