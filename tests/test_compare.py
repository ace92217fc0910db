"""Gram matrices, means and decoupled features side by side, at a size at which it takes seconds."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path

import numpy as np
import pytest

from decouple import images
from decouple.run import main

RUN = [
    *("+experiment=compare", "network.weights=calibrated", "layers=1", "image.size=20"),
    *("tolerance=1e-2", "stop.stagnation=0"),
    *("gatys.content.layers=[block1_conv2]", "compare.held_out=[block2_conv1]"),
    *("source=sample:gravel", "target=sample:chelsea"),
]
METHODS = ["lift:auto", "projected:lbfgs", "gram:lbfgs", "means:adam"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare") / "run"
    methods = f"compare.methods=[{','.join(repr(m) for m in METHODS)}]"
    assert main([*RUN, methods, f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def metrics(run_dir: Path) -> dict:
    return json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(metrics: dict) -> dict[str, dict]:
    return {row["method"]: row for row in metrics["compare"]["rows"]}


@pytest.mark.slow
def test_the_reference_rows_are_the_ends_of_the_scales(rows: dict[str, dict]) -> None:
    assert list(rows) == ["target", "source", "noise", *METHODS]
    target, source, noise = rows["target"], rows["source"], rows["noise"]
    distances = [key for key in target if "distance" in key]
    assert len(distances) == 5
    assert all(source[key] == 0 for key in distances)
    assert all(target[key] > 0.05 for key in distances)
    assert (target["ssim"], target["gradient_similarity"]) == pytest.approx((1, 1))
    assert target["luminance_structure_change"] == pytest.approx(0, abs=1e-6)
    assert abs(noise["ssim"]) < 0.2
    assert target["psnr_db"] is None, "infinite"
    assert source["passes"] is None


def test_each_method_does_what_it_is_for(rows: dict[str, dict]) -> None:
    target = rows["target"]
    for method in METHODS:
        row = rows[method]
        assert "failure" not in row or row["failure"] is None
        assert row["means_distance"] < 0.5 * target["means_distance"], method
        assert row["ssim"] > rows["source"]["ssim"], method
        assert row["seconds"] > 0
        assert row["peak_memory_bytes"] > 1e8
    assert rows["gram:lbfgs"]["gram_distance"] < 0.2 * target["gram_distance"]
    assert rows["lift:auto"]["decoupled_distance"] < 1e-2
    assert rows["projected:lbfgs"]["decoupled_distance"] < 0.1


def test_budgets_are_equal(rows: dict[str, dict], metrics: dict) -> None:
    budget = metrics["compare"]["passes"]
    assert budget == rows["lift:auto"]["passes"]
    assert rows["means:adam"]["passes"] in (budget, budget + 1)
    # An outer iteration of L-BFGS is finished.
    assert rows["gram:lbfgs"]["passes"] <= budget + 2 * 40
    assert rows["projected:lbfgs"]["passes"] <= budget + 3 * 40


def test_numbers_are_those_of_the_pictures(run_dir: Path, rows: dict[str, dict]) -> None:
    target = images.load(run_dir / "images" / "target.png").pixels
    for method in METHODS:
        name = method.replace(":", "_")
        result = images.load(run_dir / "images" / f"result_{name}.png").pixels
        own = images.load(run_dir / "methods" / name / "images" / "result.png").pixels
        np.testing.assert_array_equal(result, own)
        # The file is rounded, and clipped.
        assert images.psnr_db(result, target) == pytest.approx(rows[method]["psnr_db"], abs=0.5)
        assert (run_dir / "methods" / name / "report.html").exists()


def test_table_panel_and_page(run_dir: Path, metrics: dict, rows: dict[str, dict]) -> None:
    with (run_dir / "compare.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["method"] for row in table] == list(rows)
    assert float(table[3]["ssim"]) == rows["lift:auto"]["ssim"]
    page = html.unescape((run_dir / "report.html").read_text(encoding="utf-8"))
    words = (run_dir / "compare.md").read_text(encoding="utf-8")
    for text in (page, words):
        assert metrics["compare"]["reading"] in text
    for title in ("source", "target", "noise", *METHODS):
        assert f"<b>{title}</b>" in page
    assert (run_dir / "plots" / "panel.png").exists()
    assert "no result" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare.methods=[]"], "at least one"),
        (["compare.methods=[grm:lbfgs]"], "did you mean 'gram'"),
        (["compare.methods=[gram:lbfg]"], "did you mean 'lbfgs'"),
        (["compare.methods=[lift:lbfgs]"], "way to move of lift"),
        (["compare.passes=0"], "compare.passes=0"),
        (["compare.held_out=[block1_conv7]"], "block1_conv7"),
        (["gatys.style.statistic=means"], "no meaning in compare"),
        (["resume=runs"], "resume=runs"),
        (["target=null"], "source's style"),
    ],
)
def test_a_mistake_costs_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, *words]) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("error: ")
    assert "\n" not in line
    assert said in line
