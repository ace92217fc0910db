import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.flows import Way
from decouple.images import load
from decouple.stages import (
    DecoupledFeatures,
    impose,
    impose_retraced,
    mix,
    noise_reference,
    noisify,
)

LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1")
ONE, TWO, THREE = LAYERS


def features(seed):
    rng = np.random.default_rng(seed)
    values = {layer: rng.random(size) for layer, size in zip(LAYERS, (4, 5, 6), strict=True)}
    return DecoupledFeatures(values, {layer: Way((1.0,)) for layer in LAYERS})


@pytest.fixture
def source():
    return features(0)


@pytest.fixture
def target():
    return features(1)


class TestValues:
    @pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
    def test_each_layer_has_a_strength_of_its_own(self, source, target, t):
        mixed = mix(source, target, {ONE: t, THREE: 0.5})
        assert list(mixed.values) == list(LAYERS)
        for layer, strength in ((ONE, t), (TWO, 0.0), (THREE, 0.5)):
            expected = (1 - strength) * target.values[layer] + strength * source.values[layer]
            np.testing.assert_allclose(mixed.values[layer], expected, rtol=1e-15)

    def test_the_ends_are_exact(self, source, target):
        for strength, whole in ((0.0, target), (1.0, source)):
            mixed = mix(source, target, dict.fromkeys(LAYERS, strength))
            for layer in LAYERS:
                np.testing.assert_array_equal(mixed.values[layer], whole.values[layer])

    def test_what_was_given_is_left_as_it_is(self, source, target):
        mixed = mix(source, target, {})
        mixed.values[ONE][:] = 9
        np.testing.assert_array_equal(target.values[ONE], features(1).values[ONE])

    @pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), float("inf")])
    def test_strengths_lie_between_the_images(self, source, target, strength):
        with pytest.raises(ConfigError, match=f"of {TWO} must be from 0 to 1"):
            mix(source, target, {TWO: strength})

    def test_unknown_layers_get_a_hint(self, source, target):
        with pytest.raises(ConfigError, match=f"did you mean '{TWO}'"):
            mix(source, target, {"block2_conv": 1.0})


class TestWays:
    """A way leads from where the layers behind it have been put back."""

    @pytest.mark.parametrize(
        ("changed", "kept"),
        [
            ((), LAYERS),
            ((ONE,), (TWO, THREE)),
            ((TWO,), (THREE,)),
            ((THREE,), ()),
            ((ONE, TWO), (THREE,)),
            (LAYERS, ()),
        ],
    )
    def test_those_before_a_changed_layer_are_not_walked(self, source, target, changed, kept):
        mixed = mix(source, target, dict.fromkeys(changed, 0.4))
        for layer in LAYERS:
            if layer in kept:
                assert mixed.ways[layer] is target.ways[layer]
            else:
                assert mixed.ways[layer].steps == ()

    def test_a_strength_of_zero_changes_nothing(self, source, target):
        assert set(mix(source, target, dict.fromkeys(LAYERS, 0.0)).ways) == set(LAYERS)

    def test_there_may_be_none(self, source, target):
        bare = DecoupledFeatures(target.values)
        assert mix(source, bare, {ONE: 1.0}).ways == {}


class TestImposition:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("layers", "source", "target"),
        [(2, "astronaut", "chelsea"), (2, "pink", "coffee"), (3, "coffee", "astronaut")],
    )
    def test_any_mix_is_given_up_again_as_it_was_imposed(
        self, extractor, pink, layers, source, target
    ):
        """Random strengths in every layer; on the way it came the image shows what it holds."""
        height, width = 28, 32
        net = extractor(layers)
        reference = noise_reference(net, (height, width), seed=3)

        def picture(name):
            if name == "pink":
                return pink(height, width, 3)
            pixels = load(f"sample:{name}", size=width).pixels
            return np.asarray(pixels[:height, :width], np.float64)

        style = noisify(picture(source), net, reference)
        content = noisify(picture(target), net, reference, stage="noisify_target")
        rng = np.random.default_rng(layers + len(source))
        strengths = {layer: float(rng.random()) for layer in net.layers}
        wanted = mix(style.features, content.features, strengths)
        done = impose_retraced(content.image, wanted, net, reference)
        assert done.traceable
        for layer, values in wanted.values.items():
            own = content.features.values[layer]
            assert np.mean(np.square(values - own)) > 1e-5, layer  # something was imposed
            assert np.mean(np.square(done.held.values[layer] - values)) <= 1e-8, layer

    def test_an_image_mixed_with_nothing_is_itself(self, extractor, grained):
        """By the ways that `mix` keeps."""
        net = extractor(2)
        image = grained(16, 21)
        reference = noise_reference(net, (16, 21))
        taken = noisify(image, net, reference)
        kept = mix(taken.features, taken.features, {})
        back = impose(taken.image, kept, net, reference)
        assert np.sqrt(np.mean(np.square(back.image - image))) <= 1e-4
