import dataclasses

import numpy as np
import pytest

from decouple.features.extractor import Extractor
from decouple.flows import Motion, StopReason, Way, stepper
from decouple.flows.paths import PathKind, Straight
from decouple.flows.preconditioner import Factor
from decouple.flows.symmetric import Symmetric, _Walk
from decouple.images import rms
from tests.flows.motions import TOLERANCE, Told, features_of_noise, held_motion


def turned(motion, way=None):
    return Motion(motion.extractor, motion.end, motion.start, motion.tolerance, way)


class Watched:
    """An extractor whose secants are limited (a hang becomes a failure), linearizations changed."""

    def __init__(self, net, limit=10_000, change=lambda point: point):
        self._net, self._left, self._change = net, limit, change

    def __getattr__(self, name):
        return getattr(self._net, name)

    def linearize(self, image):
        return self._change(self._net.linearize(image))

    def secant(self, point, change):
        assert self._left > 0, "the motion does not end"
        self._left -= 1
        return self._net.secant(point, change)


def without_slopes(point):
    linearization, at = point.linearization
    slopes = tuple(0.0 * slope for slope in linearization.slopes)
    return dataclasses.replace(point, linearization=(linearization._replace(slopes=slopes), at))


@pytest.fixture(scope="module")
def out(extractor, grained):
    """A motion with a held layer, carried out."""
    image = grained(16, 21)
    motion = held_motion(extractor(2), image, share=0.1)
    told = Told()
    return image, motion, told, Symmetric().walk(image, motion, told)


class TestWayPoints:
    def test_every_step_ends_on_its_way_point(self, out):
        _, motion, told, moved = out
        assert moved.stop_reason is StopReason.REACHED
        assert len(told) == moved.steps > 3
        size = rms(motion.end - motion.start)
        for s, features in told:
            assert rms(features - Straight(motion.start, motion.end)(s)) < 1e-5 * size

    def test_held_features_stay(self, out):
        _, motion, told, _ = out
        travelled = np.abs(motion.end - motion.start)[64:].max()
        for _, features in told:
            assert np.abs(features - motion.start)[:64].max() < 1e-5 * travelled

    def test_progress_grows_to_exactly_one(self, out):
        _, _, told, moved = out
        where = [s for s, _ in told]
        assert where == sorted(set(where))
        assert where[-1] == 1.0
        assert sum(moved.way.steps) == pytest.approx(1.0, abs=1e-12)
        np.testing.assert_allclose(np.cumsum(moved.way.steps), where, atol=1e-12)

    def test_the_image_given_is_left_as_it_is(self, out, grained):
        image, _, _, moved = out
        np.testing.assert_array_equal(image, grained(16, 21))
        assert rms(moved.image - image) > 1e-4

    def test_what_a_step_leaves_of_the_features_the_next_makes_up_for(self, extractor, grained):
        net, image = extractor(2, "float64"), grained(16, 21)
        motion = held_motion(net, image, 1e-5, share=0.1)
        moved = Symmetric().walk(image, motion, Told())
        assert moved.steps > 3
        none, left = moved.way.drift
        assert not none.any()
        there = net.measure(moved.image)
        np.testing.assert_allclose(there + left, motion.end, rtol=0, atol=1e-12)
        assert Factor.at(net, net.linearize(moved.image)).distance(left) <= motion.tolerance
        # The way back begins with it, and ends where nothing is missing.
        back = Symmetric().walk(moved.image, turned(motion, moved.way.reversed()), Told())
        np.testing.assert_array_equal(back.way.drift[0], left)
        np.testing.assert_allclose(
            net.measure(back.image) + back.way.drift[1], motion.start, rtol=0, atol=1e-12
        )

    def test_what_is_told_is_what_the_image_has(self, out):
        _, motion, told, moved = out
        net = motion.extractor
        measured = net.measure(moved.image)
        factor = Factor.at(net, net.linearize(moved.image))
        # Before the last correction, three times what a step may be off where rounding holds it up.
        rounding = factor.rounding(measured, net.epsilon)
        assert factor.distance(told[-1][1] - measured) < 3 * TOLERANCE + rounding
        assert rms(told[-1][1] - measured) < 2e-6 * rms(measured)


