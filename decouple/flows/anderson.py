"""Anderson acceleration of a fixed-point iteration."""

from __future__ import annotations

import numpy as np

_REGULARIZATION = 1e-11
# Of the numbers that a residual is told in: 48 weights fitted to so many are within some percent of
# those fitted to all of an image.
_SKETCHED = 4096


class Anderson:
    """u ← u + g(u), accelerated over the last `memory` iterates.

    D. G. Anderson, J. ACM 12 (1965), in the type-II form of Walker & Ni, SIAM J. Numer. Anal. 49
    (2011). The normal equations are updated a row at a time; vectors have length `size`. The
    weights of long ones are fitted to sketches of the residuals, sums of their numbers with random
    signs (the count sketch of Clarkson & Woodruff, J. ACM 63, 2017), whose inner products are
    nearly theirs: that takes half of the time and of the memory.
    """

    def __init__(self, size: int, memory: int) -> None:
        self._signs: np.ndarray | None = None
        if size > _SKETCHED:
            self._signs = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), size)
        self._changes = np.empty((memory, min(size, _SKETCHED)))
        # In float32 they would cost self-transfers with ImageNet's filters 1 to 12 dB.
        self._moves = np.empty((memory, size))
        self._gram = np.zeros((memory, memory))
        self._count = 0
        self._previous: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @staticmethod
    def bytes_of(size: int, memory: int) -> int:
        """What it holds, of vectors of that length: signs, moves and sketches."""
        sketched = min(size, _SKETCHED)
        return size * (sketched < size) + 8 * memory * (size + sketched + memory)

    def restart(self) -> None:
        """Begin with another start or a problem near by: what was learnt of g's changes stays."""
        self._previous = None

    def next(self, u: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The next iterate, from the present one and its residual g(u)."""
        sketch = self._sketched(g)
        if self._previous is not None:
            last_u, last_g, last_sketch = self._previous
            slot = self._count % len(self._changes)
            self._count += 1
            used = min(self._count, len(self._changes))
            self._changes[slot] = sketch - last_sketch
            self._moves[slot] = (u - last_u) + (g - last_g)
            row = self._changes[:used] @ self._changes[slot]
            self._gram[slot, :used] = self._gram[:used, slot] = row
        self._previous = (u, g, sketch)
        used = min(self._count, len(self._changes))
        if used == 0:
            return u + g
        scale = np.sqrt(np.diag(self._gram)[:used])
        scale[scale == 0] = 1.0
        gram = self._gram[:used, :used] / np.outer(scale, scale)
        gram[np.diag_indices(used)] += _REGULARIZATION
        weights = np.linalg.solve(gram, self._changes[:used] @ sketch / scale) / scale
        return u + g - weights @ self._moves[:used]

    def _sketched(self, g: np.ndarray) -> np.ndarray:
        """Sums of its numbers with random signs; itself where it is short."""
        if self._signs is None:
            return g
        rows = -(-len(g) // _SKETCHED)
        signed = np.zeros(rows * _SKETCHED)
        np.multiply(g, self._signs, out=signed[: len(g)])
        return np.asarray(signed.reshape(rows, _SKETCHED).sum(axis=0))
