"""What a checkpoint holds of each class, in which version, and that it comes back."""

import json
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from decouple.flows import StopReason, Way
from decouple.flows.motion import Moved
from decouple.flows.paths import Curve
from decouple.flows.preconditioner import Factor
from decouple.flows.trace import LayerTrace
from decouple.images import digest
from decouple.pipeline import (
    kept,
    texture_makers,  # noqa: F401, whose records are among the results
)
from decouple.pipeline.compare import Compared
from decouple.pipeline.compare_flows import Row
from decouple.pipeline.state import KEPT, STATE
from decouple.record.forms import Misfit, read, written
from decouple.record.history import EXTENT

RECORDS = [kept.FACTOR, kept.CURVE, kept.WAY, kept.MOVED, kept.TRACE, STATE, KEPT, EXTENT]
RECORDS += [*kept.ENTRY.records, *kept.RESULTS.records]
# Whoever changes a line gives it another version.
FORMS = {
    "Factor 1": "lower pixels per_unit",
    "Curve 1": "nodes values",
    "Way 3": "steps factors curve thumbnails tolerances growth growth_of_errors error least_error "
    "multipliers drift",
    "Moved 1": "image stop_reason steps way threshold path",
    "LayerTrace 2": "stage layer stepper stop_reason steps passes seconds feature_mse "
    "image_change_psnr_db threshold losses losses_before image_digest path growth",
    "State 1": "image start losses optimizer watch passes seconds",
    "Kept 1": "state history weighting weights iterations resumed_after clipped scales",
    "Extent 1": "size digest",
    "Motion 1": "moved trace",
    "Method 1": "name result",
    "Compared 2": "image features cost ending",
    "Row 1": "row passes",
    "Made 1": "image stages",
    "_Taken 1": "values stages",
}


def test_each_class_has_its_form() -> None:
    assert {record.name: " ".join(record.forms) for record in RECORDS} == FORMS


def test_forms_hold_all_that_their_classes_are_made_of() -> None:
    for record in RECORDS:
        if is_dataclass(record.kind):
            assert {field.name for field in fields(record.kind)} == record.forms.keys(), record.name


RNG = np.random.default_rng(0)
ROOT = RNG.standard_normal((5, 9))
WAY = Way(
    steps=(0.25, 0.75),
    factors=((0.125, Factor(ROOT @ ROOT.T, 48)),),
    curve=Curve(np.array([0.0, 0.25, 1.0]), RNG.standard_normal((3, 5))),
    thumbnails=(RNG.random((4, 4, 3)), RNG.random((4, 4, 3))),
    tolerances=(1e-9, 1e-10),
    growth=float("inf"),
    growth_of_errors=float("inf"),
    error=0.1 + 0.2,
    least_error=0.1,
    multipliers=(RNG.standard_normal(5), RNG.standard_normal(5)),
    drift=(np.zeros(5), RNG.standard_normal(5)),
)
MOVED = Moved(RNG.random((4, 4, 3)), StopReason.REACHED, 2, WAY, 1e-8, "blend")
TRACE = LayerTrace(
    stage="impose",
    layer="block1_conv1",
    stepper="symmetric",
    stop_reason=StopReason.REACHED,
    steps=2,
    passes=31,
    seconds=1.5,
    feature_mse={"block1_conv1": 1e-17},
    image_change_psnr_db=float("inf"),
    image_digest=digest(MOVED.image),
    growth=2.0,
)


def again(form: object, value: object) -> object:
    told, arrays = written(form, value)  # type: ignore[arg-type]
    return read(form, json.loads(json.dumps(told, allow_nan=False)), arrays)  # type: ignore[arg-type]


def test_a_motion_comes_back_bit_for_bit() -> None:
    motion = again(kept.ENTRY, kept.Motion(MOVED, TRACE))
    assert motion.trace == TRACE
    told, way = motion.moved, motion.moved.way
    np.testing.assert_array_equal(told.image, MOVED.image)
    assert (told.stop_reason, told.steps, told.threshold, told.path) == (
        *(MOVED.stop_reason, MOVED.steps),
        *(MOVED.threshold, MOVED.path),
    )
    for name in ("steps", "tolerances", "growth", "growth_of_errors", "error", "least_error"):
        assert getattr(way, name) == getattr(WAY, name)
    np.testing.assert_array_equal(way.multipliers, WAY.multipliers)
    np.testing.assert_array_equal(way.thumbnails, WAY.thumbnails)
    np.testing.assert_array_equal(way.drift, WAY.drift)
    ((s, factor),) = way.factors
    assert s == 0.125
    np.testing.assert_array_equal(factor.solve(np.ones(5)), WAY.factors[0][1].solve(np.ones(5)))
    assert factor.rounding(np.ones(5), 1e-7) == WAY.factors[0][1].rounding(np.ones(5), 1e-7)


def test_a_curve_that_was_looked_at_is_kept_as_it_was() -> None:
    """What it interpolates with is worked out anew where it goes on."""
    middle = WAY.curve(0.75)
    told, arrays = written(kept.CURVE, WAY.curve)
    assert arrays.keys() == {"nodes", "values"}
    np.testing.assert_array_equal(read(kept.CURVE, told, arrays)(0.75), middle)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tolerances": (1e-9,)}, "not one of its tolerances for each step"),
        ({"multipliers": (np.ones(5),)}, "not one of its multipliers for each step"),
        ({"steps": (0.5, 0.25, 0.25), "tolerances": (), "multipliers": ()}, "ends of its steps"),
        ({"curve": Curve(np.array([0.0, 1.0, 0.5]), np.ones((3, 5)))}, "nodes do not increase"),
        ({"curve": Curve(np.array([0.0, 1.0]), np.ones((3, 5)))}, "as many nodes as values"),
        ({"multipliers": (np.ones(5), np.ones(4))}, "multipliers.1 is an array (4,)"),
        ({"curve": Curve(np.array([0.0, 0.5, 1.0]), np.ones((3, 4)))}, "an array (3, 4)"),
    ],
)
def test_ways_that_do_not_fit_themselves(change: dict, words: str) -> None:
    with pytest.raises(Misfit) as caught:
        again(kept.ENTRY, kept.Motion(replace(MOVED, way=replace(WAY, **change)), TRACE))
    assert words in str(caught.value)


def test_an_image_of_another_motion_is_refused() -> None:
    with pytest.raises(Misfit, match="not the one that its trace is of"):
        again(kept.ENTRY, kept.Motion(replace(MOVED, image=MOVED.image + 1e-9), TRACE))


def test_a_trace_measures_its_layer() -> None:
    with pytest.raises(Misfit, match="trace does not measure its layer"):
        again(kept.ENTRY, kept.Motion(MOVED, replace(TRACE, layer="block2_conv1")))


def test_what_methods_came_to() -> None:
    row = Row({"method": "gradient:adam", "psnr_db": None, "held_mse": np.inf}, 7)
    assert again(kept.ENTRY, kept.Method("gradient:adam", row)).result == row
    told = Compared(
        MOVED.image,
        {"source": {"block1_conv1": np.ones(3)}},
        {"passes": 3, "seconds": 0.5, "peak_memory_bytes": None},
        {"stop_reasons": "reached", "folder": "methods/lift_auto"},
    )
    result = again(kept.ENTRY, kept.Method("lift:auto", told)).result
    np.testing.assert_array_equal(result.image, told.image)
    np.testing.assert_array_equal(result.features["source"]["block1_conv1"], np.ones(3))
    assert (result.cost, result.ending) == (told.cost, told.ending)
