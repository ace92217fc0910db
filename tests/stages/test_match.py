"""All layers' features at once; Newton's steps; and K at the noise, which serves both."""

import numpy as np
import pytest
from scipy.optimize import minimize

from decouple import cache
from decouple.errors import ImageError
from decouple.features import Features
from decouple.features.likeness import relative_mse
from decouple.flows import Lift, Motion, StopReason, stepper
from decouple.flows.matching import Matching
from decouple.flows.preconditioner import Factor, factor_cost
from decouple.images import Fit, load
from decouple.stages import (
    MatchingFactors,
    StageError,
    match,
    noise_image,
    noise_reference,
    noisify,
)

SIZE = (24, 32)


@pytest.fixture(scope="module")
def two(extractor):
    return extractor(2)


@pytest.fixture(scope="module")
def reference(two):
    return noise_reference(two, SIZE)


class TestFactorAtTheNoise:
    def test_it_is_that_of_the_noise(self, two, reference, grained):
        noise = two.linearize(noise_image(*SIZE, reference.seed))
        residual = np.random.default_rng(0).normal(size=two.size)
        expected = Factor.at(two, noise).solve(residual)
        found = reference.factor(two, 2, 3 * SIZE[0] * SIZE[1]).solve(residual)
        np.testing.assert_array_equal(found, expected)

    def test_that_of_fewer_layers_is_a_part_of_it(self, two, reference):
        one = two.first(1)
        noise = one.linearize(noise_image(*SIZE, reference.seed))
        residual = np.random.default_rng(0).normal(size=one.size)
        found = reference.factor(two, 1, 3 * SIZE[0] * SIZE[1]).solve(residual)
        np.testing.assert_allclose(found, Factor.at(one, noise).solve(residual), rtol=1e-4)

    def test_images_of_another_size_have_it_scaled(self, two, reference, grained):
        """Four times the pixels: a quarter of the gradients' squares."""
        pixels = 3 * SIZE[0] * SIZE[1]
        residual = np.ones(two.size)
        small, large = (reference.factor(two, 2, n * pixels).solve(residual) for n in (1, 4))
        np.testing.assert_allclose(large, 4 * small, rtol=1e-6)

    def test_for_large_images_it_is_formed_at_less_noise(self, two, pink, monkeypatch):
        """And takes Newton's steps there in about as many passes."""
        image, passes = pink(64, 48), []
        for longest in (1000, 32):
            monkeypatch.setattr("decouple.stages.reference._LONGEST", longest)
            reference = noise_reference(two, (64, 48))
            before = two.passes.count
            done = match(image, two, reference.features, reference)
            passes.append(two.passes.count - before)
            assert max(done.trace.feature_mse.values()) <= 1e-6
        small, residual = noise_reference(two, (32, 32)), np.ones(two.size)
        np.testing.assert_array_equal(
            reference.factor(two, 2, image.size).solve(residual),
            small.factor(two, 2, image.size).solve(residual),
        )
        assert passes[1] <= 1.25 * passes[0]

    def test_it_is_formed_once_and_its_passes_are_not_counted(self, two, tmp_path, monkeypatch):
        monkeypatch.setenv("DECOUPLE_CACHE", str(tmp_path))
        asked = []
        monkeypatch.setattr(
            Features, "normal_matrix", lambda self, point: asked.append(self) or np.eye(self.size)
        )
        reference = noise_reference(two, SIZE, seed=7)
        passes = two.passes.count
        reference.factor(two, 2, 10)
        reference.factor(two, 1, 10)
        assert len(asked) == 1
        assert two.passes.count == passes
        noise_reference(two, SIZE, seed=7).factor(two, 2, 10)  # as in another run
        assert len(asked) == 1
        noise_reference(two, SIZE, seed=8).factor(two, 2, 10)
        assert len(asked) == 2
        masked = two.masked({k: np.arange(len(v)) > 0 for k, v in two.alive.items()})
        noise_reference(masked, SIZE, seed=7).factor(masked, 2, 10)
        assert len(asked) == 3
        assert cache.folder() == tmp_path


