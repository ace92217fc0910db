import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.features.extractor import Extractor
from decouple.flows import STEPPERS, Lift, Motion, StopReason, stepper
from decouple.flows.field import LiftField, SingularError
from decouple.flows.newton import Newton
from decouple.images import rms
from decouple.stages import noise_image

SLOW = pytest.param("dop853", marks=pytest.mark.slow)


def ignore(s, features):
    pass


@pytest.fixture(scope="module")
def image(grained):
    return grained(16, 21)


@pytest.fixture(scope="module")
def motion(extractor, image):
    """motion(share, tolerance, layers): move the last layer's features towards the noise's."""

    def build(share=0.05, tolerance=1e-7, layers=1, dtype="float64"):
        net = extractor(layers, dtype)
        start = net.measure(image)
        end = start.copy()
        last = net.sizes[-1]
        noise = net.measure(noise_image(*image.shape[:2], 0))
        end[-last:] += share * (noise - start)[-last:]
        return Motion(net, start, end, tolerance)

    return build


def turned(motion):
    return Motion(motion.extractor, motion.end, motion.start, motion.tolerance)


def jacobian(net, image):
    return np.concatenate(list(net.jacobian_rows(net.linearize(image))))


def round_trip_error(scheme, image, motion):
    there = scheme.walk(image, motion, ignore)
    back = scheme.walk(there.image, turned(motion), ignore)
    assert there.stop_reason is back.stop_reason is StopReason.REACHED
    return rms(back.image - image)


class TestField:
    @pytest.mark.parametrize("layers", [1, 2])
    def test_velocity_is_the_minimum_norm_solution(self, motion, image, layers):
        """J v = [0; d], and no shorter v does it: the pseudo-inverse of the explicit Jacobian."""
        task = motion(layers=layers)
        v = LiftField(task, 1e-11).velocity(image)
        rows = jacobian(task.extractor, image)
        direction = task.end - task.start
        assert layers == 1 or np.all(direction[:64] == 0)
        assert np.linalg.norm(rows @ v.ravel() - direction) < 1e-9 * np.linalg.norm(direction)
        # rcond far below the condition of J, so that nothing is cut off.
        expected = np.linalg.lstsq(rows, direction, rcond=1e-14)[0]
        assert np.linalg.matrix_rank(rows) == len(rows)
        assert np.linalg.norm(v.ravel() - expected) < 1e-7 * np.linalg.norm(expected)

    def test_velocity_is_odd_in_the_direction(self, motion, image):
        """So the way back retraces the curve."""
        task = motion()
        there, back = (LiftField(t, 1e-11).velocity(image) for t in (task, turned(task)))
        np.testing.assert_allclose(back, -there, rtol=0, atol=1e-9 * np.abs(there).max())

    def test_an_old_factor_and_start_do_not_change_the_solution(self, motion, image, pink):
        task = motion()
        field = LiftField(task, 1e-11)
        elsewhere = image + 0.05 * (pink(*image.shape[:2]) - 0.5)
        field.velocity(elsewhere)
        expected = LiftField(task, 1e-11).velocity(image)
        found = field.velocity(image)
        assert rms(found - expected) < 1e-8 * rms(expected)
        np.testing.assert_array_equal(field.features, task.extractor.measure(image))

    def test_distance_is_that_of_the_shortest_change(self, motion, image):
        task = motion()
        field = LiftField(task, 1e-11)
        change = field.velocity(image)
        # The factor has a small ridge and comes from a normal matrix in float32.
        assert field.distance(task.end - task.start) == pytest.approx(rms(change), rel=1e-4)

    def test_dead_features_are_singular(self, motion, image, monkeypatch):
        task = motion()
        original = Extractor.normal_matrix

        def dead(self, point):
            k = original(self, point)
            k[7] = k[:, 7] = 0
            return k

        monkeypatch.setattr(Extractor, "normal_matrix", dead)
        with pytest.raises(SingularError):
            LiftField(task, 1e-7).velocity(image)


