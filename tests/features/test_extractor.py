import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError, ImageError
from decouple.features import ChannelMeans, LayerStatistics
from decouple.features import features as general
from tests.features.rows import ONE, TWO, jacobian

KINDS = [(a, p) for a in ("softplus", "relu") for p in ("average", "max", "l2")]


class TestVectors:
    def test_features_are_the_means_of_the_activations(self, exact, chain, image):
        taken = chain("block2_conv1", dtype="float64").forward(image[None], exact.layers)
        expected = np.concatenate([a.numpy()[0].mean((0, 1)) for a in taken])
        measured = exact.measure(image)
        assert measured.dtype == np.float64
        np.testing.assert_allclose(measured, expected, rtol=1e-12)
        np.testing.assert_array_equal(exact.linearize(image).features, measured)

    def test_float32_differs_by_its_rounding(self, exact, extractor, image):
        rough = extractor(2).measure(image)
        assert rough.dtype == np.float64
        np.testing.assert_allclose(rough, exact.measure(image), rtol=1e-5)

    def test_sizes(self, exact, masked, masks):
        assert exact.layers == (ONE, TWO)
        assert (exact.sizes, exact.size) == ((64, 128), 192)
        counts = (masks[ONE].sum(), masks[TWO].sum())
        assert (masked.sizes, masked.size) == (counts, sum(counts))

    def test_join_is_the_inverse_of_split(self, masked):
        features = np.arange(masked.size, dtype=float)
        parts = masked.split(features)
        assert list(parts) == [ONE, TWO]
        assert tuple(map(len, parts.values())) == masked.sizes
        np.testing.assert_array_equal(masked.join(parts), features)
        np.testing.assert_array_equal(masked.join({**parts, "other": None}), features)

    def test_mean_square_is_taken_layer_by_layer(self, exact):
        residual = np.concatenate([np.full(64, 2.0), np.full(128, -3.0)])
        assert exact.mean_square(residual) == {ONE: 4.0, TWO: 9.0}

    def test_a_layer_name_will_do(self, chain):
        assert ChannelMeans(chain("block3_conv1"), TWO).sizes == (128,)

    def test_the_chain_must_be_long_enough(self, chain):
        with pytest.raises(ConfigError, match=TWO):
            ChannelMeans(chain("block2_conv1"), 5)


class TestDerivatives:
    def test_adjoint(self, masked, image):
        point = masked.linearize(image)
        rng = np.random.default_rng(2)
        tangent, cotangent = rng.standard_normal(image.shape), rng.standard_normal(masked.size)
        pulled, pushed = masked.vjp(point, cotangent), masked.jvp(point, tangent)
        assert pulled.dtype == pushed.dtype == np.float64
        scale = np.linalg.norm(pulled) * np.linalg.norm(tangent)
        assert abs(np.sum(pulled * tangent) - pushed @ cotangent) < 1e-13 * scale

    def test_jvp_is_the_limit_of_differences(self, exact, image):
        tangent = np.random.default_rng(3).standard_normal(image.shape)
        h = 1e-5
        ahead, behind = exact.measure(image + h * tangent), exact.measure(image - h * tangent)
        difference = (ahead - behind) / (2 * h)
        change = exact.jvp(exact.linearize(image), tangent)
        assert np.linalg.norm(change - difference) < 1e-6 * np.linalg.norm(difference)

    def test_rows_are_the_vjps_of_unit_vectors(self, exact, image):
        point = exact.linearize(image)
        rows = jacobian(exact, point)
        assert rows.shape == (192, image.size)
        for index in (0, 63, 64, 191):
            unit = np.zeros(192)
            unit[index] = 1
            np.testing.assert_allclose(
                rows[index], exact.vjp(point, unit).ravel(), rtol=1e-9, atol=1e-16
            )

    def test_rows_are_the_gradients_of_the_tape(self, exact, chain, image):
        rows = jacobian(exact, exact.linearize(image))
        x = tf.constant(image[None])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            taken = chain("block2_conv1", dtype="float64").forward(x, exact.layers)
            means = tf.concat([tf.reduce_mean(a, axis=(1, 2)) for a in taken], axis=1)
            picked = [means[0, index] for index in (5, 64, 130)]
        for index, value in zip((5, 64, 130), picked, strict=True):
            expected = tape.gradient(value, x).numpy().ravel()
            np.testing.assert_allclose(
                rows[index], expected, rtol=0, atol=1e-12 * np.abs(expected).max()
            )


