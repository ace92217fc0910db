"""What becomes of a walk's steps decides how long, how exact and how laborious each may be."""

import dataclasses

import numpy as np
import pytest

from decouple.features.extractor import Extractor
from decouple.flows import Motion, StopReason
from decouple.flows.growth import Growth
from decouple.flows.pacing import Look, Measured, OneWay, Pace, Where, pace_of
from decouple.flows.paths import Straight
from decouple.flows.step import Solved
from decouple.flows.symmetric import Symmetric
from decouple.images import rms
from tests.flows.motions import Told, held_motion

FEATURES = np.ones(3)
SHAPE = (4, 5, 3)
HALF_WAY = Where(s=0.5, h=0.1, taken=10)


def motion(**options):
    return Motion(None, FEATURES, 2 * FEATURES, tolerance=1e-6, **options)


def solved(iterations=5, rate=0.6, tolerance=1e-9, rounding=1e-12):
    image, multipliers = np.zeros(SHAPE), np.ones(3)
    told = {"rate": rate, "rounding": rounding}
    return Solved(image, multipliers, iterations, 0.0, FEATURES, tolerance, True, **told)


def grown(log=0.0, bend=0.0):
    return Growth(np.ones(SHAPE), log, bend)


class TestWhichOne:
    def test_by_what_becomes_of_the_steps(self):
        def kind(planned=False, **options):
            return type(pace_of(motion(**options), planned, SHAPE, 500))

        assert kind() is Pace
        assert kind(allowed=1e-4) is Measured
        assert kind(near=1e-5) is OneWay
        assert kind(near=1e-5, planned=True) is Pace, "a way that is followed stays exact"


class TestPace:
    def test_steps_are_as_exact_as_asked_wherever(self):
        assert Pace(motion()).tolerance(HALF_WAY, 10.0) == 1e-6

    def test_iterations_tell_how_much_a_step_is_bent(self):
        pace = Pace(motion())
        longer = [pace.lengthened(solved(iterations=n), new=True) for n in (5, 10, 20)]
        assert longer == [1.5, 1.0, 0.8]

    def test_an_old_factor_shortens_no_step(self):
        assert Pace(motion()).lengthened(solved(iterations=20), new=False) == 1.0

    def test_a_planned_step_has_more_patience(self):
        pace = Pace(motion())
        free, planned = (pace.limit(20, known, 1e-3, 1e-6) for known in (False, True))
        assert free == 20
        assert planned == 120

    def test_and_more_still_where_it_is_to_be_solved_far(self):
        assert Pace(motion()).limit(1, True, 1.0, 1e-9) > 6


class TestMeasured:
    def test_steps_are_the_more_exact_the_more_errors_grow(self):
        pace = Measured(motion(allowed=1e-4), SHAPE)
        before = pace.tolerance(HALF_WAY, 1.0)
        assert before == 1e-6, "no less than steps need anyway"
        pace.accept(solved(), Look(growth=grown(log=np.log(1e6))))
        after = pace.tolerance(HALF_WAY, 1.0)
        # In twenty steps at least, each as much, and a margin of three.
        assert after == pytest.approx(1e-4 / (3 * np.sqrt(40)) / 1e6, rel=1e-6)

    def test_bent_steps_are_not_made_longer(self):
        pace = Measured(motion(allowed=1e-4), SHAPE)
        pace.accept(solved(), Look(growth=grown(bend=0.5)))
        assert pace.lengthened(solved(rate=0.1), new=True) == pytest.approx(0.8)

    @pytest.mark.parametrize(("bend", "too_bent"), [(0.5, False), (0.7, True)])
    def test_a_step_may_be_too_bent(self, bend, too_bent):
        assert Look(growth=grown(bend=bend)).too_bent is too_bent

    def test_errors_of_all_steps_add_up_in_squares(self):
        pace = Measured(motion(allowed=1e-4), SHAPE)
        for _ in range(4):
            pace.accept(solved(tolerance=1e-9), Look(growth=grown()))
        assert pace.told()["error"] == pytest.approx(3 * np.sqrt(2 * 4) * 1e-9)
        assert pace.told()["least_error"] == pytest.approx(np.sqrt(2 * 4) * 1e-12)


