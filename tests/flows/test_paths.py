"""Which features an image has on its way."""

from __future__ import annotations

import numpy as np
import pytest

from decouple.flows.motion import Motion, Way
from decouple.flows.paths import Curve, Geometric, PathKind

START = np.array([5e-4, 2.0, 0.7, -1.0, 0.0])
END = np.array([0.165, 1.0, 0.7, 3.0, 2.0])


class TestGeometric:
    def test_positive_features_go_in_equal_ratios(self):
        path = Geometric(START, END)
        np.testing.assert_allclose(path(0.5)[:2], np.sqrt(START[:2] * END[:2]), rtol=1e-14)
        quarters = [path(s)[0] for s in (0, 0.25, 0.5, 0.75, 1)]
        np.testing.assert_allclose(np.diff(np.log(quarters)), np.log(330) / 4, rtol=1e-12)

    def test_others_go_straight(self):
        np.testing.assert_allclose(Geometric(START, END)(0.25)[3:], [0.0, 0.5], rtol=1e-14)

    def test_held_features_stay_to_the_last_bit(self):
        held = np.random.default_rng(0).uniform(1e-6, 1e3, 100)
        for s in np.linspace(0, 1, 7):
            np.testing.assert_array_equal(Geometric(held, held)(s), held)

    def test_it_begins_and_ends_at_its_ends(self):
        path = Geometric(START, END)
        np.testing.assert_array_equal(path(0.0), START)
        np.testing.assert_allclose(path(1.0), END, rtol=1e-15)


class TestBetween:
    @pytest.fixture
    def curve(self):
        nodes = np.linspace(0, 1, 6)
        return Curve(nodes, np.asarray([Geometric(START, END)(s) for s in nodes]))

    def test_between_its_own_ends_nothing_changes(self, curve):
        again = curve.between(curve.values[0], curve.values[-1])
        np.testing.assert_array_equal(again.values, curve.values)

    def test_it_has_the_ends_asked_for(self, curve):
        start, end = START + 0.25, np.array([2e-4, 9.0, 0.1, -4.0, 0.0])
        bent = curve.between(start, end)
        np.testing.assert_array_equal(bent.values[[0, -1]], [start, end])

    def test_positive_features_stay_positive(self, curve):
        """With what grows linearly added, the first would reach -0.03."""
        bent = curve.between(START, np.array([1e-4, 1.0, 0.7, 3.0, 2.0]))
        linear = curve.values[:, 0] + curve.nodes * (1e-4 - END[0])
        assert linear.min() < -0.03
        assert bent.values[:, 0].min() >= 1e-4
        np.testing.assert_allclose(bent.values[:, 1:], curve.values[:, 1:], rtol=1e-14)

    def test_others_are_bent_by_what_grows_linearly(self, curve):
        bent = curve.between(START, END + 1)
        np.testing.assert_allclose(
            bent.values[:, 3:], curve.values[:, 3:] + curve.nodes[:, None], rtol=1e-12
        )


class TestMixed:
    def test_it_goes_through_the_nodes_of_both(self):
        one = Curve(np.array([0.0, 0.5, 1.0]), np.array([[1.0], [2.0], [4.0]]))
        other = Curve(np.array([0.0, 0.25, 1.0]), np.array([[1.0], [9.0], [2.0]]))
        mixed = Curve.mixed(one, other, 0.25)
        np.testing.assert_array_equal(mixed.nodes, [0.0, 0.25, 0.5, 1.0])
        np.testing.assert_allclose(mixed.values[[0, -1], 0], [1.0, 3.5])
        expected = 0.75 * one(0.25) + 0.25 * other(0.25)
        np.testing.assert_allclose(mixed.values[1], expected)

    @pytest.mark.parametrize("apart", [1e-17, 1e-16, 1e-12])
    def test_nodes_that_rounding_tells_apart_are_one(self, apart):
        """Reversed, they would be equal: a traceback at rocket on coffee, through three layers."""
        values = np.array([[1.0], [2.0], [4.0]])
        one = Curve(np.array([0.0, 1 / 32, 1.0]), values)
        other = Curve(np.array([0.0, 1 / 32 + apart, 1.0]), values)
        back = Curve.mixed(one, other, 0.5).reversed()
        assert (np.diff(back.nodes) > 0).all()
        np.testing.assert_allclose(back(31 / 32), 2.0)


class TestPathOfAMotion:
    @pytest.mark.parametrize(
        ("layers", "kind", "named"),
        [
            (1, PathKind.BLEND, "blend"),
            (1, PathKind.GEOMETRIC, "geometric"),
            (1, PathKind.STRAIGHT, "straight"),
            (2, PathKind.BLEND, "geometric"),
            (2, PathKind.STRAIGHT, "straight"),
        ],
    )
    def test_blends_lead_where_no_layer_is_held(self, extractor, grained, layers, kind, named):
        image, net = grained(16, 21), extractor(layers)
        noise = np.random.default_rng(1).random(image.shape)
        motion = Motion(net, net.measure(image), net.measure(noise), 1e-6, noise=noise)
        path, name = motion.path(image, kind)
        assert name == named
        middle = path(0.5)
        expected = {
            "blend": net.in_float64().measure((image + noise) / 2),
            "geometric": np.sqrt(motion.start * motion.end),
            "straight": (motion.start + motion.end) / 2,
        }[named]
        np.testing.assert_allclose(middle, expected, rtol=1e-5)

    def test_without_noise_a_first_layer_goes_straight(self, extractor, grained):
        """Its features are far from any activation's tail, and errors grow less."""
        image, net = grained(16, 21), extractor(1)
        start = net.measure(image)
        path, name = Motion(net, start, 2 * start, 1e-6).path(image, PathKind.BLEND)
        assert name == "straight"
        np.testing.assert_allclose(path(0.5), 1.5 * start, rtol=1e-12)

    def test_a_way_that_knows_its_curve_is_followed(self, extractor, grained):
        image, net = grained(16, 21), extractor(1)
        start = net.measure(image)
        curve = Curve(np.array([0.0, 0.5, 1.0]), np.stack([start, 3 * start, 2 * start]))
        motion = Motion(net, start, 2 * start, 1e-6, way=Way((), curve=curve))
        path, name = motion.path(image, PathKind.BLEND)
        assert name == "curve"
        np.testing.assert_allclose(path(0.5), 3 * start, rtol=1e-12)