class TestMasks:
    def test_entries_are_dropped(self, exact, masked, kept, image):
        full, part = exact.linearize(image), masked.linearize(image)
        np.testing.assert_array_equal(masked.measure(image), exact.measure(image)[kept])
        np.testing.assert_array_equal(part.features, full.features[kept])
        tangent = np.random.default_rng(4).standard_normal(image.shape)
        np.testing.assert_array_equal(masked.jvp(part, tangent), exact.jvp(full, tangent)[kept])
        cotangent = np.random.default_rng(5).standard_normal(masked.size)
        padded = np.zeros(exact.size)
        padded[kept] = cotangent
        np.testing.assert_allclose(masked.vjp(part, cotangent), exact.vjp(full, padded), rtol=1e-12)
        np.testing.assert_allclose(
            masked.normal_matrix(part),
            exact.normal_matrix(full)[np.ix_(kept, kept)],
            rtol=1e-5,
            atol=1e-9,
        )

    def test_a_mask_holds_for_the_first_layers_too(self, masked, masks, image, exact):
        np.testing.assert_array_equal(
            masked.first(1).measure(image), exact.measure(image)[:64][masks[ONE]]
        )


class TestSecant:
    @pytest.mark.parametrize("size", [1e-2, 0.3, 5.0])
    @pytest.mark.parametrize(("activation", "pooling"), KINDS)
    def test_it_is_a_difference_of_features(
        self, extractor, image, pink, activation, pooling, size
    ):
        """Not linearized, however large the change."""
        net = extractor(2, "float64", activation, pooling)
        step = size * (pink(*image.shape[:2], 21) - 0.5)
        secant = net.secant(net.linearize(image), step)
        expected = net.measure(image + step) - net.measure(image)
        np.testing.assert_allclose(secant.change, expected, rtol=0, atol=1e-12 * (1 + size))

    def test_its_map_takes_one_to_the_other(self, exact, image, pink):
        step = pink(*image.shape[:2], 21) - 0.5
        secant = exact.secant(exact.linearize(image), step)
        np.testing.assert_allclose(exact.jvp(secant, step), secant.change, rtol=0, atol=1e-13)
        cotangent = np.random.default_rng(22).normal(size=exact.size)
        product = cotangent @ secant.change
        assert np.sum(exact.vjp(secant, cotangent) * step) == pytest.approx(product, rel=1e-11)

    def test_rounding_is_relative_to_the_change(self, extractor, exact, image, pink):
        """Where features are subtracted, float32 keeps next to nothing of a small change."""
        net = extractor(2)
        step = 1e-5 * (pink(*image.shape[:2], 21) - 0.5)
        expected = exact.measure(image + step) - exact.measure(image)
        size = np.linalg.norm(expected)
        assert (
            np.linalg.norm(net.secant(net.linearize(image), step).change - expected) < 1e-4 * size
        )
        subtracted = net.measure(image + step) - net.measure(image)
        assert np.linalg.norm(subtracted - expected) > 1e-3 * size

    def test_it_is_masked_and_counted(self, exact, masks, kept, image, pink):
        net = exact.masked(masks)
        step = 0.1 * (pink(*image.shape[:2], 21) - 0.5)
        change = net.secant(net.linearize(image), step).change
        assert net.passes.count == 2
        whole = exact.secant(exact.linearize(image), step).change
        np.testing.assert_array_equal(change, whole[kept])


class TestFirst:
    def test_it_agrees_with_the_whole(self, exact, image):
        short = exact.first(1)
        assert short.layers == (ONE,)
        assert short.network.last == ONE
        np.testing.assert_array_equal(short.measure(image), exact.measure(image)[:64])
        whole_rows, rows = (jacobian(e, e.linearize(image)) for e in (exact, short))
        np.testing.assert_array_equal(rows, whole_rows[:64])

    def test_it_is_made_once_and_the_whole_is_itself(self, exact):
        assert exact.first(2) is exact
        assert exact.first(1) is exact.first(1)

    def test_three_layers(self, extractor, image):
        whole = extractor(3)
        short = whole.first(2)
        assert short.layers == (ONE, TWO)
        np.testing.assert_allclose(short.measure(image), whole.measure(image)[:192], rtol=1e-6)


