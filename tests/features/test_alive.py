"""Which features can be moved, and which are left out."""

import dataclasses

import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.features import ChannelMeans, alive_on
from decouple.networks.architecture import VGG19
from decouple.networks.chain import Chain

ONE, TWO = "block1_conv1", "block2_conv1"


@pytest.fixture(scope="module")
def image(pink):
    return pink(14, 19, seed=1)


@pytest.fixture(scope="module")
def with_dead(calibrated_weights):
    """Channels 3 and 60 of block1_conv1 and 17 of block2_conv1 never fire."""
    biases = {name: bias.copy() for name, bias in calibrated_weights.biases.items()}
    biases[ONE][[3, 60]] -= 1e3
    biases[TWO][17] -= 1e4
    weights = dataclasses.replace(calibrated_weights, biases=biases)
    return ChannelMeans(Chain(VGG19, TWO, weights), 2)


def test_dead_channels_are_left_out(with_dead, image, pink):
    alive = alive_on(with_dead, [image, pink(14, 19, seed=9)], min_slope=1e-3)
    assert list(np.flatnonzero(~alive[ONE])) == [3, 60]
    assert list(np.flatnonzero(~alive[TWO])) == [17]
    masked = with_dead.masked(alive)
    assert masked.sizes == (62, 127)
    matrix = with_dead.normal_matrix(with_dead.linearize(image))
    assert matrix[3, 3] == 0
    assert np.linalg.eigvalsh(masked.normal_matrix(masked.linearize(image))).min() > 0


def test_a_channel_that_answers_at_less_than_two_positions_is_left_out(calibrated_weights, image):
    """On a small map the tails of its activation alone are more than a small mean slope."""
    for shift in np.arange(0.0, 10.0, 0.125):
        biases = {name: bias.copy() for name, bias in calibrated_weights.biases.items()}
        biases[TWO][17] -= shift
        weights = dataclasses.replace(calibrated_weights, biases=biases)
        net = ChannelMeans(Chain(VGG19, TWO, weights), 2)
        slope, positions = float(net.mean_slopes(image)[TWO][17]), 7 * 9
        if slope * positions < 2:
            break
    assert 1 / positions < slope < 2 / positions
    assert not alive_on(net, [image], min_slope=1e-3)[TWO][17]
    assert alive_on(net, [image], min_slope=0)[TWO][17]


def test_one_image_is_enough_to_leave_a_channel_out(extractor, image):
    net = extractor(1)
    slopes = [net.mean_slopes(picture)[ONE] for picture in (image, 1 - image)]
    limit = float(np.quantile(slopes[0], 0.2))
    alive = alive_on(net, [image, 1 - image], limit)[ONE]
    np.testing.assert_array_equal(alive, (slopes[0] > limit) & (slopes[1] > limit))
    assert 0 < alive.sum() < 64


def test_slopes_are_shares_of_active_positions_for_relu(extractor, chain, image):
    net = extractor(2, "float64", "relu", "max")
    taken = chain("block2_conv1", "relu", "max", "float64").forward(image[None], net.layers)
    for layer, activation in zip(net.layers, taken, strict=True):
        share = (activation.numpy() > 0).mean((0, 1, 2))
        np.testing.assert_allclose(net.mean_slopes(image)[layer], share, rtol=1e-12)


def test_nothing_left_is_told(extractor, image):
    with pytest.raises(ConfigError, match=r"no channel of block1_conv1.*min_slope"):
        alive_on(extractor(2), [image], min_slope=1.0)


def test_a_masked_extractor_can_be_asked_again(with_dead, image):
    """The mask of a masked extractor still speaks of all channels."""
    once = with_dead.masked(alive_on(with_dead, [image], 1e-3))
    again = alive_on(once, [image], 1e-3)
    np.testing.assert_array_equal(again[ONE], once.alive[ONE])
    np.testing.assert_array_equal(again[TWO], once.alive[TWO])
