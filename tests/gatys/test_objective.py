"""The objective as a whole: its gradient, its tree, its weights."""

import numpy as np
import pytest
import tensorflow as tf

from decouple.errors import ConfigError, ImageError
from decouple.gatys import (
    Content,
    Gram,
    Group,
    Objective,
    TotalVariation,
    Weighted,
    content,
    style,
)

LAST = "block3_conv1"
SIZE = (14, 18)


def batch(image, dtype="float64"):
    return tf.constant(np.asarray(image)[None], dtype)


@pytest.fixture(scope="module")
def whole(chain, pink):
    """whole(dtype, ...): content, style and variation, as the reports have them."""

    def build(dtype="float64", activation="softplus", pooling="average"):
        net = chain(LAST, activation, pooling, dtype)
        return Objective(
            net,
            {
                "content": 0.025 * content(net, pink(*SIZE, seed=1), [LAST]),
                "style": 2.0 * style(net, pink(20, 16, seed=2), layers=3),
                "variation": 1e-3 * TotalVariation(scale=255),
            },
        )

    return build


@pytest.fixture(scope="module")
def alone(chain, pink):
    """alone(kind): an objective of one kind of term."""

    def build(kind):
        net = chain("block2_conv1", dtype="float64")
        family, *options = kind.split()
        if family == "content":
            part = content(net, pink(*SIZE, seed=1), ["block2_conv1"], *options)
        elif family == "variation":
            part = TotalVariation(*options)
        else:
            named = {"distance": options[0]}
            if family == "gram":
                named["normalization"] = options[1]
            part = style(net, pink(*SIZE, seed=2), 2, statistic=family, **named)
        return Objective(net, {"term": 0.7 * part})

    return build


KINDS = [
    *(f"content {distance}" for distance in ("sum", "mean")),
    *(f"gram {d} {n}" for d in ("sum", "mean") for n in ("raw", "hw", "chw", "keras")),
    *(f"{s} {d}" for s in ("means", "mean_covariance") for d in ("sum", "mean")),
    *(f"variation {form}" for form in ("power", "squared", "absolute")),
]


def assert_gradient_is_that_of_differences(objective, image):
    loss, gradient, values = objective.loss_and_gradient(batch(image))
    assert float(loss) == pytest.approx(
        sum(objective.weights[path] * float(value) for path, value in values.items()), rel=1e-12
    )
    rng = np.random.default_rng(9)
    for _ in range(3):
        direction = rng.standard_normal(image.shape)
        step = 1e-5
        ahead = float(objective.loss_and_gradient(batch(image + step * direction))[0])
        behind = float(objective.loss_and_gradient(batch(image - step * direction))[0])
        slope = np.sum(gradient.numpy()[0] * direction)
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction)
        assert scale > 0
        # Differences err by step² relative to the third derivative, and by rounding / step.
        assert abs((ahead - behind) / (2 * step) - slope) < 1e-7 * scale


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_each_term_is_that_of_differences(alone, pink, kind):
    assert_gradient_is_that_of_differences(alone(kind), pink(*SIZE, seed=3))


@pytest.mark.parametrize("activation", ["softplus", "relu"])
@pytest.mark.parametrize("pooling", ["average", "l2", "max"])
def test_gradient_of_the_whole_is_that_of_differences(whole, pink, activation, pooling):
    objective = whole("float64", activation, pooling)
    if activation == "softplus" and pooling != "max":
        assert_gradient_is_that_of_differences(objective, pink(*SIZE, seed=3))
        return
    # Differences may step over a kink; the chain's own adjoint may not.
    image = batch(pink(*SIZE, seed=3))
    net = objective.chain
    activations, point, _ = net.linearize(image, objective.layers)
    terms = objective.tree.terms()
    with tf.GradientTape() as tape:
        tape.watch([image, *activations])
        seen = {None: image, **dict(zip(objective.layers, activations, strict=True))}
        loss = tf.add_n([w * t.value(seen[t.layer], 14 * 18) for w, t in terms.values()])
    direct, *pulled = tape.gradient(loss, [image, *activations])
    expected = direct + net.vjp(point, dict(zip(objective.layers, pulled, strict=True)))
    gradient = objective.loss_and_gradient(image)[1]
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_float32_agrees_with_float64(whole, pink):
    image = pink(*SIZE, seed=3)
    single = whole("float32").loss_and_gradient(batch(image, "float32"))
    double = whole("float64").loss_and_gradient(batch(image))
    assert single[0].dtype == tf.float32
    assert single[1].dtype == tf.float32
    assert float(single[0]) == pytest.approx(float(double[0]), rel=1e-5)
    error = np.linalg.norm(single[1].numpy() - double[1]) / np.linalg.norm(double[1])
    assert error < 1e-4


