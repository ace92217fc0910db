"""Coarse to fine: the sizes at which an image is optimized before it is at its own.

A small image takes up the style's large shapes, which at full size lie beyond what the network's
layers see at once (Gatys et al. 2017, arXiv 1611.07865, section 6); each scale begins where the
one before ended. The factor √2 between two of them and the shortest side of 128 px are those of
crowsonkb/style-transfer-pytorch.
"""

from __future__ import annotations

import math

FACTOR = math.sqrt(2)
# Shorter sides in pixels: from where on scales are used by themselves, and of the coarsest then.
FROM_SIDE, COARSEST_SIDE = 512, 128


def number_of_scales(setting: int | str, side: int) -> int:
    """How many sizes an image goes through, its own included.

    >>> [number_of_scales("auto", side) for side in (511, 512, 724, 1024)]
    [1, 5, 6, 7]
    >>> number_of_scales(3, 64)
    3

    Parameters
    ----------
    setting : that number, or `auto`: 1 below 512 px, else as many as keep the coarsest at 128
    side : the image's shorter side in pixels
    """
    if setting != "auto":
        return int(setting)
    if side < FROM_SIDE:
        return 1
    # A hair's breadth more, as √2 is rounded.
    return 1 + math.floor(math.log(side / COARSEST_SIDE, FACTOR) + 1e-3)


def scales(count: int) -> list[float]:
    """The sizes, in units of the image's own, coarse to fine; the last is 1.

    >>> [round(scale, 3) for scale in scales(4)]
    [0.354, 0.5, 0.707, 1.0]
    """
    return [FACTOR**-k for k in reversed(range(count))]


def scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Height and width of an image (H, W, 3) at a scale, in whole pixels."""
    return round(scale * shape[0]), round(scale * shape[1])
