"""`plan=true`: what a run would take, without the run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from decouple.pipeline import plan
from decouple.run import main

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
    small, large = planned(capsys, "image.size=128"), planned(capsys, "image.size=512")
    # Three arrays of a batch of 32 images of 64 channels, then as much as a batch may hold.
    assert small == pytest.approx(3 * 32 * 64 * 4 * 128**2 / 2**30, abs=0.15)
    assert small < large < 16 * small
    assert planned(capsys, "image.size=128", "flow=gradient") < 0.3 * small
    assert not list(tmp_path.iterdir())


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
