"""Whole runs of the Gatys family: what is recorded, and going on with a run."""

from __future__ import annotations

import base64
import html
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouple import images
from decouple.record.checkpoint import read_checkpoint, write_checkpoint
from decouple.record.folder import RunFolder
from decouple.record.history import read_history
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.runs import arrays, read

SMALL = [
    *("network.weights=calibrated", "layers=2", "gatys.content.layers=[block2_conv1]"),
    *("image.size=24", "source=sample:coffee", "target=sample:chelsea"),
]
MORENO = ["+experiment=gatys_moreno", *SMALL]
COURSE = ["+experiment=gatys_course", "gatys.save_every=1", *SMALL]

SCALES = [*MORENO, "gatys.scales=3", "image.size=32"]
SCALES += ["stop.max_iterations=3", "optimizer.evaluations=8"]
SCALE_STAGES = ("scale_1", "scale_2", "optimize")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gatys") / "run"
    assert main([*MORENO, "stop.max_iterations=4", f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def metrics(run_dir: Path) -> dict:
    return read(run_dir)


def test_metrics_say_what_was_optimized(metrics: dict) -> None:
    assert metrics["flow"]["name"] == "gram"
    assert metrics["stepper"]["name"] == "lbfgs"
    assert metrics["stepper"]["evaluations"] == 20
    (stage,) = metrics["stages"]
    assert (stage["stage"], stage["stop_reason"], stage["steps"]) == ("optimize", "completed", 4)
    assert 2 * 4 * 19 <= stage["passes"] <= 2 * 4 * 23
    assert stage["losses"]["total"] < 0.5 * stage["losses_before"]["total"]
    assert stage["losses_before"]["content"] == 0, "it starts from the content"
    own = metrics["gatys"]
    assert own["weighting"].startswith("balanced")
    assert "Gram / 6HW of the image" in own["objective"]
    for layer, distance in own["gram_distance_to_source"].items():
        assert distance < own["gram_distance_target_to_source"][layer]
    assert "tolerance" not in metrics
    assert "noise" not in metrics


def test_the_history_falls(run_dir: Path, metrics: dict) -> None:
    rows = read_history(run_dir / "history.csv")
    totals = [row.losses["total"] for row in rows]
    assert len(totals) == 4
    assert totals == sorted(totals, reverse=True)
    assert set(rows[0].losses) == {"total", "content", "style", "variation"}
    assert rows[0].feature_mse == {}
    saved = metrics["gatys"]["iterations"]
    assert [saved[str(row.step)] for row in rows] == pytest.approx(totals)


def test_pictures_span_their_range(run_dir: Path, metrics: dict) -> None:
    """Rounded and over the full range; clipped at save only, and said to be."""
    pixels = np.asarray(Image.open(run_dir / "images" / "result.png"))
    arrays, _ = read_checkpoint(run_dir)
    best = arrays["state.watch.best"]
    np.testing.assert_array_equal(pixels, images.to_8bit(best))
    assert best.min() < 0
    assert pixels.min() == 0
    assert metrics["clipped_share"]["result"] == pytest.approx(np.mean((best < 0) | (best > 1)))
    names = {path.stem for path in (run_dir / "images").iterdir()}
    assert names == {"source", "target", "result", *(f"iteration_{n}" for n in (1, 2, 3, 4))}
    last = np.asarray(Image.open(run_dir / "images" / "iteration_4.png"))
    np.testing.assert_array_equal(last, pixels)


def test_figures_and_page(run_dir: Path, metrics: dict) -> None:
    names = {path.name for path in (run_dir / "plots").iterdir()}
    assert names == {"contact_sheet.png", "loss_optimize.png", "panel.png"}
    page = html.unescape((run_dir / "report.html").read_text(encoding="utf-8"))
    for heading in ("Result", "Contact sheet", "Objective", "Stages", "Loss curves", "Settings"):
        assert f"<h2>{heading}</h2>" in page
    assert "<h1>Style transfer with Moreno's settings</h1>" in page
    assert metrics["gatys"]["objective"] in page
    assert 'class="notice"' not in page, "a run that did what was asked for needs no excuse"
    sheet = base64.b64encode((run_dir / "plots" / "contact_sheet.png").read_bytes()).decode()
    single = base64.b64encode((run_dir / "images" / "iteration_1.png").read_bytes()).decode()
    assert sheet in page
    assert single not in page


LBFGS = [*MORENO, "optimizer=lbfgs", "gatys.save_every=3"]


@pytest.mark.parametrize("experiment", [MORENO, COURSE, LBFGS], ids=["restarted", "adam", "lbfgs"])
def test_a_run_cut_in_two_is_the_uncut_run(experiment: list[str], tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert main([*experiment, "stop.max_iterations=5", f"run_dir={whole}"]) == 0
    assert main([*experiment, "stop.max_iterations=2", f"run_dir={cut}"]) == 0
    assert main([f"resume={cut}", "stop.max_iterations=5"]) == 0
    ours, theirs = (read_checkpoint(folder)[0] for folder in (cut, whole))
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    pictures = {path.name for path in (whole / "images").iterdir()}
    for name in pictures:
        assert (cut / "images" / name).read_bytes() == (whole / "images" / name).read_bytes(), name
    rows, whole_rows = (read_history(folder / "history.csv") for folder in (cut, whole))
    assert [row.step for row in rows] == [1, 2, 3, 4, 5]
    assert [row.losses for row in rows] == [row.losses for row in whole_rows]
    assert [row.passes for row in rows] == [row.passes for row in whole_rows]
    assert [row.fraction for row in rows] == [row.fraction for row in whole_rows]
    assert compare_runs(cut, whole).identical
    done, undivided = read(cut)["gatys"], read(whole)["gatys"]
    assert done["resumed_after"] == [2]
    assert {**done, "resumed_after": []} == undivided


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = [*COURSE, "stop.max_iterations=6"]
    assert main([*words, f"run_dir={whole}"]) == 0
    save = RunFolder.save_image

    def interrupted(self: RunFolder, name: str, pixels: np.ndarray, *text: object) -> float:
        if name == "iteration_4":
            raise KeyboardInterrupt
        return save(self, name, pixels, *text)

    monkeypatch.setattr(RunFolder, "save_image", interrupted)
    assert main([*words, "checkpoint.every_seconds=0", f"run_dir={cut}"]) == 130
    monkeypatch.undo()
    assert not (cut / "metrics.json").exists()
    # The fourth iteration was reported, but its state was not written.
    assert len(read_history(cut / "history.csv")) == 4
    assert int(read_checkpoint(cut)[0]["state.watch.iterations"]) == 3
    assert main([f"resume={cut}"]) == 0
    rows, whole_rows = (read_history(folder / "history.csv") for folder in (cut, whole))
    assert [row.step for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.losses for row in rows] == [row.losses for row in whole_rows]
    result = (cut / "images" / "result.png").read_bytes()
    assert result == (whole / "images" / "result.png").read_bytes()
    assert read(cut)["gatys"]["resumed_after"] == [3]


@pytest.mark.parametrize("where", ["plot_losses", "plot_panel", "write_page"])
def test_a_run_that_is_cut_while_it_is_drawn_is_completed(
    where: str,
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All iterations are behind it, and it is done once it has its page."""

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    cut = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(f"decouple.pipeline.recorder.{where}", interrupted)
        assert main([*MORENO, "stop.max_iterations=4", f"run_dir={cut}"]) == 130
    assert f"resume={cut}" in capsys.readouterr().err
    assert (cut / "metrics.json").exists()
    assert "This run was interrupted before its end." in (cut / "report.html").read_text("utf-8")
    assert main([f"resume={cut}"]) == 0
    verdict = compare_runs(run_dir, cut)
    assert verdict.identical, verdict
    assert {p.name for p in cut.rglob("*")} == {p.name for p in run_dir.rglob("*")}
    assert main([f"resume={cut}"]) == 2
    assert "stop.max_iterations above 4" in capsys.readouterr().err


@pytest.fixture(scope="module")
def scales_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over three scales, of 16, 23 and 32 px, three iterations each."""
    folder = tmp_path_factory.mktemp("scales") / "run"
    assert main([*SCALES, f"run_dir={folder}"]) == 0
    return folder


def test_each_scale_begins_where_the_one_before_ended(scales_dir: Path, tmp_path: Path) -> None:
    assert main([*SCALES, "gatys.scales=1", f"run_dir={tmp_path / 'one'}"]) == 0
    metrics, single = read(scales_dir), read(tmp_path / "one")
    assert (metrics["gatys"]["scales"], single["gatys"]["scales"]) == (3, 1)
    stages = metrics["stages"]
    assert [row["stage"] for row in stages] == ["scale_1", "scale_2", "optimize"]
    assert [row["steps"] for row in stages] == [3, 3, 3]
    sizes = [
        images.load(scales_dir / "images" / f"{name}.png").pixels.shape[0]
        for name in ("scale_1", "scale_2", "result")
    ]
    assert sizes == [16, 23, 32]
    # The same objective at full size, begun nearer to what it wants.
    assert metrics["gatys"]["weights"] == single["gatys"]["weights"]
    begun, unprepared = (m["stages"][-1]["losses_before"]["total"] for m in (metrics, single))
    assert begun < 0.5 * unprepared
    start = read_checkpoint(scales_dir)[0]["state.start"]
    coarse = images.load(scales_dir / "images" / "scale_2.png").pixels
    np.testing.assert_allclose(
        np.clip(start, 0, 1), images.resized(coarse, start.shape[:2]), atol=0.3
    )
    assert np.abs(start - images.resized(coarse, start.shape[:2])).mean() < 0.03


def test_scales_have_curves_and_a_place_on_the_sheet(scales_dir: Path) -> None:
    names = {path.stem for path in (scales_dir / "plots").iterdir()}
    assert names == {"contact_sheet", "panel", *(f"loss_{s}" for s in SCALE_STAGES)}
    rows = read_history(scales_dir / "history.csv")
    assert [row.stage for row in rows] == [stage for stage in SCALE_STAGES for _ in range(3)]
    page = html.unescape((scales_dir / "report.html").read_text(encoding="utf-8"))
    assert "Loss curves: scale 1" in page
    assert page.count("<dt>loss</dt>") == 1, "that of the full size"
    assert 'class="notice"' not in page


def interrupted_at(name: str, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """Run until the picture `name` is to be saved, and no further."""
    save = RunFolder.save_image

    def interrupted(self: RunFolder, saved: str, pixels: np.ndarray, *text: object) -> float:
        if saved == name:
            raise KeyboardInterrupt
        return save(self, saved, pixels, *text)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save_image", interrupted)
        assert main(words) == 130


def test_a_run_over_scales_goes_on_at_full_size(
    scales_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut"
    words = [*SCALES, "checkpoint.every_seconds=0", f"run_dir={cut}"]
    interrupted_at("iteration_3", monkeypatch, words)
    assert main([f"resume={cut}"]) == 0
    for name in ("scale_1", "scale_2", "iteration_3", "result"):
        ours, theirs = (folder / "images" / f"{name}.png" for folder in (cut, scales_dir))
        assert ours.read_bytes() == theirs.read_bytes(), name
    rows, whole = (read_history(folder / "history.csv") for folder in (cut, scales_dir))
    assert [(row.stage, row.losses) for row in rows] == [(row.stage, row.losses) for row in whole]
    done, undivided = read(cut), read(scales_dir)
    assert done["gatys"]["resumed_after"] == [2]
    for key in ("stage", "steps", "passes", "losses", "losses_before"):
        assert [row[key] for row in done["stages"]] == [row[key] for row in undivided["stages"]]


def test_a_run_that_was_cut_at_a_coarser_scale_begins_anew(
    scales_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut"
    words = [*SCALES, "checkpoint.every_seconds=0", f"run_dir={cut}"]
    interrupted_at("scale_2", monkeypatch, words)
    assert main([f"resume={cut}"]) == 0
    assert compare_runs(scales_dir, cut).identical


def test_what_cannot_go_on_is_refused(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run_dir, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def refused(*words: str) -> str:
        assert main([f"resume={folder}", *words]) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("error: ")
        return line

    assert "stop.max_iterations above 4" in refused()
    assert "layers= cannot be set" in refused("layers=1")
    assert "+experiment=gatys_moreno" in refused("+experiment=gatys_course")
    assert "sweep" in refused("-m", "stop.max_iterations=5,6")
    assert {path: path.read_bytes() for path in before} == before
    arrays, about = read_checkpoint(folder)
    write_checkpoint(folder, arrays, {**about, "inputs": {**about["inputs"], "source": "other"}})
    assert "source is not what the run" in refused("stop.max_iterations=5")
    (folder / "checkpoint.npz").write_bytes(before[folder / "checkpoint.npz"][:500])
    assert "damaged" in refused("stop.max_iterations=5")
    (folder / "checkpoint.npz").unlink()
    assert "no '" in refused("stop.max_iterations=5")
    folder = tmp_path / "none"
    assert "no run folder" in refused()


def test_from_noise_by_means_with_a_picture_of_ones_own_shape(tmp_path: Path) -> None:
    words = ["gatys.start=noise", "gatys.style.statistic=means", "gatys.style.fit=keep"]
    words += ["gatys.style.normalization=null", "gatys.weights=raw", "gatys.style.weight=1e4"]
    words += ["gatys.content.weight=0", "gatys.variation.weight=0", "stop.max_iterations=2"]
    assert main([*MORENO, *words, "gatys.save_every=null", f"run_dir={tmp_path / 'run'}"]) == 0
    metrics = read(tmp_path / "run")
    assert metrics["flow"] == {"name": "means", "family": "gatys", "start": "noise"}
    assert set(metrics["stages"][0]["losses"]) == {"total", "style"}
    assert metrics["gatys"]["weights"] == {
        "style/block1_conv1": 5e3,
        "style/block2_conv1": 5e3,
    }
    names = {path.stem for path in (tmp_path / "run" / "images").iterdir()}
    assert names == {"source", "target", "result"}
    assert metrics["source"]["width"] == 36


def test_a_start_from_a_file_and_the_style(run_dir: Path, tmp_path: Path) -> None:
    result = run_dir / "images" / "result.png"
    words = [*MORENO, "stop.max_iterations=1", f"gatys.start={result}"]
    assert main([*words, f"run_dir={tmp_path / 'file'}"]) == 0
    saved = np.asarray(Image.open(tmp_path / "file" / "images" / "start.png"))
    np.testing.assert_array_equal(saved, np.asarray(Image.open(result)))
    words = [*MORENO, "stop.max_iterations=1", "gatys.start=style"]
    assert main([*words, f"run_dir={tmp_path / 'style'}"]) == 0
    source = images.load(tmp_path / "style" / "images" / "source.png").pixels
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "style")[0]["state.start"], source)


def test_gatys_settings_mean_nothing_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("gatys.start=noise", "compare.passes=3"):
        assert main(["+experiment=self_transfer", word]) == 2
        assert "has no meaning in self_transfer" in capsys.readouterr().err


def test_values_that_are_not_finite_end_the_run_with_iteration_and_term(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["optimizer=adam", "optimizer.learning_rate=1e30", "stop.max_iterations=3"]
    run = tmp_path / "run"
    assert main([*COURSE, "image.size=16", *words, f"run_dir={run}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "optimize stopped at iteration 1, where " in line
    assert "style" in line
    metrics = read(run)
    assert metrics["stages"][0]["stop_reason"] == "not_finite"
    assert metrics["gatys"]["not_finite"]["iteration"] == 1
    # The last good image: here the first one.
    assert np.isfinite(arrays(run)["result"]).all()
    assert not (run / "checkpoint.npz").exists()


def test_comparisons_are_at_one_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["+experiment=compare", "gatys.scales=2"]) == 2
    assert "gatys.scales= has no meaning in compare" in capsys.readouterr().err


def test_choices_are_those_of_the_code() -> None:
    from decouple.config import choices
    from decouple.gatys import Distance, Form, Normalization, Statistic

    for name, kind in (
        ("gatys.style.statistic", Statistic),
        ("gatys.style.normalization", Normalization),
        ("gatys.style.distance", Distance),
        ("gatys.content.distance", Distance),
        ("gatys.variation.form", Form),
    ):
        assert choices()[name] == tuple(member.value for member in kind)
