"""Means of channels in regions, as features."""

from __future__ import annotations

import numpy as np
import pytest

import decouple as dc
from decouple.errors import ConfigError
from decouple.features.region_means import RegionMeans, check_apart

HEIGHT, WIDTH = 16, 20
LEFT = np.zeros((HEIGHT, WIDTH))
LEFT[:, : WIDTH // 2] = 1


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return dc.load("sample:chelsea", size=HEIGHT).pixels[:, :WIDTH].astype(float)


@pytest.fixture
def features(chain) -> RegionMeans:
    return RegionMeans(chain("block2_conv1", dtype="float64"), 2, [LEFT, 1 - LEFT])


def test_they_do_what_features_must(features, image):
    assert features.sizes == (128, 256)
    assert max(dc.check_features(features, image).values()) < 1e-3


def test_those_of_the_halves_have_the_mean_of_all(features, chain, image):
    plain = dc.ChannelMeans(chain("block2_conv1", dtype="float64"), 2)
    whole, parts = (f.split(f.measure(image)) for f in (plain, features))
    for layer, values in parts.items():
        np.testing.assert_allclose(values.reshape(2, -1).mean(axis=0), whole[layer])
    alone = RegionMeans(features.network, 2, [np.ones((3, 3))])
    np.testing.assert_allclose(alone.measure(image), plain.measure(image))


def test_the_rows_of_the_jacobian_are_its_transpose_applied(features, image):
    point = features.linearize(image)
    rows = np.concatenate(list(features.jacobian_rows(point)))
    tangent = np.random.default_rng(0).normal(size=image.shape)
    np.testing.assert_allclose(rows @ tangent.ravel(), features.jvp(point, tangent), atol=1e-6)
    # What lies on the other side, beyond the network's reach, moves nothing.
    assert np.abs(rows[:64].reshape(-1, *image.shape)[:, :, WIDTH // 2 + 1 :]).max() == 0


def test_they_are_of_their_masks_and_alive_where_channels_are(features, image):
    other = RegionMeans(features.network, 2, [LEFT, LEFT[::-1, ::-1] + 0.1])
    assert features.identity != other.identity
    moved = features.movable(image, 1e-3)
    assert {layer: kept.size for layer, kept in moved.items()} == dict(
        zip(features.layers, features.sizes, strict=True)
    )
    assert all(kept.mean() > 0.9 for kept in moved.values())


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        ([], "need masks"),
        ([LEFT, LEFT[1:]], "all of one size"),
        ([0 * LEFT], "mask 1 is 0 everywhere"),
        ([-LEFT], "not negative"),
        ([LEFT[0]], "is \\(H, W\\)"),
    ],
)
def test_what_is_no_mask_is_refused(features, masks, said):
    with pytest.raises(ConfigError, match=said):
        RegionMeans(features.network, 2, masks)


def test_regions_must_be_told_apart(features):
    check_apart(features, HEIGHT, WIDTH)
    alike = RegionMeans(features.network, 2, [LEFT, LEFT + 0.01])
    with pytest.raises(ConfigError, match="block1_conv1 cannot tell them apart"):
        check_apart(alike, HEIGHT, WIDTH)