class TestSquaredError:
    @pytest.mark.parametrize(("activation", "pooling"), KINDS)
    def test_it_is_features_and_the_gradient_of_their_weighted_distance(
        self, extractor, image, activation, pooling
    ):
        """By the chain rule: Jᵀ 2w (f − target)."""
        net = extractor(2, "float64", activation, pooling)
        rng = np.random.default_rng(6)
        target, weights = rng.random(net.size), rng.random(net.size)
        features, gradient = net.squared_error(image, target, weights)
        np.testing.assert_array_equal(features, net.measure(image))
        expected = net.vjp(net.linearize(image), 2 * weights * (features - target))
        np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-16)

    def test_the_gradient_is_the_limit_of_differences(self, exact, image):
        rng = np.random.default_rng(7)
        target, weights = rng.random(exact.size), rng.random(exact.size)
        direction, h = rng.standard_normal(image.shape), 1e-5

        def loss(x):
            return float(weights @ np.square(exact.measure(x) - target))

        slope = (loss(image + h * direction) - loss(image - h * direction)) / (2 * h)
        _, gradient = exact.squared_error(image, target, weights)
        assert float(np.sum(gradient * direction)) == pytest.approx(slope, rel=1e-7)

    def test_features_that_are_masked_have_no_part(self, exact, masked, kept, image):
        rng = np.random.default_rng(8)
        target, weights = rng.random(masked.size), rng.random(masked.size)
        features, gradient = masked.squared_error(image, target, weights)
        np.testing.assert_array_equal(features, exact.measure(image)[kept])
        all_targets, all_weights = np.full(exact.size, 1e3), np.zeros(exact.size)
        all_targets[kept], all_weights[kept] = target, weights
        _, expected = exact.squared_error(image, all_targets, all_weights)
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-18)

    def test_float32_is_taken_and_float64_given(self, exact, extractor, image):
        target, weights = np.zeros(192), np.full(192, 1 / 192)
        features, gradient = extractor(2).squared_error(image, target, weights)
        assert features.dtype == gradient.dtype == np.float64
        _, expected = exact.squared_error(image, target, weights)
        assert np.linalg.norm(gradient - expected) < 1e-5 * np.linalg.norm(expected)

    def test_it_counts_two_passes_and_is_traced_once(self, chain, image, pink):
        net = ChannelMeans(chain("block2_conv1"), 2)
        zeros = np.zeros(192)
        net.squared_error(image, zeros, zeros)
        net.squared_error(pink(10, 12), zeros, zeros + 1)
        assert net.passes.count == 4
        assert net._programs["squared_error"].experimental_get_tracing_count() == 1


class TestGradient:
    def test_it_is_what_the_linearization_pulls_back(self, exact, masked, image):
        for net in (exact, masked):
            before = net.passes.count
            features, gradient = net.gradient(image, np.square)
            assert net.passes.count == before + 2
            np.testing.assert_array_equal(features, net.measure(image))
            expected = net.vjp(net.linearize(image), np.square(features))
            np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-18)

    def test_of_a_statistic_that_is_not_linear(self, chain, image):
        net = LayerStatistics(chain("block1_conv1", dtype="float64"), 1, "covariance")
        features, gradient = net.gradient(image, np.square)
        expected = net.vjp(net.linearize(image), np.square(features))
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-18)


