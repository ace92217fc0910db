"""The lift: the flow that retraces itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.flow_kinds.registry import FlowKind, register_flow
from decouple.flows.integrators import FixedStep
from decouple.flows.lift import STEPPERS, Lift, stepper
from decouple.flows.paths import PathKind
from decouple.parsing import options_of

if TYPE_CHECKING:
    from decouple.features.features import Features

# Those whose error is set by their number of steps and not by `tolerance`.
_FIXED = tuple(name for name, kind in STEPPERS.items() if kind is FixedStep)


@dataclass
class LiftConfig:
    """The flow that retraces itself; its stepper has a group of its own.

    path: which features the image has on its way, see `flows.paths`: `blend`, `geometric` or
    `straight`.
    """

    name: str = "lift"
    path: str = "blend"


def build(config: DictConfig, extractor: Features) -> Lift:
    """With the stepper that `stepper` describes; `auto` is the one that suits the network."""
    options, path = options_of(config.stepper), PathKind.named(config.flow.path)
    if options["name"] == "auto":
        return replace(Lift.suited_to(extractor), path=path)
    return Lift(stepper(**options), path)


def describe(flow: Lift, _: DictConfig, __: tuple[int, ...]) -> dict[str, Any]:
    """Its path, and its stepper with all options."""
    stepping = asdict(flow.stepper)  # type: ignore[call-overload]
    return {"flow": {"name": flow.name, "path": flow.path.value}, "stepper": stepping}


def check(config: DictConfig, named: set[str]) -> None:
    """Refuse a tolerance where the number of steps sets the error."""
    network = config.network
    kinked = network.get("activation") == "relu" or network.get("pooling") == "max"
    how = "rk4" if config.stepper.name == "auto" and kinked else config.stepper.name
    if "tolerance" in named and how in _FIXED:
        raise ConfigError(f"tolerance= has no meaning with stepper={how}: set stepper.steps")


LIFT = register_flow(
    FlowKind(
        name="lift",
        schema=LiftConfig,
        build=build,
        describe=describe,
        steps_by=("stepper", "tolerance"),
        choices={"flow.path": ("blend", "geometric", "straight")},
        check=check,
        comes_back=True,
        controls_error=lambda flow: flow.stepper_name not in _FIXED,
        forms_normal_matrix=True,
    )
)
