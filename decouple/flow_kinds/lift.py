"""The lift: the flow that retraces itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.flow_kinds.registry import FlowKind, register_flow
from decouple.flows.cost import Cost, Task
from decouple.flows.integrators import FixedStep
from decouple.flows.lift import STEPPERS, Lift, stepper
from decouple.flows.paths import PathKind
from decouple.flows.preconditioner import factor_cost
from decouple.flows.symmetric import Symmetric
from decouple.parsing import options_of

if TYPE_CHECKING:
    from decouple.features.features import Features

# Those whose error is set by their number of steps and not by `tolerance`.
_FIXED = tuple(name for name, kind in STEPPERS.items() if kind is FixedStep)

# Passes of the lift in symmetric steps with tolerance=1e-4, at the first layer and at each further
# one, when a way is walked for the first time and when it is walked back, and the factors of K that
# are made the first time and kept for the way back; a factor takes a row for each feature. At the
# first layer they depend on the picture, and hardly on its size: 389 and 296 passes with 3 factors
# were measured for the astronaut at 48 px, 445 and 320 with 4 at 96 px; for brick at 64 px 474 and
# 312 with 4, for coffee and rocket at 48 px 511 and 405 with 4, 666 and 464 with 6. At the second
# layer of these they were 127 to 184 and 102 to 149, with one factor.
_FIRST_ANEW, _FIRST_BACK, _FIRST_FACTORS = 480, 350, 4
_FURTHER_ANEW, _FURTHER_BACK, _FURTHER_FACTORS = 165, 130, 1
# With ImageNet's filters errors grow more behind the first layer, and about half of the passes are
# in float64: at the second layer of three pictures 820 to 2400 passes out with all factors and 350
# to 590 back, at the third 1840 to 2300 and 420 to 810.
_TRAINED_ANEW, _TRAINED_BACK, _TRAINED_FACTORS = 450, 420, 4
_TRAINED_WORK = 1.7


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


def cost(flow: Lift, task: Task) -> Cost | None:
    """What it took elsewhere, which on pictures that were tried is off by up to two either way.

    None of steppers but `symmetric`, whose passes nobody has counted.
    """
    if not isinstance(flow.stepper, Symmetric):
        return None
    anew, back, factors, work = _passes_of_a_walk(len(task.features.layers), task.trained)
    # A picture's own features go back in the steps in which they were taken off.
    known = "impose" if "noisify_target" not in task.walks else "noisify_result"
    new = sum(n for stage, n in task.walks.items() if stage != known)
    single = new * anew + task.walks.get(known, 0) * back
    made = new * factors
    rows = task.features.size * task.features.share_estimated(task.pixels)
    # Rows go side by side.
    weight = work * single + made * factor_cost(task.features, task.pixels)
    return Cost(single + made * rows, weight)


def _passes_of_a_walk(depth: int, trained: bool) -> tuple[int, int, int, float]:
    """Passes there and back, factors, and what a pass takes, of those in float32."""
    if depth == 1:
        return _FIRST_ANEW, _FIRST_BACK, _FIRST_FACTORS, 1.0
    if trained:
        return _TRAINED_ANEW, _TRAINED_BACK, _TRAINED_FACTORS, _TRAINED_WORK
    return _FURTHER_ANEW, _FURTHER_BACK, _FURTHER_FACTORS, 1.0


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
        cost=cost,
    )
)
