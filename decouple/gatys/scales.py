"""Coarse to fine: the sizes at which an image is optimized before it is at its own.

A small image takes up the style's large shapes, which at full size lie beyond what the network's
layers see at once (Gatys et al. 2017, arXiv 1611.07865, section 6); each scale begins where the
one before ended.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Pyramid(NamedTuple):
    """How far apart an image's sizes are, and how many there are by themselves.

    Attributes
    ----------
    factor : from one to the next
    from_side : shorter side in pixels from which on there are several by themselves
    coarsest_side : that of the coarsest then, at least
    """

    factor: float
    from_side: int
    coarsest_side: int

    def number(self, setting: int | str, side: int) -> int:
        """How many sizes an image goes through, its own included.

        >>> [STYLE.number("auto", side) for side in (511, 512, 724, 1024)]
        [1, 5, 6, 7]
        >>> [MATCHED.number("auto", side) for side in (127, 128, 256, 512)]
        [1, 2, 3, 4]
        >>> STYLE.number(3, 64)
        3

        Parameters
        ----------
        setting : that number, or `auto`
        side : the image's shorter side in pixels
        """
        if setting != "auto":
            return int(setting)
        if side < self.from_side:
            return 1
        # A hair's breadth more, as a root is rounded.
        return 1 + math.floor(math.log(side / self.coarsest_side, self.factor) + 1e-3)

    def scales(self, count: int) -> list[float]:
        """The sizes, in units of the image's own, coarse to fine; the last is 1.

        >>> [round(scale, 3) for scale in STYLE.scales(4)]
        [0.354, 0.5, 0.707, 1.0]
        """
        return [self.factor**-k for k in reversed(range(count))]


# Of descents of a loss. Factor and coarsest side are those of crowsonkb/style-transfer-pytorch. Not
# coarser: at 256 px (ImageNet's filters, five layers) Gram matrices of bricks come as near in 60
# iterations as in 500, if the image was at 64 and 128 px before; but there they hold more numbers
# than it has values, and textures of tissue and galaxies lie as in the source.
STYLE = Pyramid(math.sqrt(2), 512, 128)
# Of means that are matched: bricks at 256 px (ImageNet's filters, five layers) that begin so are
# after 60 iterations where they were after 300, and the coarser ones take as long as forty. A
# factor of √2 would take as many iterations at each of twice as many sizes.
MATCHED = Pyramid(2.0, 128, 64)


def scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Height and width of an image (H, W, 3) at a scale, in whole pixels."""
    return round(scale * shape[0]), round(scale * shape[1])
