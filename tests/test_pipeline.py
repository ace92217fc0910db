"""Whole runs: what an experiment leaves in its run folder."""

from __future__ import annotations

import base64
import csv
import html
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouple import images
from decouple.flows.trace import LayerTrace
from decouple.networks import weights
from decouple.networks.calibration import calibrate
from decouple.pipeline import journal
from decouple.pipeline.loaded import forget
from decouple.pipeline.recorder import Recorder
from decouple.pipeline.self_transfer import _gain
from decouple.run import main
from decouple.stages.layerwise import move_layer

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["+experiment=self_transfer", "network.weights=calibrated", "image.size=32", "layers=2"]


def finite_or_null(value: object) -> bool:
    if isinstance(value, dict):
        return all(finite_or_null(v) for v in value.values())
    if isinstance(value, list):
        return all(finite_or_null(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """A finished run on a picture that is not square, and the stages known after each layer."""
    folder, known = tmp_path_factory.mktemp("runs") / "run", []
    add_layer = Recorder.add_layer

    def watched(self: Recorder, done: LayerTrace) -> None:
        add_layer(self, done)
        known.append([f"{row['stage']} {row['layer']}" for row in self.stages])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Recorder, "add_layer", watched)
        assert main([*SMALL, "source=sample:coffee", f"run_dir={folder}"]) == 0
    return folder, known


@pytest.fixture(scope="module")
def run_dir(finished: tuple[Path, list[list[str]]]) -> Path:
    return finished[0]


@pytest.fixture(scope="module")
def metrics(run_dir: Path) -> dict:
    return json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))


def test_self_transfer_returns_the_source(metrics: dict) -> None:
    transfer = metrics["self_transfer"]
    assert transfer["psnr_db"] >= 80  # the default tolerance
    assert metrics["tolerance_met"]
    assert transfer["differing_pixels_8bit"] == 0
    assert transfer["max_error_8bit"] < 0.5
    assert transfer["excursion_recovered"] > 0.999


@pytest.mark.skipif(not (ROOT / "reports").is_dir(), reason="only a checkout has reports")
def test_what_the_front_page_reports_holds_here(metrics: dict) -> None:
    """Its self-transfers met the tolerance and changed no 8-bit value; so did this small one."""
    from experiments.self_transfer import HEADER, NAME, TWO_LAYERS, row

    front = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"(reports/{NAME}.md)" in front
    page = (ROOT / "reports" / f"{NAME}.md").read_text(encoding="utf-8").split("## Five layers")[0]
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    reported = [[cell.strip() for cell in line] for line in rows[2:]]
    assert [cells[0] for cells in reported] == [*TWO_LAYERS]
    psnr, differing = (HEADER.index(name) for name in ("PSNR (dB)", "values that differ in 8 bits"))
    for cells in (*reported, row("coffee", metrics)):
        assert float(cells[psnr]) >= 80  # the default tolerance
        assert cells[differing] == "0 %"
    # With both networks' filters.
    shown = [line.split(" | ") for line in front.splitlines() if "| `python -m" in line]
    results = [cells for cells in shown if "+experiment=self_transfer" in cells[-1]]
    assert {"network.weights=FILE" in cells[-1] for cells in results} == {True, False}
    for _, _, psnr_db, differ, *_ in results:
        assert float(psnr_db) >= 80
        assert differ == "0 %"


@pytest.mark.slow
def test_a_tolerance_that_is_missed_is_tried_again_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(image, motion, flow, observer):  # type: ignore[no-untyped-def]
        way = motion.way and replace(motion.way, tolerances=())
        motion = replace(motion, tolerance=1e-6, allowed=None, way=way)
        return move_layer(image, motion, flow, observer)

    monkeypatch.setattr(journal, "move_layer", careless)
    run = tmp_path / "run"
    assert main([*SMALL, "image.size=20", "tolerance=1e-8", f"run_dir={run}"]) == 0
    said = capsys.readouterr().err
    assert "once more, each step solved more exactly" in said
    assert said.endswith("or a smooth network (softplus, average pooling).\n")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert not metrics["tolerance_met"]
    stages = [row["stage"] for row in metrics["stages"]]
    assert stages[0] == "reference"
    assert stages.count("impose") >= 4


