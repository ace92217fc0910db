"""What a movement reports while it runs and when it has ended.

Steps are handed to an observer as they happen and then forgotten, so that nothing grows with
their number; what remains is one `LayerTrace` for each stage and layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from decouple.flows.stop import StopReason


@dataclass(frozen=True)
class StepReport:
    """One accepted step.

    Attributes
    ----------
    stage : `reference`, `noisify_source`, `noisify_target`, `impose` or `optimize`
    layer : the active layer's name, e.g. `block2_conv1`; empty where all move at once
    fraction : how far along the stage's path, 0 to 1
    passes : passes through the network so far in this stage and layer (forward, JVP and
        VJP count one each, per image)
    seconds : since this stage and layer began
    feature_mse : mean squared distance to the targets, for the active and every held layer
    losses : of an objective, `total` and its weighted parts, which add up to it
    image : (H, W, 3), float, after the step; it is the flow's, to be looked at and not to be kept.
        None where the flow does not show it
    """

    stage: str
    layer: str
    fraction: float
    passes: int
    seconds: float
    feature_mse: Mapping[str, float]
    losses: Mapping[str, float] = field(default_factory=dict)
    image: np.ndarray | None = field(default=None, compare=False, repr=False)


Observer = Callable[[StepReport], None]


def ignore(_: StepReport) -> None:
    """The null observer."""


@dataclass(frozen=True)
class LayerTrace:
    """How one stage went at one layer; the fields are those of `StepReport` at its end.

    `feature_mse` is measured on the image that the stage hands on, whose values' SHA-256 digest is
    `image_digest`; `image_change_psnr_db` is
    the PSNR (peak 1, unclipped) between the images before and after; `threshold` the loss at
    which a descent was to stop. `losses` is measured on that image too, `losses_before` on the
    one that the stage was given. `path` says how the nominal features went (`blend`, `straight`
    or `curve`), `growth` how many times larger a small change of the image is once it has been
    carried back, where that was measured.
    """

    stage: str
    layer: str
    stepper: str
    stop_reason: StopReason
    steps: int
    passes: int
    seconds: float
    feature_mse: Mapping[str, float]
    image_change_psnr_db: float
    threshold: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    losses_before: Mapping[str, float] = field(default_factory=dict)
    image_digest: str = ""
    path: str = ""
    growth: float | None = None
