import math

import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.flows import StopReason, StopRule, StopRules
from decouple.flows.stopping import Watch


def picture(value):
    return np.full((2, 3, 3), float(value))


class Watched:
    """A watch whose passes are set by hand and whose looks are kept."""

    def __init__(self, first=1.0, enough=None, **rule):
        self.passes = 0
        self.looks = []
        self.watch = Watch(
            StopRule(**rule),
            lambda: self.passes,
            lambda s, x: self.looks.append((s, x[0, 0, 0])),
            enough,
        )
        self.over = self.watch.begin(first, picture(0))

    def steps(self, *losses):
        """Iterations with these losses, at images that hold their number; until one is the last."""
        for loss in losses:
            self.over = self.watch.step(loss, picture(self.watch.iterations + 1))
            if self.over:
                break
        return self.watch.reason

    @property
    def best(self):
        return self.watch.best[0, 0, 0]


class TestThreshold:
    def test_it_is_absolute_by_default(self):
        watched = Watched(first=50.0, loss=0.1)
        assert watched.watch.threshold == 0.1
        assert watched.steps(40.0, 0.11) is None
        assert watched.steps(0.09, 0.01) is StopReason.REACHED
        assert watched.watch.iterations == 3

    def test_it_may_be_a_share_of_the_loss_at_the_start(self):
        watched = Watched(first=50.0, loss=0.1, scale="initial")
        assert watched.watch.threshold == pytest.approx(5.0)
        assert watched.steps(5.1) is None
        assert watched.steps(4.9) is StopReason.REACHED

    def test_an_image_that_is_there_already_is_not_moved(self):
        watched = Watched(first=0.01, loss=0.1)
        assert watched.over
        assert watched.watch.reason is StopReason.REACHED
        assert watched.watch.iterations == 0
        assert watched.looks == [(1.0, 0.0)]

    @pytest.mark.parametrize("scale", ["absolute", "initial"])
    def test_nothing_is_left_of_a_loss_of_zero(self, scale):
        """A share of nothing is nothing, and no loss lies below it."""
        assert Watched(first=0.0, scale=scale).watch.reason is StopReason.REACHED

    def test_the_last_look_is_at_the_end_of_the_way(self):
        watched = Watched(loss=0.1, max_iterations=50)
        watched.steps(0.5, 0.05)
        assert watched.looks == [(1 / 50, 1.0), (1.0, 2.0)]


class TestBest:
    def test_the_image_with_the_smallest_loss_is_kept(self):
        watched = Watched(max_iterations=4)
        assert watched.steps(0.5, 0.2, 0.9, 0.3) is StopReason.STEP_LIMIT
        assert watched.best == 2

    def test_the_start_is_kept_if_nothing_is_better(self):
        watched = Watched(max_iterations=2)
        watched.steps(3.0, 2.0)
        assert watched.best == 0

    def test_it_is_a_copy(self):
        """SciPy goes on in the array that it hands out."""
        watched = Watched()
        image = picture(7)
        watched.watch.step(0.5, image)
        image[:] = 8
        assert watched.best == 7

    def test_it_is_asked_for_too_early(self):
        watch = Watch(StopRule(), lambda: 0, lambda _s, _x: None)
        with pytest.raises(RuntimeError):
            watch.best  # noqa: B018


class TestEnough:
    def test_the_image_that_is_enough_is_the_last_whatever_its_loss(self):
        watched = Watched(enough=lambda image: image[0, 0, 0] == 3)
        assert watched.steps(0.5, 0.2, 0.8, 0.1) is StopReason.REACHED
        assert watched.watch.iterations == watched.best == 3
        assert watched.looks[-1] == (1.0, 3)


class TestLimits:
    def test_iterations(self):
        watched = Watched(max_iterations=3, stagnation=0.0)
        assert watched.steps(0.9, 0.8) is None
        assert watched.steps(0.7) is StopReason.STEP_LIMIT
        assert watched.looks[-1] == (1.0, 3.0)

    def test_a_threshold_met_by_the_last_iteration_counts(self):
        assert Watched(loss=0.1, max_iterations=2).steps(0.5, 0.05) is StopReason.REACHED

    def test_passes(self):
        watched = Watched(max_passes=10)
        watched.passes = 9
        assert watched.steps(0.9) is None
        watched.passes = 10
        assert watched.steps(0.8) is StopReason.STEP_LIMIT
        assert watched.watch.iterations == 2
        assert watched.best == 2


class TestStagnation:
    def test_too_small_a_fall_over_ten_looks_ends_it(self):
        watched = Watched(stagnation=0.01)
        # The start is a look, too: nine more are nine falls.
        assert watched.steps(*[1 - 0.0005 * k for k in range(1, 10)]) is None
        assert watched.steps(1 - 0.005) is StopReason.STAGNATED
        assert watched.watch.iterations == 10
        assert watched.looks[-1] == (1.0, 10.0)

    def test_a_sufficient_fall_goes_on(self):
        watched = Watched(stagnation=0.01)
        assert watched.steps(*[0.998**k for k in range(1, 200)]) is None

    def test_only_the_last_ten_looks_count(self):
        watched = Watched(stagnation=0.01)
        assert watched.steps(*[0.5] * 10) is None
        assert watched.steps(0.5) is StopReason.STAGNATED

    def test_a_loss_that_swings_stagnates_as_well(self):
        """What counts is the best so far."""
        watched = Watched(stagnation=0.01)
        losses = [0.5, *[0.6, 5.0] * 10]
        assert watched.steps(*losses) is StopReason.STAGNATED
        assert watched.watch.iterations == 11
        assert watched.best == 1

    def test_zero_never_ends_it(self):
        watched = Watched(stagnation=0.0, max_iterations=100)
        assert watched.steps(*[1.0] * 99) is None

    def test_an_optimizer_that_is_stuck_has_stagnated(self):
        watched = Watched()
        watched.steps(0.5)
        watched.watch.stuck()
        assert watched.watch.reason is StopReason.STAGNATED

    def test_but_not_if_something_else_came_first(self):
        watched = Watched(loss=0.1)
        watched.steps(0.05)
        watched.watch.stuck()
        assert watched.watch.reason is StopReason.REACHED