class TestOrder:
    def test_rk4_gains_its_order(self, motion, image):
        """Halving the step divides the error by 2⁴, or by more on a round trip."""
        task = motion(share=0.5)
        coarse, fine = (round_trip_error(stepper("rk4", steps=n), image, task) for n in (4, 8))
        assert coarse / fine > 2**3.4
        assert fine > 1e-12

    def test_euler_is_of_first_order(self, motion, image):
        task = motion(share=0.2)
        coarse, fine = (round_trip_error(stepper("euler", steps=n), image, task) for n in (8, 16))
        assert 1.6 < coarse / fine < 3

    @pytest.mark.parametrize("name", ["rk45", SLOW])
    def test_tolerance_rules_the_round_trip(self, motion, image, name):
        loose, tight = (
            round_trip_error(stepper(name), image, motion(share=0.4, tolerance=tolerance))
            for tolerance in (1e-3, 1e-6)
        )
        assert tight < loose / 10
        assert tight < 1e-4

    @pytest.mark.slow
    def test_all_integrators_follow_the_same_curve(self, motion, image):
        task = motion(share=0.3, tolerance=1e-6)
        ends = {
            name: stepper(name, **({"steps": 8} if name == "rk4" else {}))
            .walk(image, task, ignore)
            .image
            for name in ("rk45", "dop853", "rk4", "symmetric")
        }
        length = rms(ends["dop853"] - image)
        assert length > 1e-3
        for name in ("rk45", "rk4"):
            assert rms(ends[name] - ends["dop853"]) < 1e-3 * length
        # Symmetric steps are of second order.
        assert rms(ends["symmetric"] - ends["dop853"]) < 0.05 * length


class TestArrival:
    @pytest.mark.parametrize("name", ["symmetric", "rk45", SLOW, "rk4", "euler", "newton"])
    def test_targets_are_reached(self, motion, image, name):
        task = motion(share=0.1, tolerance=1e-6, layers=2, dtype="float32")
        options = {"rk4": {"steps": 4}, "euler": {"steps": 4}}.get(name, {})
        told = []
        moved = stepper(name, **options).walk(
            image, task, lambda s, features: told.append((s, features))
        )
        assert moved.stop_reason is StopReason.REACHED
        assert moved.steps == len(told)
        where = [s for s, _ in told]
        assert where == sorted(where)
        assert where[0] > 0
        assert where[-1] == pytest.approx(1, abs=1e-3)
        gap = rms(task.end - task.start)
        reached = task.extractor.measure(moved.image)
        assert rms(reached - task.end) < (0.2 if name == "euler" else 1e-3) * gap
        np.testing.assert_allclose(told[-1][1], reached, rtol=1e-4)
        assert moved.image.dtype == np.float64

    def test_adaptive_steppers_stop_at_their_limit(self, motion, image):
        told = []
        moved = stepper("rk45", max_steps=2).walk(
            image, motion(share=0.2), lambda s, _: told.append(s)
        )
        assert moved.stop_reason is StopReason.STEP_LIMIT
        assert moved.steps == len(told) == 2
        assert rms(moved.image - image) > 0

    @pytest.mark.parametrize("name", STEPPERS)
    def test_the_image_given_is_left_as_it_is(self, motion, image, name):
        given = np.array(image)
        options = {"steps": 1} if name in ("rk4", "euler") else {"max_steps": 1}
        moved = stepper(name, **options).walk(given, motion(), ignore)
        np.testing.assert_array_equal(given, image)
        assert rms(moved.image - given) > 0

    @pytest.mark.parametrize("name", STEPPERS)
    def test_nowhere_to_go(self, motion, image, name):
        """Features that are already at their target."""
        task = motion(share=0.0)
        moved = stepper(name).walk(np.array(image), task, ignore)
        assert moved.stop_reason is StopReason.REACHED
        assert rms(moved.image - image) < 1e-6


