"""A run says what it was made of, and can be repeated and compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouple.archive import read_npz
from decouple.overrides import read_config
from decouple.record.finished import saved_pixels
from decouple.record.metrics import read_metrics, write_metrics
from decouple.record.verification import Verdict, compare_runs
from decouple.run import main

FEW = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
FEW += ["flow=gradient", "stop.max_iterations=3"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        assert main([*FEW, f"run_dir={folder}"]) == 0
    return folder


def test_the_result_says_what_it_was_made_of(run_dir: Path) -> None:
    metrics = json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))
    with Image.open(run_dir / "images" / "result.png") as picture:
        text = {key: json.loads(value) for key, value in picture.text.items() if value[0] in '{"'}
        assert picture.info["Software"].startswith("decouple ")
    for part in ("versions", "device", "numerics"):
        assert text[part] == metrics[part]
    assert text["inputs"] == {
        "source": metrics["source"]["digest"],
        "weights": metrics["network"]["weights_digest"],
    }
    config = read_config(run_dir)
    assert text["config"]["stop.max_iterations"] == 3
    assert text["config"]["flow.name"] == config["flow"]["name"]
    assert "run_dir" not in text["config"]


def test_result_npz_holds_full_precision(run_dir: Path) -> None:
    with np.load(run_dir / "result.npz") as held:
        assert set(held.files) == {"result", "noisify_source/block1_conv1"}
        assert held["result"].dtype == np.float64
        assert held["noisify_source/block1_conv1"].shape == (64,)


def test_a_repetition_is_identical(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"verify={run_dir}"]) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert line.startswith("identical (same versions and setting); the repetition is in ")
    assert compare_runs(run_dir, run_dir / "verification-1").identical


def test_what_cannot_be_verified_is_refused(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: str) -> str:
        assert main(list(words)) == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    assert "no run folder" in refused(f"verify={tmp_path}")
    assert "seed= cannot be set" in refused(f"verify={run_dir}", "seed=1")
    shutil.copytree(run_dir, tmp_path / "copy")
    (tmp_path / "copy" / "metrics.json").unlink()
    assert "no finished run" in refused(f"verify={tmp_path / 'copy'}")


@pytest.mark.usefixtures("other_filters")
def test_another_setting_is_graded_and_said(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "other")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "77")
    assert main([f"verify={run_dir}"]) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert line.startswith("equal to 1e-")
    assert "; threads was " in line or "(threads was " in line
    assert ", is 77" in line
    assert "TF_ENABLE_ONEDNN_OPTS was not set, is other" in line


@pytest.mark.usefixtures("other_filters")
def test_other_weights_under_the_same_setting_are_refused(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"verify={run_dir}"]) == 2
    assert "weights are not those of the run" in capsys.readouterr().err


def test_other_weights_are_refused_under_another_setting_unless_calibrated(
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file, or ImageNet's weights, depend on no setting."""
    copy = Path(shutil.copytree(run_dir, tmp_path / "copy"))
    metrics = json.loads((copy / "metrics.json").read_text(encoding="utf-8"))
    metrics["network"].update(weights="imagenet", weights_digest="another")
    write_metrics(copy, metrics)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "other")
    assert main([f"verify={copy}"]) == 2
    assert "weights are not those of the run" in capsys.readouterr().err


@pytest.mark.slow
def test_without_onednn_a_run_is_graded(run_dir: Path) -> None:
    """Its kernels sum in another order; which of them there are is settled in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "decouple.run", f"verify={run_dir}"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
            "TF_ENABLE_ONEDNN_OPTS": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line = done.stdout.strip().splitlines()[-1]
    assert line.startswith(("identical (", "equal to 1e-"))
    assert "TF_ENABLE_ONEDNN_OPTS was not set, is 0" in line


def of_other_threads(folder: Path) -> None:
    metrics = read_metrics(folder)
    metrics["numerics"] = {**metrics["numerics"], "threads": 77}
    write_metrics(folder, metrics)


def with_arrays(folder: Path, **changed: np.ndarray) -> None:
    arrays = read_npz(folder / "result.npz")
    np.savez(folder / "result.npz", **{**arrays, **changed})


def test_grades(run_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run_dir, other)
    metrics = read_metrics(other)
    metrics["stages"][2]["image_digest"] = "another"
    write_metrics(other, metrics)
    result = read_npz(run_dir / "result.npz")["result"]
    for apart, grade in ((3e-8, "equal to 1e-7"), (0.5, "different (by 5.0e-01)")):
        with_arrays(other, result=result + apart)
        verdict = compare_runs(run_dir, other)
        assert str(verdict) == f"different (by {apart:.1e}); they part at impose, block1_conv1"
        assert not verdict.same, "one setting gives the same bits"
        of_other_threads(other)
        verdict = compare_runs(run_dir, other)
        assert str(verdict) == f"{grade}; they part at impose, block1_conv1"
        assert verdict.same == (apart < 1e-3)
        write_metrics(other, metrics)
    assert str(Verdict(False, 0.0, "history.csv")).startswith("equal results")


@pytest.mark.parametrize(
    ("name", "levels", "same"),
    [("result", 1, True), ("result", 2, False), ("source", 2, False), ("difference", 23, True)],
)
def test_pictures_are_equal_within_a_level(
    name: str, levels: int, same: bool, run_dir: Path, tmp_path: Path
) -> None:
    """But for the amplified errors, which rounding alone changes."""
    other = Path(shutil.copytree(run_dir, tmp_path / "other"))
    path = other / "images" / f"{name}.png"
    pixels = saved_pixels(path).astype(int)
    pixels[3, 4, 1] += levels if pixels[3, 4, 1] < 128 else -levels
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    of_other_threads(other)
    verdict = compare_runs(run_dir, other)
    assert not verdict.identical
    assert verdict.same == same
    assert str(verdict).endswith(f"they part at images/{name}.png")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["result", "noisify_source/block1_conv1"])
def test_what_is_not_finite_is_never_equal(
    value: float, name: str, run_dir: Path, tmp_path: Path
) -> None:
    """Not even to itself."""
    other = Path(shutil.copytree(run_dir, tmp_path / "other"))
    array = read_npz(other / "result.npz")[name]
    array.flat[5] = value
    with_arrays(other, **{name: array})
    of_other_threads(other)
    for first, second in ((run_dir, other), (other, run_dir), (other, other)):
        verdict = compare_runs(first, second)
        assert not verdict.same
        assert str(verdict).endswith(f"they part at {name}")


def test_a_history_that_is_not_finite_is_never_equal(run_dir: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run_dir, tmp_path / "other"))
    *rows, last = (other / "history.csv").read_text(encoding="utf-8").splitlines()
    cells = last.split(",")
    cells[-1] = "inf"
    (other / "history.csv").write_text("\n".join([*rows, ",".join(cells), ""]), encoding="utf-8")
    assert str(compare_runs(other, other)) == "different; they part at history.csv"