@pytest.mark.parametrize(
    ("few", "others", "gain"),
    [(0.3, 0.3, 1), (3e-4, 3e-5, 10**4), (3e-2, 3e-6, 10**3), (0.0, 0.0, 10**9), (9.0, 0.2, 1)],
)
def test_the_difference_is_amplified_until_it_is_seen(few: float, others: float, gain: int) -> None:
    errors = np.full((50, 20, 3), others)
    errors[0, :5] = few
    assert _gain(errors) == gain


def test_a_layer_is_among_the_stages_as_soon_as_it_has_ended(
    finished: tuple[Path, list[list[str]]], metrics: dict
) -> None:
    rows = [f"{row['stage']} {row['layer']}" for row in metrics["stages"]]
    assert len(rows) == 5  # the first is of the noise reference
    assert finished[1] == [rows[:n] for n in range(2, 6)]


def test_every_layer_is_on_target(metrics: dict) -> None:
    moved = [row for row in metrics["stages"] if row["stage"] != "reference"]
    order = [("noisify_source", "block1_conv1"), ("noisify_source", "block2_conv1")]
    order += [("impose", "block2_conv1"), ("impose", "block1_conv1")]
    assert [(row["stage"], row["layer"]) for row in moved] == order
    for row in moved:
        assert row["stop_reason"] == "reached"
        assert max(row["feature_mse"].values()) <= 1e-8
    assert set(moved[1]["feature_mse"]) == {"block1_conv1", "block2_conv1"}


def test_metrics_keep_the_contract(metrics: dict) -> None:
    assert metrics["schema"] == 1
    assert finite_or_null(metrics)
    assert metrics["image"] == {"height": 32, "width": 48}
    assert metrics["network"]["weights"] == "calibrated"
    assert len(metrics["network"]["weights_digest"]) == 64
    assert metrics["network"]["channels"]["block2_conv1"] == {"used": 128, "of": 128}
    assert metrics["peak_memory_bytes"] > 0
    assert all(row["passes"] > 0 for row in metrics["stages"])


def test_pictures_are_the_images(run_dir: Path, metrics: dict) -> None:
    source = images.load("sample:coffee", size=32).pixels
    saved = np.asarray(Image.open(run_dir / "images" / "source.png"))
    np.testing.assert_array_equal(saved, images.to_8bit(source))
    # No value differs in 8 bits, so the result's file holds the same picture.
    result = np.asarray(Image.open(run_dir / "images" / "result.png"))
    np.testing.assert_array_equal(result, saved)
    names = {path.stem for path in (run_dir / "images").iterdir()}
    expected = {"source", "result", "difference"}
    expected |= {"noisified_1_block1_conv1", "noisified_2_block2_conv1"}
    assert names == expected
    noisified = np.asarray(Image.open(run_dir / "images" / "noisified_2_block2_conv1.png"))
    assert np.mean(noisified != saved) > 0.5
    assert set(metrics["clipped_share"]) == expected - {"difference"}


def test_history_and_plots(run_dir: Path) -> None:
    with (run_dir / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["stage"] for row in rows} == {"noisify_source", "impose"}
    for stage, layer in {(row["stage"], row["layer"]) for row in rows}:
        path = [float(r["fraction"]) for r in rows if (r["stage"], r["layer"]) == (stage, layer)]
        assert path == sorted(path)
        assert path[-1] == 1.0
    assert {path.name for path in (run_dir / "plots").iterdir()} == {
        "loss_impose.png",
        "loss_noisify_source.png",
        "panel.png",
    }
    assert "size: 32" in (run_dir / "config.yaml").read_text(encoding="utf-8")
    assert not (run_dir / "tensorboard").exists(), "nobody asked for it"


def test_the_page_holds_the_pictures_and_the_command(run_dir: Path) -> None:
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    for picture in (run_dir / "images").glob("*.png"):
        assert base64.b64encode(picture.read_bytes()).decode() in page
    words = [word for word in SMALL if word != "layers=2"]  # the default
    command = html.unescape(re.findall(r"<code>(python .*?)</code>", page)[0]).split()
    assert sorted(command[3:]) == sorted([*words, "source=sample:coffee"])


