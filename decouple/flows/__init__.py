"""How an image moves: flows (which way), steppers (how far), and why they stop."""

from decouple.flows.descent import Gradient
from decouple.flows.lift import STEPPERS, Lift, stepper
from decouple.flows.motion import Flow, Motion, Moved, Way
from decouple.flows.optimizers import KERAS, KerasOptimizer, Lbfgs, Optimizer, optimizer
from decouple.flows.projected import Projected, Projection
from decouple.flows.stop import StopReason
from decouple.flows.stopping import StopRule, StopRules
from decouple.flows.trace import LayerTrace, Observer, StepReport

__all__ = [
    "KERAS",
    "STEPPERS",
    "Flow",
    "Gradient",
    "KerasOptimizer",
    "LayerTrace",
    "Lbfgs",
    "Lift",
    "Motion",
    "Moved",
    "Observer",
    "Optimizer",
    "Projected",
    "Projection",
    "StepReport",
    "StopReason",
    "StopRule",
    "StopRules",
    "Way",
    "optimizer",
    "stepper",
]
