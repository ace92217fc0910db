"""What a flow takes to move images through a layer, as far as it can be told before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from decouple.flows.optimizers import Lbfgs, Optimizer
from decouple.flows.stopping import StopRule

if TYPE_CHECKING:
    from decouple.features.features import Features

EVALUATION = 2
"""Passes of a loss with its gradient."""
# Evaluations of an iteration of L-BFGS, line searches included.
_LINE_SEARCH = 1.25


@dataclass(frozen=True)
class Task:
    """All moves of one layer that a run asks for.

    Attributes
    ----------
    features : down to that layer
    walks : {stage: how often it moves the layer}
    pixels : of the image, H · W
    trained : whether the features are those of a trained network
    """

    features: Features
    walks: Mapping[str, int]
    pixels: int
    trained: bool = False


@dataclass(frozen=True)
class Cost:
    """What a task takes.

    Attributes
    ----------
    passes : of one image through the network, down to the layer
    weight : how many single passes in float32 take as long
    bound : whether it is the most that there may be, and not what is to be expected
    """

    passes: float
    weight: float
    bound: bool = False


def passes_of_descent(rule: StopRule, how: Optimizer, beside: float = 0) -> float:
    """The most passes of a descent; `beside` a loss with its gradient, so many an iteration."""
    evaluations = 1.0
    if isinstance(how, Lbfgs):
        evaluations = how.evaluations or _LINE_SEARCH
    passes = rule.max_iterations * (evaluations * EVALUATION + beside)
    return passes if rule.max_passes is None else min(passes, rule.max_passes)
