"""How alike the features of two images are, beside those of images that have nothing in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from decouple.features.features import Features


@dataclass(frozen=True)
class Likeness:
    """How near features are to those that are wanted.

    Attributes
    ----------
    relative_mse : {layer: mean square of the difference, in units of that of what is wanted}
    spearman : {layer: rank correlation over its features}, of layers where there is one
    """

    relative_mse: dict[str, float]
    spearman: dict[str, float]

    @property
    def snr_db(self) -> float:
        """−10 log10 of the largest relative error of a layer; infinite where all are equal."""
        largest = max(self.relative_mse.values())
        return -10 * math.log10(largest) if largest > 0 else math.inf

    @property
    def least_spearman(self) -> float:
        """Of the layer that is least alike; NaN where no layer has an order."""
        return min(self.spearman.values(), default=math.nan)


def likeness(extractor: Features, features: np.ndarray, wanted: np.ndarray) -> Likeness:
    """How near features (C,) are to others."""
    pairs = zip(extractor.split(features).items(), extractor.split(wanted).values(), strict=True)
    found = {layer: rank_correlation(own, other) for (layer, own), other in pairs}
    return Likeness(
        relative_mse(extractor, features, wanted), {k: v for k, v in found.items() if v is not None}
    )


def of_unrelated(extractor: Features, images: Sequence[np.ndarray]) -> list[Likeness]:
    """The null distribution: every ordered pair of images (H, W, 3) that are not related."""
    measured = [extractor.measure(image) for image in images]
    return [likeness(extractor, *pair) for pair in permutations(measured, 2)]


def relative_mse(extractor: Features, features: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """{layer: mean square of f − v, in units of that of v}, of features (C,)."""
    errors, units = extractor.mean_square(features - wanted), extractor.mean_square(wanted)
    return {
        layer: error / units[layer] if units[layer] > 0 else math.inf if error > 0 else 0.0
        for layer, error in errors.items()
    }


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's, of two vectors (C,), −1 to 1; None where one of them has no order.

    >>> rank_correlation(np.array([1, 2, 3]), np.array([1, 10, 100]))
    1.0
    """
    from scipy.stats import rankdata  # takes half a second, which other runs are spared

    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (a, b)]
    size = math.sqrt(float(ranks[0] @ ranks[0]) * float(ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1]) / size if size > 0 else None
