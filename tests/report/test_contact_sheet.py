"""The contact sheet and the curves of an objective, from a run folder alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from decouple import images
from decouple.flows.trace import StepReport
from decouple.record.history import History, read_history
from decouple.report import contact_sheet
from decouple.report.contact_sheet import plot_contact_sheet, thinned
from decouple.report.curves import plot_losses, plot_objectives
from decouple.report.panel import numbered

LOSSES = ("total", "content", "style", "variation")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run of 30 iterations with a picture every third, each of one grey."""
    (tmp_path / "images").mkdir()
    for name, grey in (("source", 0.1), ("target", 0.9), ("result", 0.5)):
        images.save(np.full((12, 16, 3), grey), tmp_path / "images" / f"{name}.png")
    saved = {}
    for n in range(3, 31, 3):
        images.save(np.full((12, 16, 3), n / 60), tmp_path / "images" / f"iteration_{n}.png")
        saved[str(n)] = 100.0 / n
    with History(tmp_path, (), LOSSES) as history:
        for n in range(1, 31):
            losses = {"total": 100 / n, "content": 10 / n, "style": 90 / n}
            history(StepReport("optimize", "", n / 30, 40 * n, n, {}, losses))
    stage = {"stage": "optimize", "losses_before": {"total": 200.0, "content": 0.0, "style": 200.0}}
    metrics = {"gatys": {"iterations": saved}, "stages": [stage], "experiment": "gatys_moreno"}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


def test_iterations_are_in_their_natural_order(run_dir: Path) -> None:
    assert numbered(run_dir / "images", "iteration") == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]


def test_the_sheet_shows_style_base_and_iterations(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    grid = contact_sheet.picture_grid

    def spy(entries, columns, caption):
        drawn.append((entries, caption))
        return grid(entries, columns, caption)

    monkeypatch.setattr(contact_sheet, "picture_grid", spy)
    monkeypatch.setattr(contact_sheet, "MOST", 4)
    path = plot_contact_sheet(run_dir)
    assert path == run_dir / "plots" / "contact_sheet.png"
    ((entries, caption),) = drawn
    titles = ["style", "base", *(f"iteration {n}" for n in (3, 12, 21, 30))]
    assert [entry.title for entry in entries] == titles
    assert entries[3].note == "loss 8.333"
    assert entries[0].pixels.mean() < entries[1].pixels.mean()
    greys = [entry.pixels.mean() for entry in entries[2:]]
    assert greys == sorted(greys)
    assert "4 of 10 saved iterations are shown" in caption


def test_thinning_keeps_both_ends() -> None:
    for count in range(1, 60):
        kept = thinned(list(range(count)), 18)
        assert len(kept) == min(count, 18)
        assert (kept[0], kept[-1]) == (0, count - 1)
        assert kept == sorted(set(kept))


def test_without_iterations_there_is_no_sheet(run_dir: Path) -> None:
    for picture in (run_dir / "images").glob("iteration_*.png"):
        picture.unlink()
    assert plot_contact_sheet(run_dir) is None


def test_losses_come_back_and_are_drawn(run_dir: Path) -> None:
    rows = read_history(run_dir / "history.csv")
    assert rows[1].losses == {"total": 50.0, "content": 5.0, "style": 45.0}
    assert rows[1].feature_mse == {}
    header = (run_dir / "history.csv").read_text().splitlines()[0]
    assert header.endswith(",seconds,loss_total,loss_content,loss_style,loss_variation")
    (path,) = plot_objectives(run_dir)
    assert path == run_dir / "plots" / "loss_optimize.png"
    first = path.read_bytes()
    plot_objectives(run_dir)
    assert path.read_bytes() == first
    # No features moved: there is nothing for the curves of feature MSE.
    assert plot_losses(run_dir) == []


def test_a_run_without_an_objective_has_no_such_curves(tmp_path: Path) -> None:
    assert plot_objectives(tmp_path) == []
    with History(tmp_path, ("block1_conv1",)) as history:
        history(StepReport("impose", "block1_conv1", 1.0, 3, 0.1, {"block1_conv1": 1e-9}))
    assert plot_objectives(tmp_path) == []