def test_it_prints_as_a_tree_with_its_weights(whole):
    assert str(whole("float32")).splitlines() == [
        "objective on vgg19 (calibrated, softplus, average)",
        "├─ 0.025 × content",
        "│  └─ 1 × block3_conv1: content, sum of squares",
        "├─ 2 × style",
        "│  ├─ 0.3333 × block1_conv1: Gram / HW, sum of squares",
        "│  ├─ 0.3333 × block2_conv1: Gram / HW, sum of squares",
        "│  └─ 0.3333 × block3_conv1: Gram / HW, sum of squares",
        "└─ 0.001 × variation: total variation, exponent 1.25, scale 255",
    ]


def test_weights_multiply_along_the_path(whole):
    assert whole("float32").weights == pytest.approx(
        {
            "content/block3_conv1": 0.025,
            "style/block1_conv1": 2 / 3,
            "style/block2_conv1": 2 / 3,
            "style/block3_conv1": 2 / 3,
            "variation": 1e-3,
        }
    )


def test_the_chain_is_cut_at_the_deepest_layer_that_is_needed(chain, pink):
    net = chain(LAST)
    objective = Objective(net, {"style": style(net, pink(16, 16), ["block2_conv1"])})
    assert objective.chain.last == "block2_conv1"


def test_a_shared_layer_is_tapped_once(whole):
    assert whole("float32").layers == ("block1_conv1", "block2_conv1", "block3_conv1")


def test_an_objective_of_the_image_alone_needs_no_layer(chain, pink):
    objective = Objective(chain(dtype="float64"), {"variation": TotalVariation("squared")})
    loss, gradient, values = objective.loss_and_gradient(batch(pink(2, 3)))
    assert objective.layers == ()
    assert float(loss) == float(values["variation"]) > 0
    assert gradient.shape == (1, 2, 3, 3)


def test_one_trace_for_each_size(whole, pink):
    objective = whole("float32")
    for seed in range(3):
        objective.loss_and_gradient(batch(pink(*SIZE, seed=seed), "float32"))
    assert objective._compiled.experimental_get_tracing_count() == 1


def test_it_can_be_called_within_a_tf_function(whole, pink):
    objective = whole("float32")
    image = batch(pink(*SIZE, seed=3), "float32")
    traces = []

    @tf.function
    def descend(images):
        traces.append(images.shape)
        for _ in tf.range(2):
            images = images - 1e-9 * objective.loss_and_gradient(images)[1]
        return images

    expected = image
    for _ in range(2):
        expected = expected - 1e-9 * objective.loss_and_gradient(expected)[1]
    for _ in range(2):
        np.testing.assert_allclose(descend(image), expected, atol=1e-6)
    assert len(traces) == 1


class TestBalanced:
    """Weights as shares of the gradient at the start."""

    def norm(self, objective, image, path):
        """Norm of the weighted gradient of the part at `path`."""
        nodes = {p: (weight, part) for p, weight, part in objective.tree.nodes()}
        weight, part = nodes[path]
        only = Objective(objective.chain, {"only": weight * part})
        return float(tf.norm(only.loss_and_gradient(batch(image))[1]))

    def test_each_part_has_its_share_of_the_gradient(self, whole, pink):
        image = pink(*SIZE, seed=3)
        shares = {"content": 2.0, "style": 5.0, "variation": 1.0}
        balanced = whole().balanced(image, shares)
        for path, share in shares.items():
            assert self.norm(balanced, image, path) == pytest.approx(share / 8, rel=1e-9)

    def test_within_a_group_the_weights_keep_their_ratios(self, chain, pink):
        net = chain("block2_conv1", dtype="float64")
        layers = {"block1_conv1": 3.0, "block2_conv1": 1.0}
        objective = Objective(net, {"style": 7.0 * style(net, pink(*SIZE), layers)})
        weights = objective.balanced(pink(*SIZE, seed=3), {"style": 1}).weights
        assert weights["style/block1_conv1"] == pytest.approx(3 * weights["style/block2_conv1"])

    def test_single_terms_can_be_given_shares(self, whole, pink):
        image = pink(*SIZE, seed=3)
        layers = [f"style/block{i}_conv1" for i in (1, 2, 3)]
        shares = {"content": 1, "variation": 1, **dict.fromkeys(layers, 2)}
        balanced = whole().balanced(image, shares)
        for path in layers:
            assert self.norm(balanced, image, path) == pytest.approx(0.25, rel=1e-9)

    def test_a_share_of_zero_is_a_weight_of_zero(self, whole, pink):
        shares = {"content": 0, "style": 1, "variation": 0}
        balanced = whole().balanced(pink(*SIZE, seed=1), shares)
        assert balanced.weights["variation"] == balanced.weights["content/block3_conv1"] == 0

    @pytest.mark.parametrize(
        ("shares", "complaint"),
        [
            ({"contend": 1}, "unknown term 'contend'; did you mean 'content'"),
            ({"content": 1, "style": 1}, "variation is not named"),
            ({"style": 1, "style/block1_conv1": 1}, "named"),
            ({"content": -1, "style": 1, "variation": 1}, "not negative"),
            ({"content": 0, "style": 0, "variation": 0}, "all zero"),
        ],
    )
    def test_wrong_shares(self, whole, pink, shares, complaint):
        with pytest.raises(ConfigError, match=complaint):
            whole().balanced(pink(*SIZE), shares)

    def test_a_term_at_its_target_cannot_be_balanced(self, whole, pink):
        shares = {"content": 1, "style": 1, "variation": 1}
        with pytest.raises(ConfigError, match="content has no finite gradient"):
            whole().balanced(pink(*SIZE, seed=1), shares)


