"""Gram matrices, channel means and decoupled features, side by side on one pair of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError, unknown_name
from decouple.experiments.gatys import STATISTICS
from decouple.experiments.gatys import check as check_gatys
from decouple.experiments.registry import COMPARED, Experiment, register
from decouple.flows.lift import STEPPERS
from decouple.flows.optimizers import KERAS
from decouple.parsing import check_passes

TRANSFERS = ("lift", "projected", "gradient")
"""How noisified transfers move the image; other methods optimize a statistic of the style."""


@dataclass
class CompareStylesConfig:
    """methods: FLOW:STEPPER, FLOW:OPTIMIZER or STATISTIC:OPTIMIZER; passes: a method's budget.

    passes: null gives every method that descends a loss as many network passes as the first
    method took. held_out: layers that no method uses, at which all are measured.
    """

    methods: list[str] = field(
        default_factory=lambda: ["lift:auto", "projected:lbfgs", "gram:lbfgs", "means:lbfgs"]
    )
    passes: int | None = None
    held_out: Any = field(default_factory=lambda: ["block3_conv3"])


def split_compared(method: str) -> tuple[str, str]:
    """A method, in what moves or describes and how it steps.

    Raises
    ------
    ConfigError : there is no such method, or it does not step so.
    """
    kind, _, how = str(method).partition(":")
    if kind not in (*TRANSFERS, *STATISTICS):
        raise ConfigError(unknown_name("method of compare", kind, [*TRANSFERS, *STATISTICS]))
    known = ["auto", *STEPPERS] if kind == "lift" else [*KERAS, "lbfgs"]
    if how not in known:
        raise ConfigError(unknown_name(f"way to move of {kind}", how, known))
    return kind, how


def check(config: DictConfig) -> None:
    """Refuse methods that there are not, a budget of nothing, and objectives of nothing."""
    check_gatys(config)
    settings = config.compare
    if not settings.methods:
        raise ConfigError("compare.methods= needs at least one, such as gram:lbfgs")
    for method in settings.methods:
        split_compared(method)
    check_passes("compare.passes", settings.passes)


COMPARE = register(
    Experiment(
        name="compare",
        run="decouple.pipeline.compare:compare",
        variants={"compare": "Comparison"},
        takes=(*COMPARED, "gatys"),
        ignores=("features", "stop.max_passes", "gatys.style.statistic", "gatys.scales"),
        settings={"compare": CompareStylesConfig},
        target_receives="style",
        check=check,
        looks_at={
            "gatys.content.layers": ("target", "start"),
            "compare.held_out": ("source", "target", "start"),
        },
        forecast="decouple.pipeline.compare:forecast",
        of_methods=True,
        of_vgg=True,
        prepositions=("of", "on"),
    )
)
