"""Weights of several pictures, as shares of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from decouple.errors import ConfigError


def shares_of(weights: Sequence[float], what: str) -> list[float]:
    """Weights, scaled to the sum 1.

    Parameters
    ----------
    weights : at least one is positive, none negative
    what : they are, in a message

    Raises
    ------
    ConfigError : they are not so.

    >>> shares_of([1, 3], "weights of pictures")
    [0.25, 0.75]
    """
    if not all(0 <= weight < math.inf for weight in weights) or not sum(weights) > 0:
        raise ConfigError(f"{what} must be finite numbers, none negative and not all 0")
    return [weight / sum(weights) for weight in weights]
