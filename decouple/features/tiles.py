"""The normal matrix K = J Jᵀ of a large image, estimated from tiles spread over it.

K is a sum over pixels. Where it only preconditions, a sample of them does: of images with noise's
first layer, in which all places look much alike, a quarter of 512×512 pixels meets K within factors
of 0.7 and 1.4 in every direction, at two layers. The sample does not grow with the image.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from decouple.networks.chain import Chain

if TYPE_CHECKING:
    from decouple.features.extractor import Extractor
    from decouple.features.features import Point

# A side of a tile, in positions of the deepest layer: several times what is cut off all around,
# where the pixels' derivatives are not whole.
_SIDE = 32
_TILES = 16
# A sample of more than this share of the pixels is not worth its error.
_LARGEST_SHARE = 0.5


def share_of_tiles(extractor: Extractor, pixels: int) -> float:
    """See `Extractor.share_estimated`."""
    share = _TILES * _side(extractor) ** 2 / pixels
    # Only of means of channels are gradients cut off at a tile's border those of a whole image.
    cut = extractor.one_a_channel and extractor.network.stride > 1
    return share if cut and share <= _LARGEST_SHARE else 1.0


def normal_matrix_of_tiles(extractor: Extractor, point: Point) -> np.ndarray:
    """See `Extractor.estimated_normal_matrix`."""
    height, width, _ = point.shape
    side = _side(extractor)
    share = share_of_tiles(extractor, height * width)
    if share == 1.0 or side > min(height, width):
        return extractor.normal_matrix(point)
    from scipy.stats import qmc  # takes most of a second, which small images are spared

    network = extractor.network
    assert isinstance(network, Chain)  # no other has a stride
    inside = slice(network.reach, side - network.reach)
    passes = extractor.passes.count
    total = np.zeros((extractor.size, extractor.size))
    # Quasi-random places, evenly spread for any shape and number (Halton 1960), which are on the
    # grid of the deepest layer.
    for place in qmc.Halton(2, scramble=False).random(_TILES):
        free = (np.array([height, width]) - side) // network.stride
        top, left = (place * (free + 1)).astype(int) * network.stride
        window = network.window(point.linearization[0], top, left, side)
        tile = replace(point, shape=(side, side, 3), linearization=(window, ()), at=())
        rows = np.concatenate(list(extractor.jacobian_rows(tile)))
        rows = rows.reshape(-1, side, side, 3)[:, inside, inside].reshape(len(rows), -1)
        total += rows @ rows.T
    extractor.passes.count = passes + ceil(extractor.size * share)
    # A mean's gradients are 1/positions of the tile, and should be of the image.
    scale = (side**2 / (height * width)) ** 2
    seen = _TILES * (side - 2 * network.reach) ** 2
    return total * scale * (height * width / seen)


def _side(extractor: Extractor) -> int:
    """Of a tile, in pixels."""
    return _SIDE * extractor.network.stride
