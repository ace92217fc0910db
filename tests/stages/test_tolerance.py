"""How near an image comes back, and what that follows from."""

import numpy as np
import pytest

from decouple.flows.motion import Way
from decouple.flows.preconditioner import Factor
from decouple.images import rms
from decouple.stages import impose, noise_reference, noisify, round_trip
from decouple.stages.accuracy import allowed_error


class TestTolerance:
    def test_a_tighter_tolerance_returns_nearer(self, extractor, grained):
        one = extractor(1, "float64")
        image = grained(16, 21)
        reference = noise_reference(one, (16, 21))
        errors = []
        for tolerance in (1e-2, 1e-5):
            taken = noisify(image, one, reference, tolerance=tolerance)
            back = impose(taken.image, taken.features, one, reference, tolerance=tolerance)
            errors.append(rms(back.image - image))
            assert errors[-1] <= tolerance
        assert errors[1] < errors[0] / 10

    def test_it_may_lie_below_the_rounding_of_float32(self, two, grained):
        image = grained(24, 24)
        reference = noise_reference(two, (24, 24))
        assert round_trip(image, two, reference, tolerance=1e-8).rms < 1e-8

    def test_what_may_come_back_follows_from_measured_growth(self):
        ways = [Way((0.5, 0.5), growth_of_errors=g) for g in (10.0, 100.0)]
        allowed = [allowed_error(1e-4, ways[:depth]) for depth in range(3)]
        assert allowed[0] == 1e-4
        assert allowed[1] < 1e-4 / 10
        assert allowed[2] == pytest.approx(allowed[1] / 100)
        assert allowed_error(2e-4, ways) == pytest.approx(2 * allowed[2])

    @pytest.mark.slow
    def test_growth_is_what_a_changed_image_comes_back_with(self, extractor, source, reference):
        """Found on the way out, of every layer, it foretells what the way back does."""
        two = extractor(2, "float64")
        turns = [source]
        # So exactly that what comes back is the change's and not the steps' doing.
        watch = {"on_layer": lambda _, x: turns.append(x)}
        taken = noisify(source, two, reference, tolerance=1e-9, **watch)
        rng = np.random.default_rng(7)
        for depth, (layer, trace) in enumerate(zip(two.layers, taken.trace, strict=True), start=1):
            way = taken.features.ways[layer]
            assert 1 <= way.growth == trace.growth < 1e6
            # As what comes from the layers behind, which hold the features of this one.
            part = two.first(depth)
            point = part.linearize(turns[depth])
            change = 1e-6 * rng.standard_normal(source.shape)
            seen = Factor.at(part, point).solve(part.jvp(point, change))
            change -= part.vjp(point, seen)
            back = impose(turns[depth] + change, taken.features, part, reference, down_to=depth)
            grown = rms(back.image - turns[depth - 1]) / rms(change)
            assert way.growth / 3 <= grown <= 3 * way.growth, layer

    def test_the_errors_that_steps_leave_are_foretold(self, two, source, reference, taken, seen):
        turns = [source, *(image for _, image in seen)]
        for depth, layer in enumerate(two.layers, start=1):
            part = two.first(depth)
            back = impose(turns[depth], taken.features, part, reference, down_to=depth)
            error = rms(back.image - turns[depth - 1])
            expected = taken.features.ways[layer].error
            assert (
                error
                <= expected
                <= allowed_error(1e-4, map(taken.features.ways.get, two.layers[: depth - 1]))
            )

    def test_late_steps_are_solved_most_exactly(self, taken):
        """Their errors have the whole way back to grow on."""
        for way in taken.features.ways.values():
            assert len(way.tolerances) == len(way.multipliers) == len(way.steps)
            assert way.tolerances[-1] <= way.tolerances[0]
            back = way.reversed()
            assert back.tolerances == way.tolerances[::-1]
            np.testing.assert_array_equal(back.multipliers[0], -way.multipliers[-1])
            half = way.halved()
            assert sum(half.steps) == pytest.approx(1)
            assert len(half.tolerances) == len(half.multipliers) == 2 * len(way.steps)
