"""References and decoupled features know whose they are."""

import dataclasses

import numpy as np
import pytest

from decouple.errors import ConfigError
from decouple.features import ChannelMeans, LayerStatistics
from decouple.networks.activations import Activation
from decouple.networks.architecture import VGG16
from decouple.networks.chain import Chain
from decouple.stages import DecoupledFeatures, Reference, impose, mix, noise_reference, noisify

ONE, TWO = "block1_conv1", "block2_conv1"


@pytest.fixture(scope="module")
def others(chain, calibrated_weights, two):
    """Features with layers of the same names and sizes, which are not the same."""
    changed = dataclasses.replace(calibrated_weights, digest="0" * 64)
    first = np.arange(64) > 0
    return {
        "network": ChannelMeans(Chain(VGG16, TWO, calibrated_weights), 2),
        "weights": ChannelMeans(Chain(chain(TWO).architecture, TWO, changed), 2),
        "activation": ChannelMeans(
            Chain(chain(TWO).architecture, TWO, calibrated_weights, Activation.RELU), 2
        ),
        "channels": two.masked({ONE: first, TWO: np.ones(128, bool)}),
    }


@pytest.mark.parametrize("what", ["network", "weights", "activation", "channels"])
def test_anothers_reference_is_refused_with_both_named(what, others, source, reference):
    with pytest.raises(ConfigError, match=f"other features.*{what}.*not of.*{what}") as error:
        noisify(source, others[what], reference)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("what", ["network", "weights", "activation"])
def test_anothers_features_are_refused(what, others, taken):
    own = noise_reference(others[what], (32, 44))
    with pytest.raises(ConfigError, match=f"features to impose belong to other.*{what}"):
        impose(taken.image, taken.features, others[what], own)


def test_anothers_are_not_mixed(others, taken, source):
    other = others["network"]
    own = noise_reference(other, (32, 44))
    theirs = noisify(source, other, own, features_only=True, comes_back=False)
    with pytest.raises(ConfigError, match="different networks"):
        mix(theirs.features, taken.features, {ONE: 0.5})


def test_fewer_layers_and_more_exact_ones_are_the_same(two, reference, taken):
    np.testing.assert_array_equal(reference.vector(two.first(1)), reference.features[ONE])
    reference.vector(two.in_float64())
    assert taken.features.signature == two.signature


def test_those_made_by_hand_are_anyones(two, taken):
    made = Reference(taken.features.values, 32, 44, seed=0, draws=1)
    made.vector(two)
    assert not DecoupledFeatures(taken.features.values).signature


def test_the_factor_at_the_noise_is_not_anothers(chain, two, reference):
    """Kept for each kind of features, and not for the names of its layers."""
    other = ChannelMeans(chain(TWO, "relu", "max"), 2)
    own, theirs = (reference.factor(net, 1, 32 * 44 * 3) for net in (two, other))
    residual = np.ones(64)
    assert own.distance(residual) != pytest.approx(theirs.distance(residual), rel=1e-3)


def test_a_statistic_is_part_of_it(chain):
    kinds = [
        LayerStatistics(chain(TWO), 1, name, most).identity["statistic"]
        for name, most in (("means", 9), ("gram", 9), ("gram", 10), ("moments", 9))
    ]
    assert len(set(kinds)) == 4
