"""K = J Jᵀ of a large image, estimated from tiles spread over it.

K is a sum over pixels. Where it only preconditions, a sample of them does: of images with noise's
first layer, in which all places look much alike, a quarter of 512×512 pixels meets K within factors
of 0.7 and 1.4 in every direction, at two layers. The sample does not grow with the image.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from scipy.stats import qmc

from decouple.features.extractor import Extractor, Point

# A side of a tile, in positions of the deepest layer: several times what is cut off all around,
# where the pixels' derivatives are not whole.
_SIDE = 32
_TILES = 16
# A sample of more than this share of the pixels is not worth its error.
_LARGEST_SHARE = 0.5


def share_of_tiles(extractor: Extractor, pixels: int) -> float:
    """Of an image of so many pixels, the share that `gram_of_tiles` looks at.

    All of a small one. And of the first layer's K, whose rows cost next to nothing, and which is
    needed at photographs, where no two places are alike.

    >>> import decouple as dc
    >>> extractor = dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block2_conv1"), layers=2)
    >>> [share_of_tiles(extractor, side**2) for side in (150, 512, 1024)]
    [1.0, 0.25, 0.0625]
    """
    share = _TILES * _side(extractor) ** 2 / pixels
    return share if len(extractor.layers) > 1 and share <= _LARGEST_SHARE else 1.0


def gram_of_tiles(extractor: Extractor, point: Point) -> np.ndarray:
    """K, (C, C) float64, as far as tiles tell; of a small image all of it.

    Passes are counted by the share of the image that they go through.
    """
    height, width, _ = point.shape
    side = _side(extractor)
    share = share_of_tiles(extractor, height * width)
    if share == 1.0 or side > min(height, width):
        return extractor.gram(point)
    chain = extractor.chain
    inside = slice(chain.reach, side - chain.reach)
    passes = extractor.passes.count
    total = np.zeros((extractor.size, extractor.size))
    # Quasi-random places, evenly spread for any shape and number (Halton 1960), which are on the
    # grid of the deepest layer.
    for place in qmc.Halton(2, scramble=False).random(_TILES):
        free = (np.array([height, width]) - side) // chain.stride
        top, left = (place * (free + 1)).astype(int) * chain.stride
        window = chain.window(point.linearization, top, left, side)
        tile = Point((side, side, 3), window, point.features, ())
        rows = np.concatenate(list(extractor.jacobian_rows(tile)))
        rows = rows.reshape(-1, side, side, 3)[:, inside, inside].reshape(len(rows), -1)
        total += rows @ rows.T
    extractor.passes.count = passes + ceil(extractor.size * share)
    # A mean's gradients are 1/positions of the tile, and should be of the image.
    scale = (side**2 / (height * width)) ** 2
    seen = _TILES * (side - 2 * chain.reach) ** 2
    return total * scale * (height * width / seen)


def _side(extractor: Extractor) -> int:
    """Of a tile, in pixels."""
    return _SIDE * extractor.chain.stride