class TestMatch:
    @pytest.mark.parametrize("kind", ["photograph", "grained", "pink"])
    def test_all_features_are_reached_at_once(self, two, reference, request, kind):
        image = request.getfixturevalue(kind)(*SIZE)
        before = image.copy()
        done = match(image, two, reference.features)
        np.testing.assert_array_equal(image, before)
        assert done.trace.stage == "match"
        assert done.trace.stop_reason is StopReason.REACHED
        measured = two.split(two.measure(done.image))
        for layer, wanted in reference.features.items():
            assert np.mean(np.square(measured[layer] - wanted)) <= 1e-6
            assert done.trace.feature_mse[layer] <= 1e-6

    def test_an_image_that_has_them_stays(self, two, grained):
        image = grained(*SIZE)
        wanted = two.split(two.measure(image))
        done = match(image, two, wanted, noise_reference(two, SIZE))
        np.testing.assert_array_equal(done.image, image)
        assert done.trace.steps == 0

    def test_few_passes_are_spent(self, two, photograph):
        """Newton's steps took 55, and L-BFGS on the joint loss takes about 100."""
        image, reference = photograph(48, 48), noise_reference(two, (48, 48))
        before = two.passes.count
        match(image, two, reference.features, reference)
        assert two.passes.count - before <= 50

    def test_looking_at_its_features_takes_no_pass(self, two, photograph, monkeypatch):
        """They are known where the loss is."""
        image, reference = photograph(*SIZE), noise_reference(two, SIZE)
        measured, own = [], type(two).measure

        def noted(self, x):
            measured.append(x)
            return own(self, x)

        monkeypatch.setattr(type(two), "measure", noted)
        done = match(image, two, reference.features, reference)
        assert done.trace.steps > 10
        assert len(measured) <= 3  # of the start, and where it ended

    def test_it_ends_where_its_features_are_near_enough(self, two, photograph):
        image, reference = photograph(48, 48), noise_reference(two, (48, 48))
        done = match(image, two, reference.features, reference, Matching(enough=1e-4))
        assert done.trace.stop_reason is StopReason.REACHED
        wanted = reference.vector(two)
        far = np.mean([*relative_mse(two, two.measure(done.image), wanted).values()])
        assert 1e-6 < far < 1e-4

    def test_from_noise_to_a_texture_an_example_saves_passes(self, two):
        """Of the descent alone: what K at the example takes is known."""
        texture = load("sample:gravel", 48, Fit.CROP).pixels.astype(np.float64)
        start = noise_image(48, 48, 3)
        reference, wanted = noise_reference(two, (48, 48)), two.measure(texture)
        spent = {}
        for example in (None, texture[:24, :24]):
            factors = MatchingFactors(two, reference, example, texture.size)
            nearby = factors.of(texture.size)
            nearby()
            before = two.passes.count
            features, flow = two.split(wanted), Matching(enough=1e-5)
            done = match(start, two, features, reference, flow, nearby=nearby)
            assert done.trace.stop_reason is StopReason.REACHED
            spent[example is None] = two.passes.count - before
        assert spent[False] < 0.6 * spent[True]

    def test_an_example_that_would_cost_more_is_not_looked_at(self, two, grained):
        texture = grained(48, 48)
        reference = noise_reference(two, (48, 48))
        alone, beside = (
            MatchingFactors(two, reference, example, texture.size).of(texture.size)()
            for example in (None, texture)
        )
        np.testing.assert_array_equal(alone.lower, beside.lower)

    @pytest.mark.slow
    def test_l_bfgs_is_not_there_after_as_many_passes(self, two, photograph):
        image = photograph(64, 64)
        reference = noise_reference(two, (64, 64))
        wanted = reference.vector(two)
        before = two.passes.count
        done = match(image, two, reference.features, reference, tolerance=3e-5)
        spent = two.passes.count - before
        reached = max(done.trace.feature_mse.values())
        assert reached <= 1e-8
        weights = np.repeat([1 / size for size in two.sizes], two.sizes)
        nearest = []

        def loss(x):
            features, gradient = two.squared_error(x.reshape(image.shape), wanted, weights)
            errors = two.mean_square(features - wanted)
            nearest.append(max(errors.values()))
            return weights @ np.square(features - wanted), gradient.ravel()

        before = two.passes.count
        options = {"maxfun": spent // 2, "ftol": 0, "gtol": 0}
        minimize(loss, image.ravel(), jac=True, method="L-BFGS-B", options=options)
        assert two.passes.count - before >= spent - 2
        assert min(nearest) > 10 * reached

    def test_a_noise_where_k_is_singular_costs_only_time(self, two, reference, grained):
        def singular(*_):
            raise np.linalg.LinAlgError("for the test")

        image = grained(*SIZE)
        start, end = two.measure(image), reference.vector(two)
        task = Motion(two, start, end, 1e-4, nearby=singular)
        moved = stepper("newton").walk(image, task, lambda *_: None)
        assert moved.stop_reason is StopReason.REACHED
        np.testing.assert_allclose(two.measure(moved.image), end, atol=1e-3)

    def test_a_factor_that_does_not_fit_is_dropped_in_time(self, two, reference, grained):
        """When it has taken as many passes as another one costs."""
        image = grained(*SIZE)
        start, end = two.measure(image), reference.vector(two)
        cost = factor_cost(two, SIZE[0] * SIZE[1])
        badly = Factor(np.diag(10.0 ** np.linspace(-6, 0, two.size)), image.size)
        passes = []
        for nearby in (None, lambda: badly):
            before = two.passes.count
            task = Motion(two, start, end, 1e-4, nearby=nearby)
            moved = stepper("newton").walk(image, task, lambda *_: None)
            assert moved.stop_reason is StopReason.REACHED
            passes.append(two.passes.count - before)
        # K's rows count as passes; with the last step it may overshoot.
        assert passes[1] <= passes[0] + cost + 2 * 15 + 5
        np.testing.assert_allclose(two.measure(moved.image), end, atol=1e-3)

    def test_where_no_other_factor_can_be_formed_the_one_at_hand_does(
        self, two, reference, grained, monkeypatch
    ):
        def singular(*_):
            raise np.linalg.LinAlgError("for the test")

        image = grained(*SIZE)
        at_noise = reference.factor(two, 2, image.size)
        monkeypatch.setattr(type(two), "normal_matrix", singular)
        monkeypatch.setattr("decouple.flows.newton.factor_cost", lambda *_: 0)
        task = Motion(two, two.measure(image), reference.vector(two), 1e-4, nearby=lambda: at_noise)
        moved = stepper("newton").walk(image, task, lambda *_: None)
        assert moved.stop_reason is StopReason.REACHED
        np.testing.assert_allclose(two.measure(moved.image), task.end, atol=1e-3)

    def test_those_of_another_picture(self, two, grained, pink):
        wanted = two.split(two.measure(0.5 * grained(*SIZE) + 0.5 * pink(*SIZE)))
        done = match(grained(*SIZE), two, wanted)
        assert max(done.trace.feature_mse.values()) <= 1e-6

    def test_an_unreachable_target_keeps_what_was_done(self, two, reference, grained):
        wanted = {layer: -1 - values for layer, values in reference.features.items()}
        with pytest.raises(StageError, match="match stopped at block2_conv1") as caught:
            match(grained(*SIZE), two, wanted, flow=Lift(stepper("newton", max_steps=5)))
        assert np.isfinite(caught.value.partial.image).all()
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("nearly_dead", [1e-14, 0.0])
    def test_a_channel_that_noise_cannot_move_does_not_stop_the_others(
        self, two, reference, grained, monkeypatch, nearly_dead
    ):
        """Its part of K at the noise is next to nothing, so that its distance would be all."""
        image, known = grained(*SIZE), reference.normal_matrix(two, 2, 3 * SIZE[0] * SIZE[1])
        share = np.ones(two.size)
        share[[3, 100]] = np.sqrt(nearly_dead)
        monkeypatch.setattr(
            type(reference), "normal_matrix", lambda *_: known * np.outer(share, share)
        )
        done = match(image, two, reference.features, reference)
        assert max(done.trace.feature_mse.values()) <= 1e-6
        if nearly_dead:
            with pytest.raises(StageError):
                match(
                    image, two, reference.features, reference, Lift(stepper("newton", max_steps=5))
                )

    def test_a_layer_of_which_nothing_is_wanted(self, two, reference, grained):
        """Has no size to which its residuals would be relative."""
        first, second = two.layers
        wanted = {first: reference.features[first], second: np.zeros(two.sizes[1])}
        with pytest.raises(StageError, match="match stopped") as caught:
            match(grained(*SIZE), two, wanted, reference)
        assert np.isfinite(caught.value.partial.image).all()

    def test_an_unreachable_target_ends_by_itself(self, two, reference, grained):
        wanted = {layer: -1 - values for layer, values in reference.features.items()}
        with pytest.raises(StageError, match="match stopped at block2_conv1"):
            match(grained(*SIZE), two, wanted, reference)

    def test_unusable_images_are_refused(self, two, reference):
        with pytest.raises(ImageError, match="one colour"):
            match(np.full((*SIZE, 3), 0.5), two, reference.features)


def test_newton_layer_by_layer_begins_with_the_factor_at_the_noise(
    two, reference, photograph, monkeypatch
):
    image = photograph(*SIZE)
    reference.factor(two, 2, image.size)  # has its passes behind it
    monkeypatch.setattr(
        type(two), "normal_matrix", lambda *_: pytest.fail("K was formed at the image")
    )
    monkeypatch.setattr("decouple.flows.newton.factor_cost", lambda *_: np.inf)
    done = noisify(image, two, reference, Lift(stepper("newton")), tolerance=1e-2)
    for trace in done.trace:
        assert trace.stop_reason is StopReason.REACHED
        assert max(trace.feature_mse.values()) <= 1e-6
