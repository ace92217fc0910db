"""Descent of the active layer's loss, orthogonal to the held layers' gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.flow_kinds.gradient import cost_of_descent, descent, described
from decouple.flow_kinds.registry import FlowKind, register_flow
from decouple.flows.cost import Cost, Task
from decouple.flows.projected import Projected, Projection

if TYPE_CHECKING:
    from decouple.features.features import Features

# Passes of an iteration beside its gradient: off the held ones, and the way back to where the held
# features were.
_PROJECTED = 30


@dataclass
class ProjectedConfig:
    """projection: orthogonal to each held `channel`, or only to each held `layer`'s loss."""

    name: str = "projected"
    projection: str = "channel"


def build(config: DictConfig, extractor: Features) -> Projected:
    """With the optimizer and the stop rules that `optimizer` and `stop` describe."""
    return Projected(*descent(config, extractor), config.flow.projection)


def describe(flow: Projected, _: DictConfig, shape: tuple[int, ...]) -> dict[str, Any]:
    """Its projection, its optimizer and its stop rules."""
    held = {"name": flow.name, "projection": flow.projection}
    return {"flow": held, **described(flow.optimizer, flow.stop, shape)}


def check(config: DictConfig, _: set[str]) -> None:
    """Refuse bounds, which no projection respects."""
    if any(config.optimizer.get(key) is not None for key in ("lower", "upper")):
        raise ConfigError(
            "optimizer.lower and optimizer.upper have no meaning with flow=projected: the "
            "held layers decide where the image may go"
        )


def cost(flow: Projected, task: Task) -> Cost:
    """That of a descent, and of keeping what is held, where there are layers before this one."""
    beside = _PROJECTED if len(task.features.layers) > 1 else 0
    return cost_of_descent(flow.optimizer, flow.stop, task, beside)


PROJECTED = register_flow(
    FlowKind(
        name="projected",
        schema=ProjectedConfig,
        build=build,
        describe=describe,
        steps_by=("optimizer", "stop"),
        choices={"flow.projection": tuple(projection.value for projection in Projection)},
        check=check,
        forms_normal_matrix=True,
        cost=cost,
    )
)
