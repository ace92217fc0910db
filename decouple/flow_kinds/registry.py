"""What the rest must know of a flow, beside how it moves an image; all of it without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from decouple.flows.cost import Cost, Task
from decouple.flows.motion import Flow
from decouple.parsing import options_of
from decouple.registry import Registry

if TYPE_CHECKING:
    from decouple.features.features import Features

# What may say how far a flow goes at a time, and when it ends.
STEPPING = ("stepper", "tolerance", "optimizer", "stop")


def _plainly(flow: Flow, config: DictConfig, _: tuple[int, ...]) -> dict[str, Any]:
    return {
        "flow": {**options_of(config.flow), "name": flow.name},
        "stepper": {"name": flow.stepper_name},
    }


@dataclass(frozen=True, eq=False)
class FlowKind:
    """A flow as a configuration names it: its settings, how it is built, what is said of it.

    Attributes
    ----------
    name : `flow=<name>`, and the name of the flows that it builds
    schema : dataclass of its settings, `flow.*`; its `name` is this one by default
    build : from the configuration, and the extractor of the features that are to be moved, the flow
    describe : `flow` and `stepper` of metrics.json, and what else there is to say, from a flow of
        this kind, the configuration, and the shape of the image that it moves
    steps_by : groups among `STEPPING` that have a meaning for it
    choices : {dotted key: the words that it may be}
    check : raises ConfigError where settings do not fit; told the configuration, and the dotted
        keys that the user named
    comes_back : whether its way back retraces its way out, where the network is smooth
    controls_error : whether the round trip's error of a flow of this kind is held to `tolerance`
    forms_normal_matrix : whether it forms the normal matrix K = J Jᵀ, which takes memory
    cost : from a flow of this kind and a `flows.cost.Task`, what it takes, for `plan=true`; it may
        be None, where that cannot be told
    yaml : where there is no file of this name in configs/flow, another one with what differs from
        the schema's defaults
    """

    name: str
    schema: type
    build: Callable[[DictConfig, Features], Flow]
    describe: Callable[[Any, DictConfig, tuple[int, ...]], dict[str, Any]] = _plainly
    steps_by: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    check: Callable[[DictConfig, set[str]], None] = lambda _, __: None
    comes_back: bool = False
    controls_error: Callable[[Any], bool] = lambda _: False
    forms_normal_matrix: bool = False
    cost: Callable[[Any, Task], Cost | None] | None = None
    yaml: str | Path | None = None

    @property
    def home(self) -> str:
        """The module that it is built in."""
        return self.build.__module__


FLOWS: Registry[FlowKind] = Registry("flow")
"""All kinds of flows."""


def register_flow(kind: FlowKind) -> FlowKind:
    """Make a kind of flow known, which is returned; ConfigError if its name is taken."""
    return FLOWS.add(kind)
