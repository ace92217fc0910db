"""What a journal keeps of a run, class by class: its form, and the version of that form.

Whoever changes what one of these classes is made of gives its record another version: a checkpoint
with the former one is then refused, and not taken for what it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from decouple.flows import StopReason, Way
from decouple.flows.motion import Moved
from decouple.flows.paths import Curve
from decouple.flows.preconditioner import Factor
from decouple.flows.trace import LayerTrace
from decouple.images import digest
from decouple.record.compounds import Apart, Fields, Maybe, OneOf, Pair, Record, Several, Table
from decouple.record.forms import Array, Count, Member, Number, Text
from decouple.record.history import EXTENT


@dataclass(frozen=True)
class Motion:
    """A layer's motion that has ended, as `stages.layerwise.move_layer` gives it back."""

    moved: Moved
    trace: LayerTrace

    def __str__(self) -> str:
        """The stage and the layer."""
        return f"{self.trace.stage}, {self.trace.layer}"


@dataclass(frozen=True)
class Method:
    """One of the methods that a run compares, by its `name`, and what it came to."""

    name: str
    result: object

    def __str__(self) -> str:
        """The name."""
        return self.name


def _of_curve(curve: Curve) -> str | None:
    """What is wrong with a curve, if anything is."""
    if not len(curve.nodes) == len(curve.values) > 0:
        return "it has not as many nodes as values"
    return None if (np.diff(curve.nodes) > 0).all() else "its nodes do not increase"


def _of_way(way: Way) -> str | None:
    for name in ("tolerances", "multipliers"):
        if len(getattr(way, name)) not in (0, len(way.steps)):
            return f"it has not one of its {name} for each step"
    if way.curve is not None and len(way.curve.nodes) != len(way.steps) + 1:
        return "its curve does not have the ends of its steps"
    return None


def _of_motion(motion: Motion) -> str | None:
    if digest(motion.moved.image) != motion.trace.image_digest:
        return "its image is not the one that its trace is of"
    measured = motion.trace.layer in motion.trace.feature_mse
    return None if measured else "its trace does not measure its layer"


IMAGE = Array(("H", "W", 3))
_THUMBNAIL = Array((None, None, 3))
FACTOR = Record(
    Factor,
    1,
    {"lower": Array(("C", "C")), "pixels": Count(1), "per_unit": Number(0, finite=True)},
    make=Factor.known,
)
CURVE = Record(Curve, 1, {"nodes": Array((None,)), "values": Array((None, "C"))}, check=_of_curve)
WAY = Record(
    Way,
    3,
    {
        "steps": Several(Number(0, finite=True)),
        "factors": Several(Pair(Number(finite=True), FACTOR)),
        "curve": Maybe(CURVE),
        "thumbnails": Maybe(Pair(_THUMBNAIL, _THUMBNAIL)),
        "tolerances": Several(Number(0)),
        "growth": Maybe(Number(0)),
        "growth_of_errors": Maybe(Number(0)),
        "error": Maybe(Number(0)),
        "least_error": Maybe(Number(0)),
        "multipliers": Several(Array(("C",))),
        "drift": Maybe(Pair(Array(("C",)), Array(("C",)))),
    },
    check=_of_way,
)
MOVED = Record(
    Moved,
    1,
    {
        "image": IMAGE,
        "stop_reason": Member(StopReason),
        "steps": Count(),
        "way": Maybe(WAY),
        "threshold": Maybe(Number()),
        "path": Text(),
    },
)
TRACE = Record(
    LayerTrace,
    2,
    {
        "stage": Text(),
        "layer": Text(),
        "stepper": Text(),
        "stop_reason": Member(StopReason),
        "steps": Count(),
        "passes": Count(),
        "seconds": Number(0, finite=True),
        "feature_mse": Table(Number()),
        "image_change_psnr_db": Number(),
        "threshold": Maybe(Number()),
        "losses": Table(Number()),
        "losses_before": Table(Number()),
        "image_digest": Text(),
        "path": Text(),
        "growth": Maybe(Number(0)),
    },
)
# Of methods that a run compares; each experiment adds its own.
RESULTS = OneOf()
ENTRY = OneOf(
    Record(Motion, 1, {"moved": MOVED, "trace": TRACE}, check=_of_motion),
    Record(Method, 1, {"name": Text(), "result": RESULTS}),
)
# Of what is added to a checkpoint: what ended, the history.csv that the last of it is in, by its
# folder below the run's, and the seconds that the run had taken.
PART = Fields(
    {
        "entries": Several(Apart(ENTRY)),
        "history": Fields({"folder": Text(), "extent": EXTENT}),
        "seconds": Number(0, finite=True),
    }
)
