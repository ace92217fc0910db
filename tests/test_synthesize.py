"""Textures from noise: what is recorded, how near they come, and going on with a run."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pytest

from decouple import gatys, images
from decouple.errors import ConfigError
from decouple.features.distances import layer_statistics
from decouple.gatys import Objective
from decouple.images.noise import noise_start
from decouple.overrides import composed
from decouple.pipeline import synthesize, texture_makers
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.runs import check_refused, cut, flat_picture, read

RUN = [
    *("+experiment=synthesize", "network.weights=calibrated", "layers=2", "image.size=32"),
    *("output.size=[32,48]", "source=sample:grass", "synthesize.held_out=[block1_conv2]"),
    *("synthesize.start=uniform", "stop.max_iterations=15", "checkpoint.every_seconds=0"),
]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthesize") / "run"
    assert main([*RUN, "count=2", "seed=3", f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(run_dir: Path) -> dict[str, dict]:
    return {row["method"]: row for row in read(run_dir)["judges"]["rows"]}


def test_there_is_an_image_for_each_seed_of_the_size_asked_for(run_dir: Path) -> None:
    for name in ("result", "result_seed_3", "result_seed_4", "start_seed_3", "start_seed_4"):
        assert images.load(run_dir / "images" / f"{name}.png").pixels.shape == (32, 48, 3)
    assert read(run_dir)["image"] == {"height": 32, "width": 48}
    with np.load(run_dir / "result.npz") as held:
        assert {"result", "seed_3", "seed_4"} <= set(held.files)
        np.testing.assert_array_equal(held["result"], held["seed_3"])


def test_images_come_near_the_source_from_noise(rows: dict[str, dict]) -> None:
    names = ["source", "left half against right", "another texture, sample:gravel", "noise"]
    assert list(rows) == [*names, "seed_3", "seed_4"]
    assert rows["source"]["gram_squared_distance"] == 0
    for name in ("seed_3", "seed_4"):
        for key in ("gram_squared_distance", "gram_squared_distance_held_out"):
            assert rows[name][key] < 0.2 * rows["noise"][key], key
        assert rows[name]["passes"] >= 15 * 2
        assert rows[name]["seconds"] > 0


def test_page_table_and_figure(run_dir: Path, rows: dict[str, dict]) -> None:
    page = html.unescape((run_dir / "report.html").read_text(encoding="utf-8"))
    assert synthesize.READING in page
    for words in ("‖G − A‖²/‖A‖²", "<b>seed_3</b>", "diversity", "enlarged", *rows):
        assert words in page, words
    assert (run_dir / "judges.csv").exists()
    own = read(run_dir)["synthesize"]
    assert own["diversity"] == pytest.approx(1, abs=0.3)
    values = [rows[name]["gram_squared_distance"] for name in ("seed_3", "seed_4")]
    assert own["median"]["gram_squared_distance"] == pytest.approx(np.median(values))


def test_an_image_does_not_depend_on_which_seeds_come_with_it(run_dir: Path, tmp_path) -> None:
    alone = tmp_path / "alone"
    assert main([*RUN, "seed=4", f"run_dir={alone}"]) == 0
    with np.load(run_dir / "result.npz") as many, np.load(alone / "result.npz") as one:
        np.testing.assert_array_equal(one["result"], many["seed_4"])
        assert not np.array_equal(many["seed_3"], many["seed_4"])


def test_a_run_that_is_cut_goes_on_after_the_images_that_were_done(
    run_dir: Path, tmp_path, monkeypatch, capsys
) -> None:
    folder, made = tmp_path / "cut", []

    def counted(*what, **how):
        made.append(how)
        return optimize(*what, **how)

    optimize = texture_makers.optimize
    cut(monkeypatch, [*RUN, "count=2", "seed=3", f"run_dir={folder}"], "start_seed_4")
    assert "go on with" in capsys.readouterr().err
    monkeypatch.setattr(texture_makers, "optimize", counted)
    assert main([f"resume={folder}"]) == 0
    assert made == [], "both had been made"
    assert compare_runs(run_dir, folder).identical


def test_coarse_to_fine(tmp_path) -> None:
    folder = tmp_path / "run"
    assert main([*RUN, "synthesize.scales=2", "seed=3", f"run_dir={folder}"]) == 0
    stages = read(folder)["stages"]
    assert [row["stage"] for row in stages] == ["scale_1", "synthesize"]
    assert stages[1]["losses_before"]["total"] < 0.2 * stages[0]["losses_before"]["total"]
    assert images.load(folder / "images" / "result.png").pixels.shape == (32, 48, 3)


def seam(image: np.ndarray) -> float:
    """Steps from the last column and row to the first, in units of the largest elsewhere."""
    ratios = []
    for axis in (0, 1):
        steps = np.abs(image - np.roll(image, 1, axis)).mean((1 - axis, 2))
        ratios.append(float(steps[0] / steps[1:].max()))
    return max(ratios)


def test_a_smooth_texture_tiles_with_circular_padding(tmp_path) -> None:
    texture = ["source=sample:coffee", "image.size=48", "output.size=48", "layers=3"]
    words = [*RUN, *texture, "stop.max_iterations=150", "synthesize.held_out=[block1_conv2]"]
    found = {}
    for padding in ("zero", "circular"):
        folder = tmp_path / padding
        assert main([*words, f"network.padding={padding}", f"run_dir={folder}"]) == 0
        found[padding] = seam(images.load(folder / "images" / "result.png").pixels)
        assert (folder / "images" / "tiled.png").exists() == (padding == "circular")
    assert found["circular"] < 1 < found["zero"], found
    tiled = images.load(tmp_path / "circular" / "images" / "tiled.png").pixels
    assert tiled.shape == (96, 96, 3)
    np.testing.assert_array_equal(tiled[:48, :48], tiled[48:, 48:])
    assert read(tmp_path / "circular")["network"]["padding"] == "circular"


@pytest.mark.parametrize("statistic", ["gram", "means", "mean_covariance"])
def test_the_objective_is_the_mean_of_relative_squares(chain, pink, statistic) -> None:
    source, image = pink(24, 24), pink(32, 24, seed=1)
    layers = ["block1_conv1", "block2_conv1"]
    wanted = gatys.texture(chain(), source, layers, statistic)
    objective = Objective(chain(), {"style": 1.0 * wanted})
    at = image[None].astype(np.float32)
    loss = float(objective.loss_and_gradient(at)[0])
    of_image, of_source = (layer_statistics(chain(), x, layers) for x in (image, source))
    squares = {
        kind: np.mean([d**2 for d in of_image.distance_to(of_source, kind).values()])
        for kind in ("gram", "means")
    }
    if statistic == "mean_covariance":
        assert loss > squares["means"] / 2
        same = float(objective.loss_and_gradient(source[None].astype(np.float32))[0])
        assert same == pytest.approx(0, abs=1e-9)
    else:
        assert loss == pytest.approx(squares[statistic], rel=1e-4)


def test_starts(pink) -> None:
    source = 0.3 + 0.4 * pink(40, 40)
    source[..., 1] = source[..., 0]  # a covariance that has no inverse
    noise = noise_start("colours", (200, 300), 0, source)
    assert noise.shape == (200, 300, 3)
    np.testing.assert_allclose(noise.mean((0, 1)), source.mean((0, 1)), atol=2e-3)
    ours, wanted = (np.cov(x.reshape(-1, 3).T) for x in (noise, source))
    np.testing.assert_allclose(ours, wanted, rtol=0.03)
    for kind in ("uniform", "gaussian"):
        other = noise_start(kind, (200, 300), 0)
        assert other.mean() == pytest.approx(0.5, abs=5e-3)
        assert other.var() == pytest.approx(1 / 12, rel=0.01)
        assert not np.array_equal(other, noise_start(kind, (200, 300), 1))
    with pytest.raises(ConfigError, match="did you mean 'uniform'"):
        noise_start("unifrm", (8, 8), 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["count=0"], "count=0 must be a number of images"),
        (["count=-1"], "count=-1"),
        (["count=1.5"], "count=1.5"),
        (["count=true"], "count=True"),
        (["output.size=1"], "output.size=1 "),
        (["output.size=0"], "output.size=0"),
        (["output.size=[32]"], "[height, width]"),
        (["output.size=[32,48,3]"], "[height, width]"),
        (["output.size=large"], "output.size=large"),
        (["output.size=100000"], "too large"),
        (["output.size=8", "layers=5"], "too small for block5_conv1"),
        (["synthesize.scales=12"], "the coarsest output"),
        (["network.padding=circular", "output.size=[32,33]"], "multiples of 2"),
        (["network.padding=circular", "layers=3", "output.size=34"], "multiples of 4"),
        (["network.padding=circula"], "did you mean 'circular'"),
        (["network.padding=reflect", "layers=5", "output.size=16"], "at least 32"),
        (["synthesize.scales=0"], "synthesize.scales=0"),
        (["synthesize.method=grm"], "did you mean 'gram'"),
        (["synthesize.method=nest"], "did you mean 'nested'"),
        (["synthesize.start=nois"], "synthesize.start"),
        (["tolerance=1e-3"], "tolerance= has no meaning with synthesize.method=gram"),
        (["synthesize.held_out=[block9_conv1]"], "block9_conv1"),
        (["target=sample:brick"], "no meaning in synthesize"),
        (["flow=gradient"], "no meaning in synthesize"),
    ],
)
def test_a_mistake_costs_one_line_and_leaves_nothing(words, said, tmp_path, capsys) -> None:
    check_refused([*RUN, *words], said, tmp_path / "run", capsys)


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_source_of_one_colour_is_refused(colour, tmp_path, capsys) -> None:
    words = [*RUN, f"source={flat_picture(tmp_path, colour)}"]
    check_refused(words, "one colour", tmp_path / "run", capsys)


def test_a_plan_counts_the_images(capsys) -> None:
    assert main([*RUN, "count=3", "stop.max_iterations=99", "stop.max_passes=40", "plan=true"]) == 0
    said = capsys.readouterr().err
    assert "48x32 px" in said
    assert "at most about 120 passes" in said


def test_any_optimizer_can_be_named() -> None:
    assert composed("+experiment=synthesize")["optimizer"]["memory"] == 20
    assert composed("+experiment=synthesize", "optimizer=adam")["optimizer"]["name"] == "adam"