class TestOneWay:
    def test_steps_follow_their_path_and_the_last_one_arrives(self):
        pace = OneWay(motion(near=1e-5), 500)
        assert pace.tolerance(HALF_WAY, 0.05) == pytest.approx(5e-4)
        assert pace.tolerance(HALF_WAY._replace(h=0.5), 0.05) == 1e-5

    def test_a_poor_factor_does_not_make_a_step_coarse(self):
        """Nothing moves by more than an image's range, however far features seem to be."""
        pace = OneWay(motion(near=1e-5, following=1e-3), 500)
        assert pace.tolerance(HALF_WAY, 0.05) == pytest.approx(0.05 * 1e-3)
        assert pace.tolerance(HALF_WAY, 1e6) == 1e-3

    @pytest.mark.parametrize(
        ("following", "most", "longest"), [(None, 500, 1.0), (1e-2, 500, 0.1), (1e-6, 80, 0.025)]
    )
    def test_chords_stay_near_their_curve(self, following, most, longest):
        pace = OneWay(motion(near=1e-5, following=following), most)
        assert pace.longest == pytest.approx(longest)


class TestWalksOneWay:
    """Motions of which no step is taken back."""

    NEAR = 1e-5

    @pytest.mark.parametrize("picture", ["grained", "pink", "upright"])
    def test_it_arrives_for_less(self, grained, pink, extractor, monkeypatch, picture):
        made = {"grained": (grained, 24, 28), "pink": (pink, 24, 28), "upright": (grained, 30, 22)}
        kind, *size = made[picture]
        image = kind(*size)
        net = extractor(2)
        motion = held_motion(net, image, share=0.3)
        before = net.passes.count
        exact = Symmetric().walk(image, motion, Told())
        passes = net.passes.count - before
        assert exact.stop_reason is StopReason.REACHED
        monkeypatch.setattr(Extractor, "in_float64", lambda self: pytest.fail("not needed"))
        told = Told()
        moved = Symmetric().walk(image, dataclasses.replace(motion, near=self.NEAR), told)
        assert moved.stop_reason is StopReason.REACHED
        assert net.passes.count - before - passes < 0.8 * passes
        measured = net.measure(moved.image)
        for now, wanted in zip(
            *(net.split(f).values() for f in (measured, motion.end)), strict=True
        ):
            assert rms(now - wanted) ** 2 < 1e-7 * rms(wanted) ** 2
        # What is left at one step the next makes up for.
        for s, features in told[:-1]:
            assert rms(features - Straight(motion.start, motion.end)(s)) < 1e-2 * rms(motion.end)
        # No farther from the exact image than steps that are not short differ anyway.
        assert rms(moved.image - exact.image) < 0.05 * rms(exact.image - image)

    def test_where_features_follow_steps_are_short(self, grained, extractor):
        image = grained(24, 28)
        motion = dataclasses.replace(held_motion(extractor(2), image, share=0.3), near=self.NEAR)

        def walked(following, **options):
            asked = dataclasses.replace(motion, following=following)
            moved = Symmetric(**options).walk(image, asked, Told())
            assert moved.stop_reason is StopReason.REACHED
            return moved

        finest = walked(1e-4)
        far = {}
        for following in (1e-2, 1e-3):
            moved = walked(following)
            steps = moved.way.steps
            assert steps[0] == pytest.approx(following / 4)
            # The last may be stretched, so that none is left over.
            assert 0.5 < max(steps) / following**0.5 < 1.2
            far[following] = rms(moved.image - finest.image)
        assert far[1e-3] < 0.5 * far[1e-2]
        assert max(walked(1e-4, max_steps=80).way.steps) > 2 * max(finest.way.steps), (
            "no more of them than half of those that are allowed"
        )
