"""Values as JSON and arrays, and back."""

import json
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pytest

from decouple.record.compounds import Apart, Fields, Maybe, OneOf, Pair, Record, Several, Table
from decouple.record.forms import (
    Array,
    Count,
    Member,
    Misfit,
    Number,
    Plain,
    Text,
    read,
    written,
)


class Colour(Enum):
    RED = "#f00"


@dataclass(frozen=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True)
class Cloud:
    points: np.ndarray
    nearest: tuple[Point, ...]


POINT = Record(Point, 1, {"x": Number(finite=True), "y": Number()})
CLOUD = Record(Cloud, 3, {"points": Array((None, "D")), "nearest": Several(POINT)})


def through_json(form, value):
    told, arrays = written(form, value)
    return read(form, json.loads(json.dumps(told, allow_nan=False)), arrays)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (Number(), 0.1 + 0.2),
        (Number(), -math.inf),
        (Number(least=1), 5e-324 + 1),
        (Count(), 2**70),
        (Text(), "×\n"),
        (Member(Colour), Colour.RED),
        (Maybe(Count()), None),
        (Maybe(Count()), 3),
        (Several(Count()), (1, 2)),
        (Several(Count()), ()),
        (Pair(Count(), Text()), (1, "a")),
        (Table(Number()), {"total": 0.25, "a.b": 1.0}),
        (Fields({"a": Count(), "b": Text()}), {"a": 1, "b": "2"}),
        (POINT, Point(1.5, math.inf)),
        (OneOf(CLOUD, POINT), Point(1.5, -0.0)),
        (Plain(), {"a": [1, 2.5, None, True, {"b": math.inf}], "c": {}}),
    ],
    ids=lambda x: type(x).__name__ if hasattr(x, "write") else "",
)
def test_what_is_written_is_read(form, value):
    again = through_json(form, value)
    assert again == value
    assert type(again) is type(value)


def test_what_is_undefined_stays_so():
    assert math.isnan(through_json(Number(), math.nan))
    assert math.isnan(through_json(Plain(), [math.nan])[0])
    assert through_json(Plain(), np.float32(0.5)) == 0.5
    assert through_json(Plain(), np.int64(7)) == 7


def test_arrays_are_kept_by_their_places():
    clouds = {"far": Cloud(np.ones((2, 3)), (Point(1, 2),)), "near": Cloud(np.zeros((0, 3)), ())}
    told, arrays = written(Table(CLOUD), clouds)
    assert arrays.keys() == {"far.points", "near.points"}
    assert told["far"] == {
        "Cloud 3": {
            "points": {"array": "far.points"},
            "nearest": [{"Point 1": {"x": 1.0, "y": 2.0}}],
        }
    }
    again = read(Table(CLOUD), told, arrays)
    assert again["far"].points is arrays["far.points"]
    assert again["far"].nearest == clouds["far"].nearest