class TestReversibility:
    def test_the_way_back_returns_to_the_start(self, out):
        image, motion, _, moved = out
        back = Symmetric().walk(moved.image, turned(motion, moved.way.reversed()), Told())
        assert back.stop_reason is StopReason.REACHED
        np.testing.assert_allclose(back.way.steps, moved.way.steps[::-1], atol=1e-12)
        assert rms(back.image - image) < 1e-6

    @pytest.mark.slow
    @pytest.mark.parametrize("picture", ["pink", "photograph"])
    def test_two_layers_there_and_back(self, request, extractor, picture):
        image = request.getfixturevalue(picture)(32, 32)
        net = extractor(2)
        noise = features_of_noise(net, image)
        first = net.first(1)
        motion1 = Motion(first, first.measure(image), noise[:64], 1e-8)
        moved1 = Symmetric().walk(image, motion1, Told())
        start2 = np.concatenate([noise[:64], net.measure(moved1.image)[64:]])
        motion2 = Motion(net, start2, noise, 1e-9)
        moved2 = Symmetric().walk(moved1.image, motion2, Told())
        assert rms(moved2.image - image) > 0.02
        back2 = Symmetric().walk(moved2.image, turned(motion2, moved2.way.reversed()), Told())
        back1 = Symmetric().walk(back2.image, turned(motion1, moved1.way.reversed()), Told())
        assert back1.stop_reason is StopReason.REACHED
        assert rms(back1.image - image) < 1e-6

    def test_float64_finishes_what_float32_cannot(self, extractor, grained):
        image = grained(16, 21)
        net = extractor(2)
        motion = held_motion(net, image, 1e-11, 0.1)
        moved = Symmetric().walk(image, motion, Told())
        back = Symmetric().walk(moved.image, turned(motion, moved.way.reversed()), Told())
        assert back.stop_reason is StopReason.REACHED
        # float32 holds no more than 1e-7 of the motion.
        assert rms(moved.image - image) > 1e-3
        assert rms(back.image - image) < 1e-9

    def test_most_of_what_float64_finishes_is_computed_in_float32(
        self, extractor, grained, monkeypatch
    ):
        secant, precisions = Extractor.secant, []

        def noted(self, *args):
            precisions.append(self.dtype)
            return secant(self, *args)

        monkeypatch.setattr(Extractor, "secant", noted)
        image, net = grained(16, 21), extractor(2)
        moved = Symmetric().walk(image, held_motion(net, image, 1e-13, 0.1), Told())
        assert moved.stop_reason is StopReason.REACHED
        assert 0 < precisions.count("float64") < precisions.count("float32") / 2

    def test_float64_is_left_alone_where_float32_will_do(self, extractor, grained, monkeypatch):
        monkeypatch.setattr(Extractor, "in_float64", lambda self: pytest.fail("not needed"))
        motion = held_motion(extractor(2), grained(16, 21), 1e-6, 0.1)
        assert Symmetric().walk(grained(16, 21), motion, Told()).stop_reason is StopReason.REACHED

    @pytest.mark.parametrize("share", [0.02, 0.05])
    def test_one_step_is_its_own_inverse_whatever_its_length(self, extractor, grained, share):
        """The same in one step of a length at which an integrator would be far off."""
        image = grained(16, 21)
        net = extractor(1, "float64")
        motion = held_motion(net, image, 1e-11, share)
        scheme = Symmetric(max_iterations=60)
        watched = dataclasses.replace(motion, extractor=Watched(net, 400), way=Way((1.0,)))
        there = scheme.walk(image, watched, Told())
        assert there.way.steps == (1.0,)
        back = scheme.walk(there.image, turned(watched, Way((1.0,))), Told())
        assert back.way.steps == (1.0,)
        assert rms(there.image - image) > 1e-4
        assert rms(back.image - image) < 1e-8

    def test_the_step_solves_the_symmetric_equations(self, extractor, grained):
        """x₁ − x₀ lies in the row space of the secant's map, and f(x₁) on target."""
        image = grained(16, 21)
        net = extractor(1, "float64")
        motion = held_motion(net, image, 1e-11, 0.05)
        planned = dataclasses.replace(motion, extractor=Watched(net, 400), way=Way((1.0,)))
        moved = Symmetric(max_iterations=60).walk(image, planned, Told())
        change = (moved.image - image).ravel()
        secant = net.secant(net.linearize(image), moved.image - image)
        rows = net.vjp_batch(secant, np.eye(net.size)).reshape(net.size, -1)
        coefficients = np.linalg.lstsq(rows.T, change, rcond=None)[0]
        assert rms(rows.T @ coefficients - change) < 1e-7 * rms(change)
        at_the_start = np.concatenate(list(net.jacobian_rows(net.linearize(image))))
        others = np.linalg.lstsq(at_the_start.T, change, rcond=None)[0]
        # Not so at the start: the test above can tell the two apart.
        assert rms(at_the_start.T @ others - change) > 1e-5 * rms(change)
        assert rms(net.measure(moved.image) - motion.end) < 1e-9

    def test_a_step_that_is_bent_too_much_is_halved(self, extractor, grained, monkeypatch):
        """Its way back would have more than one solution; where nothing comes back it may stay."""
        image = grained(16, 21)
        motion = held_motion(extractor(2), image, share=0.1)
        seen = []

        def after(growth, extractor, end, change, *_):
            seen.append(rms(change))
            # Of the first step and its half, and then no more.
            return dataclasses.replace(growth, bend=0.9 if len(seen) < 3 else 0.1)

        monkeypatch.setattr("decouple.flows.growth.Growth.after", after)
        stepper = Symmetric(first_step=1 / 8)
        moved = stepper.walk(image, dataclasses.replace(motion, allowed=1e-4), Told())
        assert moved.way.steps[0] == 1 / 32
        assert seen[1] / seen[0] == pytest.approx(1 / 2, rel=0.1)
        assert seen[2] / seen[0] == pytest.approx(1 / 4, rel=0.1)
        assert stepper.walk(image, motion, Told()).way.steps[0] == 1 / 8