class TestPart:
    @pytest.mark.parametrize("name", ["exact", "masked"])
    def test_it_is_the_first_layers_linearized_at_the_same_image(self, request, name, image):
        whole = request.getfixturevalue(name)
        point = whole.linearize(image)
        before = whole.passes.count
        short, part = whole.part(point, 1)
        assert whole.passes.count == before
        assert short is whole.first(1)
        expected = short.linearize(image)
        np.testing.assert_array_equal(part.features, expected.features)
        rng = np.random.default_rng(9)
        tangent, cotangent = rng.standard_normal(image.shape), rng.standard_normal(short.size)
        np.testing.assert_array_equal(short.jvp(part, tangent), short.jvp(expected, tangent))
        np.testing.assert_array_equal(short.vjp(part, cotangent), short.vjp(expected, cotangent))
        np.testing.assert_array_equal(
            short.secant(part, tangent).change, short.secant(expected, tangent).change
        )

    def test_of_three_layers(self, extractor, image):
        whole = extractor(3, "float64")
        short, part = whole.part(whole.linearize(image), 2)
        assert short.layers == (ONE, TWO)
        expected = jacobian(short, short.linearize(image))
        np.testing.assert_allclose(jacobian(short, part), expected, rtol=1e-12, atol=1e-18)

    def test_all_layers_are_the_whole(self, exact, image):
        point = exact.linearize(image)
        whole, same = exact.part(point, 2)
        assert whole is exact
        tangent = np.random.default_rng(10).standard_normal(image.shape)
        np.testing.assert_array_equal(exact.jvp(same, tangent), exact.jvp(point, tangent))


class TestDoublePrecision:
    def test_it_measures_the_same_without_the_rounding(self, extractor, exact, image):
        double = extractor(2).in_float64()
        assert double.network.dtype == "float64"
        np.testing.assert_allclose(double.measure(image), exact.measure(image), rtol=1e-14)

    def test_it_is_made_once_and_is_its_own(self, extractor, exact):
        net = extractor(2)
        assert net.in_float64() is net.in_float64()
        assert net.in_float64().in_float64() is net.in_float64()
        assert exact.in_float64() is exact
        assert net.network.dtype == "float32"

    def test_it_keeps_the_mask(self, extractor, masks, masked, image):
        double = extractor(2).masked(masks).in_float64()
        assert double.sizes == masked.sizes
        np.testing.assert_allclose(double.measure(image), masked.measure(image), rtol=1e-14)

    def test_depths_and_masks_share_one_network_and_its_programs(self, extractor, masks):
        double = extractor(2).in_float64()
        assert extractor(2).masked(masks).in_float64()._programs is double._programs
        assert extractor(2).first(1).in_float64()._programs is double.first(1)._programs
        assert extractor(2).first(1).in_float64().network._filters is double.network._filters
        assert double._programs is not extractor(2)._programs

    def test_it_shares_the_counter(self, chain, image):
        net = ChannelMeans(chain("block2_conv1"), 2)
        net.in_float64().measure(image)
        net.first(1).in_float64().measure(image)
        assert net.passes.count == 2


class TestLimits:
    @pytest.mark.parametrize(("layers", "least"), [(1, 1), (2, 2), (3, 4)])
    def test_too_small_images_are_refused(self, extractor, layers, least):
        net = extractor(layers)
        net.check_size(least, least + 3)
        net.check_size(least + 3, least)
        if least > 1:
            for size in ((least - 1, 64), (64, least - 1)):
                with pytest.raises(ImageError, match=f"at least {least};") as caught:
                    net.check_size(*size)
                assert net.layers[-1] in str(caught.value)

    def test_passes_are_counted(self, chain, image):
        net = ChannelMeans(chain("block2_conv1"), 2)
        point = net.linearize(image)
        net.measure(image)
        assert net.passes.count == 2
        net.vjp(point, np.ones(net.size))
        net.jvp(point, image)
        assert net.passes.count == 4
        net.normal_matrix(point)
        assert net.passes.count == 4 + 192
        short = net.first(1)
        short.measure(image)
        assert net.passes.count == short.passes.count == 197

    def test_pushing_rows_forward_counts_twice(self, chain, image, monkeypatch):
        monkeypatch.setattr(general, "jacobian_limit", lambda: 0)
        net = ChannelMeans(chain("block2_conv1"), 1)
        net.normal_matrix(net.linearize(image))
        assert net.passes.count == 1 + 2 * 64

    def test_the_image_is_left_as_it_is(self, exact, image):
        before = image.copy()
        exact.measure(image)
        exact.jvp(exact.linearize(image), image)
        np.testing.assert_array_equal(image, before)
