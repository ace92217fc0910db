"""K from tiles: a sample of the image's pixels, of their own derivatives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import eigh

from decouple.features import tiles
from decouple.stages import noise_image


@pytest.fixture
def small_tiles(monkeypatch):
    """Sixteen tiles of 16 pixels a side through two layers: a third of 112×112."""
    monkeypatch.setattr(tiles, "_SIDE", 8)


@pytest.mark.parametrize("pooling", ["average", "max", "l2"])
def test_inside_a_window_derivatives_are_those_of_the_whole(extractor, grained, pooling):
    net = extractor(2, "float64", "softplus", pooling)
    chain, image = net.network, grained(40, 46)
    point = net.linearize(image)
    top, left, side = 14, 20, 24
    window = chain.window(point.linearization[0], top, left, side)
    tile = replace(point, shape=(side, side, 3), linearization=(window, ()))
    cotangent = np.random.default_rng(0).normal(size=net.size)
    inside = np.s_[chain.reach : side - chain.reach]
    # A mean over the tile has larger gradients than one over the image.
    share = side**2 / image[..., 0].size
    found = share * net.vjp(tile, cotangent)[inside, inside]
    whole = net.vjp(point, cotangent)[top : top + side, left : left + side]
    np.testing.assert_allclose(found, whole[inside, inside], rtol=1e-9, atol=1e-12)
    # One pixel more would be wrong: the border is no wider than it must be.
    edge = np.abs(share * net.vjp(tile, cotangent) - whole)
    assert edge[chain.reach - 1].max() > 1e-9


def test_they_tell_k_nearly(extractor, grained, small_tiles):
    net, size = extractor(2), (112, 112)
    noise = net.linearize(0.3 * grained(*size) + 0.7 * noise_image(*size, seed=3))
    assert 0 < net.share_estimated(112**2) < 0.5
    eigenvalues = eigh(
        net.normal_matrix(noise), net.estimated_normal_matrix(noise), eigvals_only=True
    )
    assert 0.4 < eigenvalues.min() < eigenvalues.max() < 2.5


def test_passes_are_counted_by_the_share(extractor, grained, small_tiles):
    net = extractor(2)
    point = net.linearize(grained(112, 112))
    before = net.passes.count
    net.estimated_normal_matrix(point)
    assert net.passes.count - before == np.ceil(192 * net.share_estimated(112**2))


@pytest.mark.parametrize(("layers", "size"), [(1, (112, 112)), (2, (64, 64)), (2, (12, 900))])
def test_of_the_first_layer_and_of_small_or_narrow_images_it_is_exact(
    extractor, pink, small_tiles, layers, size
):
    net = extractor(layers)
    point = net.linearize(pink(*size))
    np.testing.assert_array_equal(net.estimated_normal_matrix(point), net.normal_matrix(point))