def test_a_run_folder_is_never_reused(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.stat().st_mtime_ns for path in run_dir.rglob("*"))
    assert main([*SMALL, f"run_dir={run_dir}"]) == 2
    assert "not empty" in capsys.readouterr().err
    assert sorted(path.stat().st_mtime_ns for path in run_dir.rglob("*")) == before


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (90, 10, 200)])
def test_a_picture_of_one_colour_is_refused(
    colour: tuple[int, int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat, = 'odd' name.png"
    Image.new("RGB", (40, 40), colour).save(flat)
    quoted = str(flat).replace("'", "\\'")
    code = main([*SMALL, f"source='{quoted}'", f"run_dir={tmp_path / 'run'}"])
    assert code == 2
    assert "one colour" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_sweep_runs_every_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = [word for word in SMALL if not word.startswith("layers")]
    forget()
    calls = []
    monkeypatch.setattr(weights, "calibrate", lambda *of: calls.append(of) or calibrate(*of))
    assert main(["-m", *small, "layers=1", "image.size=16", "seed=0,1"]) == 0
    assert len(calls) == 1  # the network is loaded once for all
    runs = list((tmp_path / "runs" / "self_transfer").iterdir())
    seeds = {json.loads((run / "metrics.json").read_text())["seed"] for run in runs}
    assert seeds == {0, 1}
    (page,) = (tmp_path / "runs" / "sweeps").glob("*/report.html")
    links = re.findall(r'href="([^"]*)"', page.read_text(encoding="utf-8"))
    assert {(page.parent / link).resolve() for link in links} == {
        (run / "report.html").resolve() for run in runs
    }


def test_a_failing_cell_is_on_the_sweeps_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = "source=sample:chelsea,no_such_file.jpg"
    small = [word for word in SMALL if not word.startswith("layers")]
    assert main(["-m", *small, "layers=1", "image.size=16", sources]) == 2
    said = capsys.readouterr().err
    assert "1 of the sweep's runs failed" in said
    (page,) = (tmp_path / "runs" / "sweeps").glob("*/report.html")
    assert f"The sweep's report is {page.relative_to(tmp_path)}" in said
    text = page.read_text(encoding="utf-8")
    assert "1 of 2 runs finished. They differ in source." in text
    assert "Run 2 failed (source=no_such_file.jpg)" in text


def test_a_cell_that_falls_short_is_linked_on_the_sweeps_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short = ["image.size=16", "stepper=newton", "stepper.max_steps=1"]
    assert main(["-m", *SMALL, *short]) == 2
    (page,) = (tmp_path / "runs" / "sweeps").glob("*/report.html")
    (run,) = (tmp_path / "runs" / "self_transfer").iterdir()
    (link,) = re.findall(r'href="([^"]*)"', page.read_text(encoding="utf-8"))
    assert (page.parent / link).resolve() == (run / "report.html").resolve()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_picture(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main([*SMALL, "image.size=16", f"run_dir={tmp_path / name}"]) == 0
    for picture in ("result.png", "noisified_2_block2_conv1.png"):
        first, second = ((tmp_path / name / "images" / picture).read_bytes() for name in "ab")
        assert first == second


def test_an_unreachable_target_keeps_what_was_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # One Newton step is not enough for two layers.
    settings = ["stepper=newton", "stepper.max_steps=1", f"run_dir={tmp_path / 'run'}"]
    assert main([*SMALL, *settings]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert "block1_conv1" in line
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["stages"][-1]["stop_reason"] == "step_limit"
    assert "self_transfer" not in metrics
    assert not (tmp_path / "run" / "images" / "result.png").exists()
    assert (tmp_path / "run" / "images" / "noisified_1_block1_conv1.png").exists()


def test_the_network_as_it_was_trained_runs_and_says_its_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinks = ["network.activation=relu", "network.pooling=max", f"run_dir={tmp_path / 'run'}"]
    small = [word for word in SMALL if not word.startswith("layers")]
    assert main([*small, "layers=1", "image.size=16", *kinks]) == 0
    assert "ReLU or max pooling" in capsys.readouterr().err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["stepper"]["name"] == "rk4"
    assert 10 < metrics["self_transfer"]["psnr_db"] < 60
