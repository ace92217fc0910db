"""Descent of all layers' losses, as in the thesis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from decouple.flow_kinds.registry import FlowKind, register_flow
from decouple.flows.cost import Cost, Task, passes_of_descent
from decouple.flows.descent import Gradient
from decouple.flows.optimizers import Optimizer
from decouple.flows.stopping import StopRules
from decouple.parsing import hold_of, optimizer_of, stop_rules

if TYPE_CHECKING:
    from decouple.features.features import Features


@dataclass
class GradientConfig:
    """hold: what imposition pulls earlier layers towards, `reference` (text) or `features` (code).

    Both are the thesis's: reports/method.md.
    """

    name: str = "gradient"
    hold: str = "reference"


def descent(config: DictConfig, extractor: Features) -> tuple[Optimizer, StopRules]:
    """How far to go at a time, and when to end."""
    stop = stop_rules(config.stop, extractor.origin)
    return optimizer_of(config.optimizer), stop


def described(how: Any, stop: StopRules, shape: tuple[int, ...]) -> dict[str, Any]:
    """`stepper` and `stop` of metrics.json: the optimizer is what steps."""
    stepping = asdict(how)
    if "learning_rate" in stepping:
        stepping["learning_rate"] = how.rate(shape)
    return {"stepper": stepping, "stop": asdict(stop)}


def build(config: DictConfig, extractor: Features) -> Gradient:
    """With the optimizer and the stop rules that `optimizer` and `stop` describe."""
    return Gradient(*descent(config, extractor))


def describe(flow: Gradient, config: DictConfig, shape: tuple[int, ...]) -> dict[str, Any]:
    """What it holds, its optimizer and its stop rules."""
    held = {"name": flow.name, "hold": hold_of(config)}
    return {"flow": held, **described(flow.optimizer, flow.stop, shape)}


def cost_of_descent(how: Optimizer, stop: StopRules, task: Task, beside: float = 0) -> Cost:
    """All iterations that `stop` allows, before which a descent may end.

    `beside` a loss with its gradient, so many passes an iteration.
    """
    passes = sum(
        n * passes_of_descent(stop.of(stage), how, beside) for stage, n in task.walks.items()
    )
    return Cost(passes, passes, bound=True)


def cost(flow: Gradient, task: Task) -> Cost:
    """That of a descent."""
    return cost_of_descent(flow.optimizer, flow.stop, task)


GRADIENT = register_flow(
    FlowKind(
        name="gradient",
        schema=GradientConfig,
        build=build,
        describe=describe,
        steps_by=("optimizer", "stop"),
        choices={"flow.hold": ("reference", "features")},
        cost=cost,
    )
)
