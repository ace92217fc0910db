import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.networks.architecture import VGG16, VGG19, Conv, Pool, architecture

FIRST = tuple(f"block{block}_conv1" for block in range(1, 6))


@pytest.mark.parametrize(("net", "convolutions"), [(VGG16, 13), (VGG19, 16)])
def test_topology_is_that_of_the_paper(net, convolutions):
    assert len(net.convolutions) == convolutions
    assert sum(isinstance(layer, Pool) for layer in net.layers) == 5
    filters = {conv.name: conv.filters for conv in net.convolutions}
    assert [filters[name] for name in FIRST] == [64, 128, 256, 512, 512]


@pytest.mark.parametrize("net", [VGG16, VGG19])
def test_topology_is_that_of_keras(net):
    import keras

    model = getattr(keras.applications, net.name.upper())(weights=None, include_top=False)
    theirs = [layer.name for layer in model.layers if layer.name.startswith("block")]
    assert [layer.name for layer in net.layers] == theirs


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (1, FIRST[:1]),
        (5, FIRST),
        ("3", FIRST[:3]),
        ("block4_conv2", ("block4_conv2",)),
        (["block3_conv1", "block1_conv2"], ("block1_conv2", "block3_conv1")),
        (("block5_conv1", "block4_conv4", "block1_conv1"),
         ("block1_conv1", "block4_conv4", "block5_conv1")),
    ],
)  # fmt: skip
def test_layers_are_resolved_in_the_networks_order(asked, names):
    assert VGG19.resolve_layers(asked) == names


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (0, "1 to 5"),
        (6, "1 to 5"),
        (-1, "1 to 5"),
        ("0", "1 to 5"),
        ("9", "1 to 5"),
        (True, "True"),
        (False, "False"),
        ([], "empty"),
        ("", "unknown layer"),
        (["block1_conv1", "block2_conv1", "block1_conv1"], "twice"),
        (["block1_conv1", "block2_pool"], "block2_pool"),
        ("block2_con1", "did you mean 'block2_conv1'"),
        (["block1_conv1", "blok4_conv1"], "did you mean 'block4_conv1'"),
        (["relu1_1"], "did you mean 'block1_conv1'"),
        ("conv1_1", "did you mean 'block1_conv1'"),
        (["block1_conv1", "Conv4_2"], "did you mean 'block4_conv2'"),
        ("r52", "did you mean 'block5_conv2'"),
        ("relu_3-4", "did you mean 'block3_conv4'"),
    ],
)
def test_layers_that_do_not_exist_are_refused_in_one_line(asked, says):
    with pytest.raises(ConfigError) as caught:
        VGG19.resolve_layers(asked)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layer_of_the_other_network_is_refused():
    VGG19.until("block3_conv4")
    with pytest.raises(ConfigError, match="layer of vgg16"):
        VGG16.until("block3_conv4")


def test_until_ends_with_the_layer():
    layers = VGG19.until("block2_conv1")
    assert [layer.name for layer in layers] == [
        "block1_conv1",
        "block1_conv2",
        "block1_pool",
        "block2_conv1",
    ]
    assert isinstance(layers[-1], Conv)


def test_unknown_networks_get_a_hint():
    assert architecture("vgg16") is VGG16
    with pytest.raises(ConfigError, match="did you mean 'vgg19'"):
        architecture("vgg-19")


def test_chains_stop_where_told_and_share_numbers(chain):
    longer = chain("block3_conv1")
    shorter = longer.until("block1_conv2")
    assert shorter.last == "block1_conv2"
    assert [layer.name for layer in shorter.layers] == ["block1_conv1", "block1_conv2"]
    assert shorter.weights is longer.weights
    assert shorter._filters["block1_conv1"] is longer._filters["block1_conv1"]
    assert longer.last == "block3_conv1"
    assert longer.until("block3_conv1") is longer
    image = np.random.default_rng(0).random((1, 8, 10, 3), np.float32)
    (one,) = shorter.forward(image, ["block1_conv2"])
    assert one.shape == (1, 8, 10, 64)
    np.testing.assert_array_equal(one, longer.forward(image, ["block1_conv2"])[0])


@pytest.mark.parametrize("ask", ["block2_cov1", "block1_pool"])
def test_chains_refuse_unknown_layers(chain, ask):
    with pytest.raises(ConfigError, match="unknown layer of vgg19"):
        chain("block3_conv1").until(ask)


def test_a_chain_cannot_be_prolonged(chain):
    """Its numbers end where it ends."""
    with pytest.raises(ConfigError, match="block2_conv1"):
        chain("block2_conv1").until("block5_conv1")