class TestBadInputs:
    """One line each, with the way out."""

    def test_unknown_layer(self, chain, pink):
        with pytest.raises(ConfigError, match="did you mean 'block1_conv1'"):
            style(chain(), pink(16, 16), ["block1_conf1"])
        with pytest.raises(ConfigError, match="did you mean 'block1_conv1'"):
            Objective(chain(), {"content": Content("block1_conf1", np.zeros((1, 2, 2, 64)))})

    def test_layer_behind_the_end_of_the_chain(self, chain, pink):
        with pytest.raises(ConfigError, match="build it longer"):
            content(chain("block1_conv2"), pink(16, 16), ["block2_conv1"])

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"normalization": "hv"}, "unknown normalization 'hv'; did you mean 'hw'"),
            ({"distance": "summ"}, "unknown distance 'summ'; did you mean 'sum'"),
            ({"statistic": "gramm"}, "unknown statistic 'gramm'; did you mean 'gram'"),
            ({"statistic": "means", "normalization": "hw"}, "no meaning"),
        ],
    )
    def test_unknown_names(self, chain, pink, options, complaint):
        with pytest.raises(ConfigError, match=complaint):
            style(chain(), pink(16, 16), 1, **options)

    def test_content_of_another_size(self, chain, pink):
        net = chain(dtype="float64")
        objective = Objective(net, {"content": content(net, pink(16, 16), ["block2_conv1"])})
        with pytest.raises(ImageError, match="8x8 positions, but the image 8x9"):
            objective.loss_and_gradient(batch(pink(16, 18)))

    def test_raw_gram_of_another_size(self, chain, pink):
        net = chain(dtype="float64")
        raw = style(net, pink(16, 16), 1, normalization="raw")
        with pytest.raises(ImageError, match="256 positions of the style and 288 of the image"):
            Objective(net, {"style": raw}).loss_and_gradient(batch(pink(16, 18)))

    @pytest.mark.parametrize("normalization", ["hw", "chw", "keras"])
    def test_style_may_have_another_size(self, chain, pink, normalization):
        net = chain(dtype="float64")
        other = style(net, pink(16, 24), 2, normalization=normalization)
        same = style(net, pink(16, 16), 2, normalization=normalization)
        image = batch(pink(16, 16, seed=3))
        for part in (other, same):
            assert float(Objective(net, {"style": part}).loss_and_gradient(image)[0]) > 0

    @pytest.mark.parametrize("shape", [(14, 18, 3), (2, 14, 18, 3), (1, 14, 18, 4), (1, 2, 3, 3)])
    def test_not_an_image(self, whole, shape):
        with pytest.raises(ImageError):
            whole("float32").loss_and_gradient(tf.zeros(shape))

    def test_wrong_type(self, whole):
        with pytest.raises(ImageError, match="images are float64, but the chain float32"):
            whole("float32").loss_and_gradient(tf.zeros((1, *SIZE, 3), tf.float64))

    def test_not_a_picture(self, chain):
        with pytest.raises(ImageError, match="not \\(height, width, 3\\)"):
            style(chain(), np.zeros((16, 16)), 1)

    @pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
    def test_weights_out_of_range(self, weight):
        with pytest.raises(ConfigError, match="finite"):
            weight * TotalVariation()

    def test_weights_may_be_numbers_of_numpy(self):
        assert isinstance(np.float32(0.5) * TotalVariation(), Weighted)

    def test_names_of_groups(self):
        with pytest.raises(ConfigError, match="slash"):
            Group({"a/b": TotalVariation()})
        with pytest.raises(ConfigError, match="at least one"):
            Group({})

    def test_terms_take_names_and_check_them(self):
        with pytest.raises(ConfigError, match="unknown normalization"):
            Gram("block1_conv1", np.zeros((64, 64)), "whc")
