"""How many threads NumPy's and SciPy's linear algebra has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep NumPy's and SciPy's linear algebra to one thread within the block.

    Small products between two passes gain nothing from more, and OpenBLAS's threads go on spinning
    for a while after each, on the cores on which TensorFlow computes by then.
    """
    with _pools().limit(limits=1, user_api="blas"):
        yield
