"""What the last bits of a result depend on."""

from __future__ import annotations

import os

import pytest
import tensorflow as tf

from decouple.numerics import numerics
from decouple.record.metrics import changes


def test_variables_are_named_where_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    plain = numerics()
    assert {"processor", "threads"} <= plain.keys()
    assert plain["processor"]
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # changes no number
    assert numerics() == plain
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert numerics() == {**plain, "TF_ENABLE_ONEDNN_OPTS": "0"}


@pytest.mark.parametrize(
    "name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPY_DISABLE_CPU_FEATURES", "MKL_CBWR"]
)
def test_linear_algebra_has_variables_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name, raising=False)
    plain = numerics()
    monkeypatch.setenv(name, "1")
    assert changes({"numerics": plain}, {"numerics": numerics()}) == [f"{name} was not set, is 1"]


@pytest.mark.parametrize(
    ("configured", "variable", "threads"),
    [(3, "5", 3), (0, "5", 5), (0, None, 2), (0, "many", 2), (0, "-1", 2), (0, "0", 2)],
)
def test_threads_are_those_of_tensorflow(
    configured: int, variable: str | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: configured)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", variable)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7}, raising=False)
    assert numerics()["threads"] == threads


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"device": "CPU"}, {"device": "a GPU"}, ["device was CPU, is a GPU"]),
        ({"numerics": {"XLA_FLAGS": "a"}}, {"numerics": {}}, ["XLA_FLAGS was a, is not set"]),
        ({"versions": {"numpy": "1"}}, {"versions": {"numpy": "2"}}, ["numpy was 1, is 2"]),
        ({"versions": {"numpy": "1"}}, {"versions": {"numpy": "1"}, "device": "CPU"}, []),
        ({}, {"numerics": {"threads": 2}}, []),
        ({"versions": {"numpy": "1"}}, {"versions": {"numpy": "1", "scipy": "1"}}, []),
    ],
    ids=[
        *("device", "no longer set", "versions", "unknown before", "of an older version"),
        "a version that was not told",
    ],
)
def test_changes(before: dict, now: dict, found: list[str]) -> None:
    assert changes(before, now) == found
