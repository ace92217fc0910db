"""How an image moves: flows (which way), steppers (how far), and why they stop."""

from decouple.flows.lift import STEPPERS, Lift, stepper
from decouple.flows.motion import Flow, Motion, Moved, Way
from decouple.flows.stop import StopReason
from decouple.flows.trace import LayerTrace, Observer, StepReport

__all__ = [
    "STEPPERS",
    "Flow",
    "LayerTrace",
    "Lift",
    "Motion",
    "Moved",
    "Observer",
    "StepReport",
    "StopReason",
    "Way",
    "stepper",
]