class TestNewton:
    def test_it_converges_quadratically(self, motion, image):
        gaps = []
        task = motion(share=0.3)
        moved = Newton().walk(image, task, lambda _, f: gaps.append(rms(f - task.end)))
        assert moved.stop_reason is StopReason.REACHED
        assert gaps == sorted(gaps, reverse=True)
        assert gaps[-1] < 1e-6 * gaps[0]

    def test_an_image_that_is_there_but_for_rounding_has_arrived(self, extractor, image):
        """The tolerance may lie below what float32 can tell apart."""
        net = extractor(2)
        start = net.measure(image)
        end = start * (1 + 1e-8)
        moved = Newton().walk(image, Motion(net, start, end, 1e-13), ignore)
        assert moved.stop_reason is StopReason.REACHED


# Bounds on how long a hopeless motion may take; the reason must be told within them.
SHORT = {
    "symmetric": {"max_steps": 20},
    "rk45": {"max_steps": 4},
    "dop853": {"max_steps": 2},
    "rk4": {"steps": 4},
    "euler": {"steps": 4},
    "newton": {"max_steps": 10},
}


class TestUnreachable:
    @pytest.mark.parametrize("name", STEPPERS)
    def test_negative_means_are_not_reached(self, extractor, image, name):
        """Softplus is positive, and so are its means."""
        net = extractor(1)
        start = net.measure(image)
        moved = stepper(name, **SHORT[name]).walk(
            image, Motion(net, start, -0.5 * start - 0.1, 1e-5), ignore
        )
        assert moved.stop_reason is not StopReason.REACHED
        assert np.isfinite(moved.image).all()

    @pytest.mark.parametrize("name", [name for name in STEPPERS if name != "symmetric"])
    def test_what_was_done_is_kept(self, motion, image, name, monkeypatch):
        """K turns singular on the way: the image handed back is the last one told of."""
        task = motion(share=0.2, dtype="float32")
        told = []

        def singular(*_):
            raise SingularError("for the test")

        def until_then(method, afterwards):
            before = getattr(LiftField, method)

            def changed(self, *arguments):
                return (before if len(told) < 2 else afterwards)(self, *arguments)

            monkeypatch.setattr(LiftField, method, changed)

        if name == "newton":  # goes on with the factor that it has, until that leads nowhere
            until_then("nearly", lambda field, point, right, *_: np.zeros_like(right))
            until_then("refresh", singular)
        else:
            until_then("solve", singular)
        options = {"steps": 8} if name in ("rk4", "euler") else {}
        moved = stepper(name, **options).walk(image, task, lambda s, f: told.append(f))
        assert moved.stop_reason is StopReason.UNREACHABLE
        assert moved.steps == len(told) == 2
        assert rms(moved.image - image) > 0
        np.testing.assert_allclose(task.extractor.measure(moved.image), told[-1], rtol=1e-5)

    @pytest.mark.parametrize("name", [name for name in STEPPERS if name != "symmetric"])
    @pytest.mark.parametrize("after", [0, 2])
    def test_values_that_are_not_finite_end_it(self, motion, image, name, after, monkeypatch):
        """From some pass on every derivative is NaN."""
        task = motion(share=0.1, dtype="float32")
        told = []
        vjp = Extractor.vjp

        def spoilt(self, point, cotangent):
            pulled = vjp(self, point, cotangent)
            return pulled if len(told) < after else pulled * np.nan

        monkeypatch.setattr(Extractor, "vjp", spoilt)
        options = {"steps": 4} if name in ("rk4", "euler") else {"max_steps": 8}
        moved = stepper(name, **options).walk(image, task, lambda s, f: told.append(s))
        assert moved.stop_reason in (
            StopReason.NOT_FINITE,
            StopReason.UNREACHABLE,
            StopReason.STEP_COLLAPSE,
        )
        assert np.isfinite(moved.image).all()


class TestNames:
    @pytest.mark.parametrize("name", STEPPERS)
    def test_each_stepper_is_called_what_it_is(self, name):
        assert stepper(name).name == name
        assert Lift(stepper(name)).stepper_name == name

    def test_unknown_names_get_a_hint(self):
        with pytest.raises(ConfigError, match="did you mean 'symmetric'"):
            stepper("symetric")

    @pytest.mark.parametrize("name", STEPPERS)
    def test_unknown_options_are_refused(self, name):
        with pytest.raises(ConfigError):
            stepper(name, stepps=8)
