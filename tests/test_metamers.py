"""Runs of metamers: what is recorded and shown, what is refused, and going on with one."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pytest

from decouple import images
from decouple.config import own_settings
from decouple.experiments import KINDS
from decouple.overrides import composed
from decouple.pipeline import metamers
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.runs import check_refused, cut, flat_picture, read, stages_walked

SMALL = [
    *("+experiment=metamers", "network.weights=calibrated", "layers=1", "image.size=24"),
    "checkpoint.every_seconds=0",
]
FROM_NOISE = [*SMALL, "metamers.start=colours"]
RUN = [*SMALL, "metamers.steps=3"]
TWO = [*RUN, "count=2", "seed=3"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metamers") / "run"
    assert main([*TWO, f"run_dir={folder}"]) == 0
    return folder


def test_there_is_an_image_for_each_seed(run_dir: Path) -> None:
    for name in ("result", "result_seed_3", "result_seed_4"):
        assert images.load(run_dir / "images" / f"{name}.png").pixels.shape == (24, 24, 3)
    with np.load(run_dir / "result.npz") as held:
        np.testing.assert_array_equal(held["result"], held["seed_3"])
        assert images.rms(held["seed_3"] - held["seed_4"]) > 0.05
    stages = read(run_dir)["stages"]
    assert [row["stage"] for row in stages] == ["reference", "metamer_3", "metamer_4"]
    assert {"result_seed_3", "result_seed_4"} <= set(read(run_dir)["clipped_share"])


def test_features_are_equal_beside_those_of_unrelated_pictures(run_dir: Path) -> None:
    metrics = read(run_dir)
    own = metrics["metamers"]
    assert own["largest_relative_mse"] <= 1e-9
    assert own["of_unrelated"]["pairs"] == len(metamers.UNRELATED) * (len(metamers.UNRELATED) - 1)
    assert own["least_spearman"] > 0.999 > own["of_unrelated"]["largest_spearman"]
    rows = {row["method"]: row for row in metrics["judges"]["rows"]}
    nearest, median = (rows[f"unrelated pictures, {k} pair"] for k in ("nearest", "median"))
    for name in ("seed_3", "seed_4"):
        row, key = rows[name], "relative_mse.block1_conv1"
        assert row[key] <= 1e-9 < nearest[key] < median[key]
        assert row["feature_snr_db"] >= 90 > nearest["feature_snr_db"] > median["feature_snr_db"]
    apart = np.array(own["rms"])
    assert own["names"] == ["source", "seed_3", "seed_4"]
    assert rows["seed_3"]["rms"] == apart[1, 0] > 0.05
    assert rows["seed_3"]["nearest_rms"] == apart[1, 2] == own["between_images"]["rms"]
    assert own["ssim"][1][1] == pytest.approx(1)


def test_page_table_and_figures(run_dir: Path) -> None:
    page = html.unescape((run_dir / "report.html").read_text(encoding="utf-8"))
    assert metamers.READING in page
    for words in ("<b>seed_3</b>", "largest feature MSE", "unrelated pictures, nearest pair"):
        assert words in page, words
    assert "tolerance" not in read(run_dir)
    for name in ("plots/pairs.png", "plots/loss_metamer.png", "judges.csv"):
        assert (run_dir / name).exists(), name
    assert not (run_dir / "plots" / "loss_metamer_3.png").exists()


def test_a_run_that_is_cut_goes_on_after_the_images_that_were_done(
    run_dir: Path, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "cut"
    cut(monkeypatch, [*TWO, f"run_dir={folder}"], "result_seed_3")
    walked = stages_walked(monkeypatch)
    assert main([f"resume={folder}"]) == 0
    assert walked == ["metamer_4"]
    assert compare_runs(run_dir, folder).identical


def test_opposite_images_are_farther_from_each_other_than_others(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["metamers.pairs=true", "metamers.steps=30", "count=2", "seed=3"]
    assert main([*RUN, *words, f"run_dir={folder}"]) == 0
    own = read(folder)["metamers"]
    assert own["names"] == ["source", "seed_3", "seed_3_opposite", "seed_4", "seed_4_opposite"]
    assert own["largest_relative_mse"] <= 1e-9
    apart = np.array(own["rms"])
    assert own["of_pairs"]["rms"] == pytest.approx((apart[1, 2] + apart[3, 4]) / 2)
    others = [apart[i, j] for i in (1, 2) for j in (3, 4)]
    assert own["of_pairs"]["rms"] > max(others), "0.32 beside 0.28 to 0.30"
    stages = [row["stage"] for row in read(folder)["stages"]]
    assert stages[1:3] == ["metamer_3", "metamer_opposite_3"]
    assert "RMS difference of opposite images" in (folder / "report.html").read_text("utf-8")


def test_noise_is_moved_to_the_features_and_a_run_of_it_goes_on(tmp_path, monkeypatch) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "cut"
    words = [*FROM_NOISE, "count=2", "seed=3"]
    assert main([*words, f"run_dir={whole}"]) == 0
    metrics = read(whole)
    assert metrics["metamers"]["largest_relative_mse"] <= 1e-9
    assert metrics["flow"]["name"] == "matching"
    assert metrics["flow"]["start"] == "colours"
    assert [row["stage"] for row in metrics["stages"]] == ["reference", "metamer_3", "metamer_4"]
    cut(monkeypatch, [*words, f"run_dir={folder}"], "result_seed_3")
    walked = stages_walked(monkeypatch)
    assert main([f"resume={folder}"]) == 0
    assert walked == ["metamer_4"]
    assert compare_runs(whole, folder).identical


def test_an_image_alone_has_no_pair(run_dir: Path, tmp_path) -> None:
    folder = tmp_path / "run"
    assert main([*RUN, "seed=3", "count=1", f"run_dir={folder}"]) == 0
    own = read(folder)["metamers"]
    assert own["between_images"] == {"rms": None, "ssim": None}
    with np.load(run_dir / "result.npz") as many, np.load(folder / "result.npz") as one:
        np.testing.assert_array_equal(one["result"], many["seed_3"])


def test_a_walk_that_gets_stuck_is_one_line_with_how_far_it_came(tmp_path, capsys) -> None:
    folder = tmp_path / "run"
    assert main([*RUN, "count=1", "metamers.mse=1e-30", f"run_dir={folder}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "metamer_0 came to an RMS distance of 0 in 0 steps" in line
    assert read(folder)["stages"][-1]["stop_reason"] == "step_collapse"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["count=0"], "count=0 must be a number of images"),
        (["count=two"], "count=two"),
        (["metamers.step=0"], "metamers.step=0"),
        (["metamers.steps=0"], "metamers.steps=0"),
        (["metamers.distance=-0.1"], "metamers.distance=-0.1"),
        (["metamers.mse=inf"], "metamers.mse=inf"),
        (["metamers.directions=pink"], "metamers.directions"),
        (["metamers.start=pink"], "metamers.start"),
        (["metamers.iterations=9"], "no meaning with metamers.start=source"),
        (["metamers.start=uniform"], "no meaning with metamers.start=uniform"),
        (["layers=2", "image.size=8", "image.fit=crop"], "leave it no freedom"),
        (["layers=5", "image.size=12"], "too small for block5_conv1"),
        (["target=sample:brick"], "no meaning in metamers"),
        (["flow=lift"], "no meaning in metamers"),
        (["tolerance=1e-3"], "no meaning in metamers"),
    ],
)
def test_a_mistake_costs_one_line_and_leaves_nothing(words, said, tmp_path, capsys) -> None:
    check_refused([*RUN, *words], said, tmp_path / "run", capsys)


def test_no_iterations_from_noise_are_refused(tmp_path, capsys) -> None:
    words = [*FROM_NOISE, "metamers.iterations=0"]
    check_refused(words, "metamers.iterations=0 must be above 0", tmp_path / "run", capsys)


def test_noise_that_does_not_get_there_is_one_line_with_how_near_it_came(tmp_path, capsys) -> None:
    folder = tmp_path / "run"
    assert main([*FROM_NOISE, "count=1", "metamers.iterations=2", f"run_dir={folder}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "metamer_0 came to relative feature MSE of at most" in line
    assert read(folder)["stages"][-1]["stop_reason"] == "step_limit"


def test_a_source_of_one_colour_is_refused(tmp_path, capsys) -> None:
    words = [*RUN, f"source={flat_picture(tmp_path)}"]
    check_refused(words, "one colour", tmp_path / "run", capsys)


def test_two_experiments_share_a_setting_of_one_default() -> None:
    sharing = [kind.name for kind in KINDS if "count" in kind.settings]
    assert sharing == ["metamers", "synthesize"]
    assert own_settings()["count"] == 1
    assert [composed(f"+experiment={name}")["count"] for name in sharing] == [8, 1]


def test_a_plan_counts_the_images(capsys) -> None:
    assert main([*RUN, "count=4", "plan=true"]) == 0
    assert "at most about 660 passes" in capsys.readouterr().err