class TestCheckEvery:
    def test_only_every_so_many_iterations_are_looked_at(self):
        watched = Watched(loss=0.1, check_every=3, max_iterations=7)
        assert watched.steps(0.5, 0.01) is None
        assert watched.looks == []
        assert watched.steps(0.4, 0.01, 0.3) is None
        assert watched.best == 3
        assert watched.steps(0.05) is StopReason.REACHED
        assert [x for _, x in watched.looks] == [3, 6]

    def test_the_last_iteration_is_looked_at_anyhow(self):
        watched = Watched(check_every=5, max_iterations=7)
        assert watched.steps(*[0.5] * 6, 0.2) is StopReason.STEP_LIMIT
        assert [x for _, x in watched.looks] == [5, 7]
        assert watched.best == 7

    def test_stagnation_counts_looks(self):
        watched = Watched(check_every=2, stagnation=0.01)
        assert watched.steps(*[1.0] * 100) is StopReason.STAGNATED
        assert watched.watch.iterations == 20

    def test_where_an_optimizer_got_stuck_is_looked_at(self):
        """Between two looks: what was gained since the last one is not lost."""
        watched = Watched(check_every=10)
        watched.steps(0.5, 0.3, 0.2)
        watched.watch.stuck()
        assert watched.watch.reason is StopReason.STAGNATED
        assert watched.best == 3
        assert watched.looks[-1] == (1.0, 3.0)

    def test_it_may_have_arrived(self):
        watched = Watched(check_every=10, loss=0.1)
        watched.steps(0.5, 0.05)
        watched.watch.stuck()
        assert watched.watch.reason is StopReason.REACHED
        assert watched.best == 2


class TestNotFinite:
    @pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("check_every", [1, 10])
    def test_such_a_loss_ends_it_at_once(self, loss, check_every):
        watched = Watched(check_every=check_every)
        assert watched.steps(*[0.5] * 3, loss) is StopReason.NOT_FINITE
        assert watched.watch.iterations == 4
        # The last finite one, even if it was not to be looked at.
        assert watched.best == 3

    def test_so_does_such_an_image(self):
        watched = Watched()
        image = picture(1)
        image[1, 2, 0] = np.nan
        assert watched.watch.step(0.01, image)
        assert watched.watch.reason is StopReason.NOT_FINITE
        assert watched.best == 0

    def test_and_a_start_without_a_loss(self):
        watched = Watched(first=math.nan)
        assert watched.over
        assert watched.watch.reason is StopReason.NOT_FINITE


class TestRules:
    @pytest.mark.parametrize(
        ("setting", "says"),
        [
            ({"loss": 0.0}, r"^loss="),
            ({"loss": -1.0}, r"^loss="),
            ({"loss": math.inf}, r"^loss="),
            ({"loss": math.nan}, r"^loss="),
            ({"stagnation": -0.1}, r"^stagnation="),
            ({"stagnation": 1.0}, r"^stagnation="),
            ({"max_iterations": 0}, r"^max_iterations="),
            ({"check_every": 0}, r"^check_every="),
            ({"max_passes": 0}, r"^max_passes="),
            ({"scale": "initail"}, "did you mean 'initial'"),
        ],
    )
    def test_impossible_values_are_refused(self, setting, says):
        with pytest.raises(ConfigError, match=says):
            StopRule(**setting)

    def test_a_stage_may_have_its_own(self):
        rules = StopRules(StopRule(loss=1.0), {"impose": StopRule(loss=2.0)})
        assert rules.of("impose").loss == 2.0
        assert rules.of("noisify_source").loss == rules.of("").loss == 1.0

    def test_within_limits_the_passes_of_all(self):
        own = StopRule(loss=2.0, max_passes=9)
        rules = StopRules(StopRule(loss=1.0, check_every=3), {"impose": own})
        limited = rules.within(5)
        assert limited.of("x") == StopRule(loss=1.0, check_every=3, max_passes=5)
        assert limited.of("impose") == StopRule(loss=2.0, max_passes=5)
        assert rules.of("impose") is own
        assert rules.of("x").max_passes is None


class TestReasons:
    def test_successes_are_what_was_asked_for(self):
        wanted = {StopReason.REACHED, StopReason.COMPLETED}
        assert {reason for reason in StopReason if reason.succeeded} == wanted

    def test_an_image_is_of_use_unless_something_broke(self):
        useless = {reason for reason in StopReason if not reason.usable}
        assert useless == {
            StopReason.OFF_TARGET,
            StopReason.UNREACHABLE,
            StopReason.STEP_COLLAPSE,
            StopReason.NOT_FINITE,
        }

    @pytest.mark.parametrize("reason", StopReason)
    def test_each_has_a_label_and_a_sentence(self, reason):
        assert reason.label == reason.name.lower()
        assert reason.value[0].isupper()
        assert reason.value.endswith(".")
        assert "\n" not in reason.value