class TestFollowingAWay:
    def test_factors_only_save_time(self, out):
        """Without the factors the same way leads to the same image."""
        image, motion, _, moved = out
        bare = Motion(motion.extractor, motion.start, motion.end, TOLERANCE, Way(moved.way.steps))
        again = Symmetric().walk(image, bare, Told())
        assert rms(again.image - moved.image) < 1e-5
        np.testing.assert_allclose(again.way.steps, moved.way.steps, atol=1e-12)

    def test_another_image_finds_steps_of_its_own(self, out, grained, extractor):
        image, motion, _, moved = out
        other = image + 0.01 * np.sin(np.arange(image.size)).reshape(image.shape)
        other[: len(other) // 2] += 0.01
        assert moved.way.begins_at(image)
        assert moved.way.reversed().begins_at(moved.image)
        assert not moved.way.begins_at(moved.image)
        assert not moved.way.begins_at(other)
        start = motion.extractor.measure(other)
        begun = dataclasses.replace(motion, start=start)
        led = Way((), curve=moved.way.curve)
        alone = Symmetric().walk(other, dataclasses.replace(begun, way=led), Told())
        plan = dataclasses.replace(moved.way, steps=(0.05,) * 20)
        given = Symmetric().walk(other, dataclasses.replace(begun, way=plan), Told())
        # Not the steps, but the features along the way.
        np.testing.assert_allclose(given.image, alone.image, rtol=0, atol=1e-5)
        assert given.way.steps == pytest.approx(alone.way.steps)
        assert given.way.steps != plan.steps

    def test_factors_alone_leave_the_steps_free(self, out):
        image, motion, _, moved = out
        way = Way((), moved.way.factors[:1], moved.way.curve)
        watched = dataclasses.replace(motion, way=way)
        again = Symmetric().walk(image, watched, Told())
        assert again.stop_reason is StopReason.REACHED
        assert again.way.factors[0][1] is way.factors[0][1]
        assert again.way.steps == pytest.approx(moved.way.steps)

    def test_a_way_that_is_followed_stays_exact(self, out):
        image, motion, _, moved = out
        near = dataclasses.replace(motion, near=1e-5, way=moved.way)
        again = Symmetric().walk(image, near, Told())
        assert again.steps == moved.steps
        assert rms(again.image - moved.image) < 1e-6

    def test_reversing_twice_is_nothing(self, out):
        way = out[3].way
        twice = way.reversed().reversed()
        assert twice.steps == way.steps
        np.testing.assert_array_equal(twice.thumbnails, way.thumbnails)
        np.testing.assert_array_equal(way.reversed().drift[0], way.drift[1])
        np.testing.assert_array_equal(twice.drift, way.drift)
        for (s, factor), (t, other) in zip(way.factors, twice.factors, strict=True):
            assert s == pytest.approx(t, abs=1e-15)
            assert factor is other

    def test_a_planned_step_that_cannot_be_solved_is_cut_up(self, extractor, photograph):
        """A plan made for another picture may ask too much of this one."""
        image = photograph(16, 21)
        net = extractor(1)
        motion = held_motion(net, image, share=0.3)
        limited = Watched(net, 1000)
        whole = Motion(limited, motion.start, motion.end, TOLERANCE, Way((1.0,)))
        moved = Symmetric().walk(image, whole, Told())
        assert moved.stop_reason is StopReason.REACHED
        assert moved.steps > 1
        assert rms(net.measure(moved.image) - motion.end) < 1e-5

    def test_a_plan_to_an_unreachable_target_ends(self, extractor, photograph):
        image = photograph(16, 16)
        net = extractor(1)
        start = net.measure(image)
        motion = Motion(Watched(net, 2500), start, -0.2 * start, 1e-6, Way((0.5, 0.5)))
        moved = Symmetric(smallest_step=1e-2).walk(image, motion, Told())
        assert moved.stop_reason is not StopReason.REACHED
        assert np.isfinite(moved.image).all()


class TestEnds:
    def test_nowhere_to_go(self, extractor, photograph):
        image = photograph(16, 16)
        net = extractor(1)
        features = net.measure(image)
        moved = Symmetric().walk(image, Motion(net, features, features, 1e-6), Told())
        assert moved.stop_reason is StopReason.REACHED
        assert rms(moved.image - image) < 1e-5

    def test_step_limit(self, extractor, photograph):
        image = photograph(16, 21)
        motion = held_motion(extractor(1), image)
        told = Told()
        moved = stepper("symmetric", max_steps=2).walk(image, motion, told)
        assert moved.stop_reason is StopReason.STEP_LIMIT
        assert moved.steps == len(told) == 2
        assert moved.way is None
        reached = motion.extractor.measure(moved.image)
        # What is told was measured before the last correction.
        np.testing.assert_allclose(reached, told[-1][1], rtol=0, atol=1e-6)
        assert rms(reached - Straight(motion.start, motion.end)(told[-1][0])) < 1e-4

    @pytest.mark.parametrize(
        ("path", "told", "arrives"),
        [
            ("straight", {"near": 1e-5}, True),
            ("straight", {"allowed": 1e-4}, True),
            # Others are tried where these have collapsed.
            ("geometric", {"near": 1e-5}, False),
            ("straight", {}, False),
        ],
    )
    def test_the_last_path_may_begin_in_steps_a_hundredth_as_long(
        self, extractor, grained, monkeypatch, path, told, arrives
    ):
        """A nearly flat picture's way is bent where it begins and nowhere else."""
        image = grained(16, 21)
        motion = dataclasses.replace(held_motion(extractor(2), image, share=0.02), **told)
        solve = _Walk._solve

        def bent_at_first(walk, h, wanted):
            solved = solve(walk, h, wanted)
            return dataclasses.replace(solved, converged=False) if h > 2e-5 + walk.s else solved

        monkeypatch.setattr(_Walk, "_solve", bent_at_first)
        moved = Symmetric().walk(image, motion, Told(), PathKind(path))
        assert (moved.stop_reason is StopReason.REACHED) is arrives
        if arrives:
            assert moved.way.steps[0] < 2e-5 < 1e-4 < max(moved.way.steps)
        else:
            assert moved.stop_reason is StopReason.STEP_COLLAPSE

    def test_dead_channels_are_unreachable(self, extractor, photograph):
        """K is singular where an active feature has no gradient."""
        image = photograph(16, 16)
        net = extractor(1)
        motion = held_motion(net, image)
        broken = Watched(net, change=without_slopes)
        moved = Symmetric().walk(image, Motion(broken, motion.start, motion.end, 1e-6), Told())
        assert moved.stop_reason is StopReason.UNREACHABLE
        np.testing.assert_array_equal(moved.image, image)

    @pytest.mark.parametrize("after", [0, 4])
    def test_values_that_are_not_finite_end_it(self, extractor, photograph, monkeypatch, after):
        """From some step on derivatives are NaN: the last finite image is kept."""
        image = photograph(16, 21)
        net = extractor(1)
        motion = held_motion(net, image)
        told = Told()
        vjp = Extractor.vjp

        def spoilt(self, point, cotangent):
            pulled = vjp(self, point, cotangent)
            return pulled if len(told) < after else pulled * np.nan

        monkeypatch.setattr(Extractor, "vjp", spoilt)
        moved = Symmetric(smallest_step=1e-3).walk(image, motion, told)
        assert moved.stop_reason is StopReason.NOT_FINITE
        assert moved.steps == after
        assert np.isfinite(moved.image).all()
