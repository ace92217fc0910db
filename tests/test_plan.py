"""`plan=true`: what a run would take, without the run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from decouple.command_line import compose_checked
from decouple.config import config_folder, register
from decouple.flow_kinds import FLOWS, lift, projected
from decouple.flows.cost import Cost, Task
from decouple.pipeline import forecast, plan
from decouple.pipeline.forecast import Forecast, Untold
from decouple.pipeline.inputs import Inputs
from decouple.record.metrics import read_metrics
from decouple.run import main

FIRST_ANEW = lift._FIRST_ANEW + 64 * lift._FIRST_FACTORS
ONE_LAYER = FIRST_ANEW + lift._FIRST_BACK
SMALL = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1"]


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> float:
    """GiB that a run would take."""
    capsys.readouterr()
    assert main([*SMALL, *words, "plan=true"]) == 0
    line = capsys.readouterr().err.strip()
    found = re.search(r"about ([\d.]+) GiB of memory", line)
    assert found, line
    return float(found[1])


def test_a_plan_says_the_memory_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # What the process holds does not depend on the picture.
    monkeypatch.setattr(plan, "resident_bytes", lambda: 0)
    monkeypatch.setattr(plan, "peak_memory_bytes", lambda: None)
    monkeypatch.setattr(plan, "_RESIDENT", 0)
    small, large = (planned(capsys, "layers=2", f"image.size={size}") for size in (128, 512))
    # Three arrays of a batch of 32 images of 64 channels, then as much as a batch may hold.
    assert small == pytest.approx(3 * 32 * 64 * 4 * 128**2 / 2**30, abs=0.15)
    assert small < large < 16 * small
    assert planned(capsys, "layers=2", "image.size=128", "flow=gradient") < 0.3 * small
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "passes"),
    [
        # Of the lift: factors have a pass for each feature, of all layers up to their own.
        (["layers=1"], ONE_LAYER),
        (["layers=2"], ONE_LAYER + lift._FURTHER_ANEW + lift._FURTHER_BACK + 64 + 128),
        # Source, target and the way to the other's features; at the last layer nothing goes back.
        (["+experiment=transfer", "target=sample:coffee"], 3 * FIRST_ANEW),
        # Of descents: as many iterations as they may take.
        (["flow=gradient", "optimizer=adam", "stop.max_iterations=30"], 2 * 30 * 2),
        (["flow=gradient", "stop.max_iterations=30", "stop.max_passes=20"], 2 * 20),
        # The projected descent has held features behind the first layer.
        (["flow=projected", "optimizer=adam", "stop.max_iterations=30", "layers=2"],
         2 * 30 * (2 + 2 + projected._PROJECTED)),
        (["+experiment=compare_flows", "compare_flows.passes=7",
          "compare_flows.methods=['gradient:adam','gradient:sgd']"], 2 * 2 * 7),
        (["+experiment=gatys_moreno", "stop.max_iterations=3"], 3 * 20 * 2),
        (["+experiment=gatys_moreno", "optimizer=adam", "gatys.scales=2",
          "stop.max_iterations=50"], 2 * 50 * 2),
    ],
)  # fmt: skip
def test_passes_are_foretold(words: list[str], passes: int) -> None:
    told = forecast.forecast(job_of(*words))
    assert isinstance(told, Forecast)
    assert told.passes == passes
    assert 0 < told.seconds < passes, "at 16 px a pass takes milliseconds"
    lift = not any(
        "projected" in word or "gradient" in word or "adam" in word or "gatys" in word
        for word in words
    )
    assert told.bound == (not lift)


def test_trained_filters_take_longer_behind_the_first_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calibrated = forecast.forecast(job_of("layers=2"))
    monkeypatch.setattr("decouple.networks.parameters.Weights.trained", True)
    trained = forecast.forecast(job_of("layers=2"))
    assert isinstance(calibrated, Forecast)
    assert isinstance(trained, Forecast)
    back = lift._TRAINED_BACK - lift._FURTHER_BACK
    rows = (lift._TRAINED_FACTORS - lift._FURTHER_FACTORS) * (64 + 128)
    more = lift._TRAINED_ANEW - lift._FURTHER_ANEW + back + rows
    assert trained.passes - calibrated.passes == more


def test_a_lift_takes_about_what_was_foretold(tmp_path: Path) -> None:
    words = ["image.size=32", "layers=1"]
    told = forecast.forecast(job_of(*words))
    assert isinstance(told, Forecast)
    assert main([*SMALL, *words, f"run_dir={tmp_path / 'run'}"]) == 0
    stages = read_metrics(tmp_path / "run")["stages"]
    taken = sum(row["passes"] for row in stages if row["stage"] != "reference")
    assert told.passes / 3 < taken < 3 * told.passes


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["stepper=rk45"], "flow=lift does not know with stepper rk45"),
        (["stepper=newton"], "flow=lift does not know with stepper newton"),
        (["+experiment=compare_flows", "compare_flows.methods=['lift:rk4','gradient:sgd']"],
         "flow=lift does not know with stepper rk4"),
        (["+experiment=compare", "compare.methods=['gram:lbfgs','lift:auto']",
          "compare.held_out=[block1_conv2]", "gatys.content.layers=[block1_conv2]"],
         "the budget is what gram:lbfgs takes"),
    ],
)  # fmt: skip
def test_why_passes_cannot_be_told(words: list[str], reason: str) -> None:
    told = forecast.forecast(job_of(*words))
    assert told == Untold(reason)
    assert str(told) == f"passes cannot be told before: {reason}"


def test_a_flow_tells_what_it_takes_or_a_plan_says_that_it_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = job_of("layers=2")

    def cost(flow: object, task: Task) -> Cost:
        assert flow is inputs.flow
        assert task.pixels == inputs.source[..., 0].size
        return Cost(10 * len(task.features.layers) + sum(task.walks.values()), 1, bound=True)

    monkeypatch.setitem(FLOWS._held, "lift", replace(lift.LIFT, cost=cost))
    told = forecast.forecast(inputs)
    assert isinstance(told, Forecast)
    assert (told.passes, told.bound) == (10 + 2 + 20 + 2, True)
    monkeypatch.setitem(FLOWS._held, "lift", replace(lift.LIFT, cost=None))
    assert main([*SMALL, "image.size=16", "plan=true"]) == 0
    line = capsys.readouterr().err
    assert "passes cannot be told before: flow=lift does not say what it takes" in line


def job_of(*words: str) -> Inputs:
    """At a size at which nothing takes long."""
    register()
    few = ["network.weights=calibrated", "image.size=16"]
    experiment = [] if any("experiment" in word for word in words) else [SMALL[0]]
    few += ["layers=1"] if not any(word.startswith("layers") for word in words) else []
    if any("gatys" in word for word in words):
        few += ["gatys.content.layers=[block1_conv2]", "target=sample:coffee"]
    given = {word.split("=")[0] for word in words}
    few = [word for word in few if word.split("=")[0] not in given]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return Inputs.of(compose_checked([*experiment, *few, *words]), print)


def test_a_shortage_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan, "available_bytes", lambda: 0)
    few = ["image.size=8", "flow=gradient", "stop.max_iterations=1"]
    assert main([*SMALL, *few, f"run_dir={tmp_path / 'run'}"]) == 0
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("This run takes")]
    assert re.fullmatch(
        r".* about [\d.]+ GiB of memory, and [\d.]+ GiB are available: give .*", line
    )