@pytest.mark.parametrize(
    ("form", "told", "place"),
    [
        (Number(), "1", "it is '1'"),
        (Number(), 10**400, "it is 1000"),
        (Number(), True, "it is True"),
        (Number(), None, "it is None"),
        (Number(), [1.0], "it is"),
        (Number(finite=True), "inf", "it is 'inf'"),
        (Number(least=0), -1, "it is -1, and no number from 0 on"),
        (Count(), 1.0, "it is 1.0"),
        (Count(), True, "it is True"),
        (Count(1), 0, "no whole number from 1 on"),
        (Text(), 1, "it is 1"),
        (Member(Colour), "BLUE", "it is 'BLUE', and no Colour"),
        (Member(Colour), "#f00", "no Colour"),
        (Member(Colour), ["RED"], "no Colour"),
        (Several(Count()), {"0": 1}, "no list"),
        (Several(Count()), [1, "2"], "1 is '2'"),
        (Pair(Count(), Count()), [1], "no pair"),
        (Pair(Count(), Count()), [1, None], "1 is None"),
        (Table(Count()), [1], "no mapping"),
        (Table(Count()), {"a": {"b": 1}}, "a is {'b': 1}"),
        (Fields({"a": Count()}), {}, "no mapping of a"),
        (Fields({"a": Count()}), {"a": 1, "b": 2}, "no mapping of a"),
        (Fields({"a": Fields({"b": Count()})}), {"a": {"b": "x" * 99}}, "a.b is 'xxx"),
        (POINT, {"Point 2": {"x": 1, "y": 2}}, "no Point 1"),
        (POINT, {"x": 1, "y": 2}, "no Point 1"),
        (POINT, {"Point 1": {"x": 1}}, "no mapping of x, y"),
        (POINT, [], "no Point 1"),
        (OneOf(CLOUD, POINT), {"System 1": {}}, "no Cloud 3 or Point 1"),
        (OneOf(CLOUD, POINT), "Point 1", "no Cloud 3 or Point 1"),
        (Array(()), {"array": "else"}, "no array"),
        (Array(()), "", "no array"),
        (Plain(), {"float": "1"}, "no plain value"),
    ],
)
def test_what_was_not_written_so_is_a_misfit(form, told, place):
    with pytest.raises(Misfit) as caught:
        read(form, told, {})
    assert place in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("form", "array", "words"),
    [
        (Array((None,)), np.zeros((2, 2)), "an array (2, 2) of float64"),
        (Array((3,)), np.zeros(2), "an array (2,) of"),
        (Array(("C", "C")), np.zeros((2, 3)), "an array (2, 3) of"),
        (Array(()), np.array(1), "of int64"),
        (Array(()), np.array("text"), "of <U4"),
        (Array((None,)), np.array([1.0]).astype(">f8"), "of >f8"),
        (Array((None,)), np.array([1.0, np.nan]), "not finite"),
    ],
)
def test_arrays_of_another_kind_are_misfits(form, array, words):
    with pytest.raises(Misfit, match=r"^a (is|holds) ") as caught:
        read(Fields({"a": form}), {"a": {"array": "a"}}, {"a": array})
    assert words in str(caught.value)


def test_sizes_are_shared_unless_they_are_apart():
    arrays = {"0": np.zeros(3), "1": np.zeros(2)}
    told = [{"array": "0"}, {"array": "1"}]
    assert len(read(Several(Apart(Array(("C",)))), told, arrays)) == 2
    with pytest.raises(Misfit, match=r"1 is an array \(2,\)"):
        read(Several(Array(("C",))), told, arrays)


def test_arrays_that_nobody_asked_for_are_refused():
    with pytest.raises(Misfit, match="nothing of it is called 'b'"):
        read(Array((None,)), {"array": ""}, {"": np.zeros(3), "b": np.zeros(3)})


def test_what_is_read_is_looked_at_once_it_is_made():
    form = Record(
        Point, 1, POINT.forms, check=lambda p: None if p.x < p.y else "its x is not below its y"
    )
    assert read(form, {"Point 1": {"x": 1, "y": 2}}, {}) == Point(1, 2)
    with pytest.raises(Misfit, match="Point 1: its x is not below its y"):
        read(form, {"Point 1": {"x": 2, "y": 1}}, {})


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (POINT, Cloud(np.zeros((1, 1)), ())),
        (OneOf(POINT), {"x": 1, "y": 2}),
        (Plain(), {1: 2}),
        (Plain(), {"float": 1.0}),
        (Plain(), object()),
        (Plain(), (1, 2)),
    ],
)
def test_what_has_no_form_is_a_defect(form, value):
    with pytest.raises(TypeError):
        form.write(value, "", {})


def test_others_can_be_added():
    form = OneOf()
    with pytest.raises(TypeError):
        written(form, Point(1, 2))
    form.add(POINT)
    assert through_json(form, Point(1, 2)) == Point(1, 2)
