"""Anderson acceleration of a fixed-point iteration."""

from __future__ import annotations

import numpy as np

_REGULARIZATION = 1e-11


class Anderson:
    """u ← u + g(u), accelerated over the last `memory` iterates.

    D. G. Anderson, J. ACM 12 (1965), in the type-II form of Walker & Ni, SIAM J. Numer. Anal. 49
    (2011). The normal equations are updated a row at a time; vectors have length `size`.
    """

    def __init__(self, size: int, memory: int) -> None:
        self._changes = np.empty((memory, size))
        self._moves = np.empty((memory, size))
        self._gram = np.zeros((memory, memory))
        self._count = 0
        self._previous: tuple[np.ndarray, np.ndarray] | None = None

    def restart(self) -> None:
        """Begin with another start or a problem near by: what was learnt of g's changes stays."""
        self._previous = None

    def next(self, u: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The next iterate, from the present one and its residual g(u)."""
        if self._previous is not None:
            slot = self._count % len(self._changes)
            self._count += 1
            used = min(self._count, len(self._changes))
            self._changes[slot] = g - self._previous[1]
            self._moves[slot] = (u - self._previous[0]) + self._changes[slot]
            row = self._changes[:used] @ self._changes[slot]
            self._gram[slot, :used] = self._gram[:used, slot] = row
        self._previous = (u, g)
        used = min(self._count, len(self._changes))
        if used == 0:
            return u + g
        scale = np.sqrt(np.diag(self._gram)[:used])
        scale[scale == 0] = 1.0
        gram = self._gram[:used, :used] / np.outer(scale, scale)
        gram[np.diag_indices(used)] += _REGULARIZATION
        weights = np.linalg.solve(gram, self._changes[:used] @ g / scale) / scale
        return u + g - weights @ self._moves[:used]
