"""Self-transfer of one image by many flows, optimizers and steppers, at equal budgets."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import DictConfig

from decouple.errors import ConfigError, unknown_name
from decouple.experiments.registry import COMPARED, Experiment, register
from decouple.flows.lift import STEPPERS
from decouple.flows.optimizers import KERAS
from decouple.parsing import check_passes

FLOWS = ("lift", "projected_channel", "projected_layer", "gradient")


@dataclass
class CompareConfig:
    """methods: FLOW:STEPPER or FLOW:OPTIMIZER, see `FLOWS`; passes: a layer's budget.

    passes: null gives every method that descends a loss as many network passes, in each stage and
    layer, as the first method took there on average.
    """

    methods: list[str] = field(
        default_factory=lambda: [
            "lift:symmetric",
            "lift:rk4",
            "projected_channel:lbfgs",
            "projected_channel:adam",
            "projected_layer:lbfgs",
            "projected_layer:adam",
            "gradient:lbfgs",
            *(f"gradient:{name}" for name in KERAS),
        ]
    )
    passes: int | None = None


def split_method(method: str) -> tuple[str, str]:
    """A method, FLOW:STEPPER or FLOW:OPTIMIZER, in its two parts.

    Raises
    ------
    ConfigError : there is no such flow, or it does not move so.
    """
    flow, _, how = str(method).partition(":")
    if flow not in FLOWS:
        raise ConfigError(unknown_name("flow of compare_flows.methods", flow, FLOWS))
    known = STEPPERS if flow == "lift" else [*KERAS, "lbfgs"]
    if how not in known:
        raise ConfigError(unknown_name(f"way to move of {flow}", how, known))
    return flow, how


def check(config: DictConfig) -> None:
    """Refuse methods that there are not, and a budget of nothing."""
    settings = config.compare_flows
    if not settings.methods:
        raise ConfigError("compare_flows.methods= needs at least one FLOW:STEPPER")
    for method in settings.methods:
        split_method(method)
    check_passes("compare_flows.passes", settings.passes)


COMPARE_FLOWS = register(
    Experiment(
        name="compare_flows",
        run="decouple.pipeline.compare_flows:compare_flows",
        variants={"compare_flows": "Comparison of flows"},
        takes=COMPARED,
        ignores=("stop.max_passes",),
        settings={"compare_flows": CompareConfig},
        check=check,
        forecast="decouple.pipeline.compare_flows:forecast",
        of_methods=True,
        prepositions=("on", "to"),
    )
)
