"""The objective of a run of the Gatys family, with its weights, and where it is descended from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from decouple.gatys import (
    Group,
    Objective,
    Part,
    TotalVariation,
    Weighted,
    content,
    style,
    weighted_mean,
)
from decouple.known_weights import are_imagenets
from decouple.pipeline.asked import layers_of
from decouple.pipeline.inputs import Inputs
from decouple.stages import noise_image

# Standard deviation of the noise under which an objective is balanced, in units of the image's
# range. Content has no gradient at the content picture itself, and total variation next to none
# in its flat areas.
BALANCE_NOISE = 0.1


def objective_of(inputs: Inputs, statistic: str, start: np.ndarray) -> tuple[Objective, str]:
    """The objective with its weights, and one line on how they were found.

    Raises
    ------
    ConfigError : a term that has a share has no gradient.
    """
    settings, objective = inputs.config.gatys, plain_objective(inputs, statistic)
    if not balances(inputs):
        return objective, "raw, as gatys.*.weight has them"
    shares = {name: float(settings[name].share) for name in objective.tree.parts}
    height, width = start.shape[:2]
    noise = np.sqrt(12) * (noise_image(height, width, inputs.config.seed, draw=1) - 0.5)
    place = start if settings.start == "noise" else start + BALANCE_NOISE * noise
    return objective.balanced(place, shares), (
        f"balanced, such that the initial gradient consists of {_shares(shares)}"
    )


def balances(inputs: Inputs) -> bool:
    """Whether weights are found from shares of the gradient."""
    weights = inputs.config.gatys.weights
    return weights == "balanced" or (weights == "auto" and not are_imagenets(inputs.weights))


def terms_of(inputs: Inputs) -> list[str]:
    """Names of the objective's terms; one whose weight, or share, is 0 is left out."""
    used = "share" if balances(inputs) else "weight"
    names = ("content", "style", "variation")
    return [name for name in names if inputs.config.gatys[name][used] > 0]


def plain_objective(inputs: Inputs, statistic: str) -> Objective:
    """The objective of those terms with raw weights."""
    settings, chain = inputs.config.gatys, inputs.chain
    wanted, texture, smooth = settings.content, settings.style, settings.variation
    layers = layers_of(wanted.layers, chain.architecture)
    described = {
        "statistic": statistic,
        "normalization": texture.normalization if statistic == "gram" else None,
        "distance": texture.distance,
    }
    scale = smooth.scale if isinstance(smooth.scale, int | float) else tuple(smooth.scale)
    exponent = {"exponent": smooth.exponent} if smooth.form == "power" else {}
    parts: dict[str, Callable[[], Part]] = {
        "content": lambda: content(chain, inputs.target, layers, wanted.distance),
        "style": lambda: _style(inputs, described),
        "variation": lambda: TotalVariation(smooth.form, scale=scale, **exponent),
    }
    weighted = {name: Weighted(settings[name].weight, parts[name]()) for name in terms_of(inputs)}
    return Objective(chain, weighted)


def _style(inputs: Inputs, described: Mapping[str, Any]) -> Group:
    """What is wanted of the sources, their weighted mean where there are several.

    Of regions the mean of what is wanted in each.
    """
    layers = inputs.extractor.layers
    if inputs.regions:
        return Group(
            {
                f"region_{number}": Weighted(
                    1 / len(inputs.regions),
                    style(
                        inputs.chain,
                        inputs.seen[region.role],
                        layers,
                        mask=region.mask,
                        within=region.within,
                        **described,
                    ),
                )
                for number, region in enumerate(inputs.regions, start=1)
            }
        )
    return weighted_mean(
        [
            (weight, style(inputs.chain, inputs.seen[role], layers, **described))
            for role, weight in inputs.sources.items()
        ]
    )


def start_image(inputs: Inputs) -> np.ndarray:
    """Where the optimization begins, (H, W, 3) of the target's shape, float64."""
    start = inputs.config.gatys.start
    if start == "noise":
        height, width = inputs.target.shape[:2]
        image = noise_image(height, width, inputs.config.seed)
    elif start == "content":
        image = inputs.target
    else:
        image = inputs.seen["source" if start == "style" else "start"]
    return image.astype(np.float64)


def _shares(shares: Mapping[str, float]) -> str:
    total = sum(shares.values())
    return ", ".join(f"{100 * share / total:.3g} % {name}" for name, share in shares.items())
