"""Runs of interpolation: what is recorded and shown, what is refused, and going on with one."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouple import images
from decouple.errors import ImageError
from decouple.images.animation import save_animation
from decouple.pipeline import interpolate
from decouple.pipeline.running import Run
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.runs import check_refused, cut, read, stages_walked

RUN = [
    *("+experiment=interpolate", "network.weights=calibrated", "layers=1", "image.size=24"),
    *("source=sample:coffee", "target=sample:chelsea", "frames=3", "checkpoint.every_seconds=0"),
]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interpolate") / "run"
    assert main([*RUN, f"run_dir={folder}"]) == 0
    return folder


def test_frames_are_on_the_line_and_blends_are_not(run_dir: Path) -> None:
    metrics = read(run_dir)
    rows = {row["method"]: row for row in metrics["judges"]["rows"]}
    assert list(rows) == [f"{kind}_{n}" for kind in ("frame", "blend") for n in range(3)]
    assert [rows[f"frame_{n}"]["share"] for n in range(3)] == [0, 0.5, 1]
    assert metrics["interpolate"]["largest_deviation"] <= 1e-6
    assert rows["blend_1"]["deviation"] > 1e-3
    # The ends of a blend are the pictures.
    assert rows["blend_2"]["deviation"] <= 1e-6
    assert rows["frame_0"]["gram_squared_distance"] == rows["blend_0"]["gram_squared_distance"]
    assert [row["stage"] for row in metrics["stages"]] == ["reference", "frame_1", "frame_2"]


def test_pictures(run_dir: Path) -> None:
    source, target = (
        images.load(run_dir / "images" / f"{k}.png").pixels for k in ("source", "target")
    )
    for name, pixels in (("frame_0", source), ("blend_0", source), ("blend_2", target)):
        np.testing.assert_array_equal(
            images.load(run_dir / "images" / f"{name}.png").pixels, pixels
        )
    with np.load(run_dir / "result.npz") as held:
        assert held["frames"].shape == (3, 24, 24, 3)
        np.testing.assert_array_equal(held["frames"][-1], held["result"])


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_animations(run_dir: Path, ending: str) -> None:
    with Image.open(run_dir / f"animation.{ending}") as animation:
        assert (animation.n_frames, animation.size) == (4, (24, 24))
        assert animation.info["loop"] == 0
        animation.seek(3)  # on its way back
        animation.load()
        assert animation.info["duration"] == 150
        pixels = np.asarray(animation.convert("RGB"))
    with Image.open(run_dir / "images" / "frame_1.png") as frame:
        apart = np.abs(np.subtract(pixels, frame, dtype=np.int64))
    assert apart.max() == 0 if ending == "webp" else apart.mean() < 8


def test_page(run_dir: Path) -> None:
    page = html.unescape((run_dir / "report.html").read_text(encoding="utf-8"))
    assert interpolate.READING in page
    for words in ("largest deviation from the line", "data:image/webp;base64", "frame_1"):
        assert words in page, words
    for name in ("plots/strip.png", "plots/loss_frame.png", "judges.csv"):
        assert (run_dir / name).exists(), name


def test_a_run_that_is_cut_goes_on_after_the_frames_that_were_done(
    run_dir: Path, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "cut"
    cut(monkeypatch, [*RUN, f"run_dir={folder}"], "frame_1")
    walked = stages_walked(monkeypatch)
    assert main([f"resume={folder}"]) == 0
    assert walked == ["frame_2"]
    assert compare_runs(run_dir, folder).identical


BESIDE = [*RUN, "interpolate.beside=[noise,gram]", "stop.max_iterations=30"]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beside") / "run"
    assert main([*BESIDE, f"run_dir={folder}"]) == 0
    return folder


def test_fresh_noise_and_grams_stand_beside_the_frames(run_dir: Path, beside: Path) -> None:
    rows = {row["method"]: row for row in read(beside)["judges"]["rows"]}
    kinds = ("frame", "blend", "noise", "gram")
    assert list(rows) == [f"{kind}_{n}" for kind in kinds for n in range(3)]
    for number in range(3):
        noise, gram = rows[f"noise_{number}"], rows[f"gram_{number}"]
        assert noise["share"] == gram["share"] == number / 2
        assert noise["deviation"] < 0.05, "near the line"
        assert noise["deviation"] < gram["deviation"] < 0.5
        assert min(noise["passes"], gram["passes"]) > 20
    assert rows["frame_1"]["deviation"] == pytest.approx(
        {row["method"]: row for row in read(run_dir)["judges"]["rows"]}["frame_1"]["deviation"]
    )
    with np.load(beside / "result.npz") as held:
        assert held["noise"].shape == held["gram"].shape == (3, 24, 24, 3)
        own = held["noise"].reshape(3, -1)
    assert np.abs(np.corrcoef(own)[np.triu_indices(3, 1)]).max() < 0.5, "each of noise of its own"
    heights = []
    for folder in (run_dir, beside):
        with Image.open(folder / "plots" / "strip.png") as strip:
            heights.append(strip.height)
    assert heights[1] > 1.5 * heights[0]


def test_noise_ends_where_it_is_near_enough(beside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "near"
    assert main([*BESIDE, "interpolate.beside=[noise]", "stop.loss=0.01", f"run_dir={folder}"]) == 0
    near, far = ({r["method"]: r for r in read(run)["judges"]["rows"]} for run in (folder, beside))
    for number in range(3):
        one, other = near[f"noise_{number}"], far[f"noise_{number}"]
        assert one["passes"] < 0.7 * other["passes"]
        assert one["deviation"] > other["deviation"]


def test_grams_between_have_the_mean_of_the_gram_matrices(beside: Path) -> None:
    from decouple.gatys import texture
    from decouple.networks import vgg19

    chain = vgg19(weights="calibrated", last="block1_conv1")

    def gram_of(pixels: np.ndarray) -> np.ndarray:
        return texture(chain, pixels, 1).parts["block1_conv1"].part.target.numpy()

    ends = [
        gram_of(images.load(beside / "images" / f"{k}.png").pixels) for k in ("source", "target")
    ]
    with np.load(beside / "result.npz") as held:
        between = gram_of(held["gram"][1].astype(np.float32))
    wanted = (ends[0] + ends[1]) / 2
    assert np.linalg.norm(between - wanted) < 0.02 * np.linalg.norm(wanted)
    assert np.linalg.norm(ends[0] - wanted) > 0.1 * np.linalg.norm(wanted)


def test_what_was_made_beside_is_not_made_again(beside: Path, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "cut"
    made: list[str] = []
    once = Run.once

    def stopped(self, method, carry_out):
        if method == "gram_1":
            raise KeyboardInterrupt
        return once(self, method, carry_out)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "once", stopped)
        assert main([*BESIDE, f"run_dir={folder}"]) == 130

    def counted(self, method, carry_out):
        return once(self, method, lambda: (made.append(method), carry_out())[1])

    monkeypatch.setattr(Run, "once", counted)
    assert main([f"resume={folder}"]) == 0
    assert made == ["gram_1", "gram_2"]
    assert compare_runs(beside, folder).identical


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["interpolate.beside=[grams]"], "did you mean 'gram'"),
        (["interpolate.beside=[gram,gram]"], "names a kind twice"),
        (["stop.max_iterations=5"], "no meaning with interpolate.beside=[]"),
        (["frames=1"], "frames=1 must be a number of frames"),
        (["frames=0"], "frames=0"),
        (["frames=2.5"], "frames=2.5"),
        (["interpolate.deviation=0"], "interpolate.deviation=0"),
        (["interpolate.milliseconds=0"], "interpolate.milliseconds=0"),
        (["target=null"], "needs a target"),
        (["target=sample:coffee"], "the same features"),
        (["image.fit=keep", "target=sample:brick"], "36x24 and 24x24 pixels"),
        (["layers=5", "image.size=12"], "too small for block5_conv1"),
        (["flow=lift"], "no meaning in interpolate"),
        (["count=2"], "no meaning in interpolate"),
    ],
)
def test_a_mistake_costs_one_line_and_leaves_nothing(words, said, tmp_path, capsys) -> None:
    check_refused([*RUN, *words], said, tmp_path / "run", capsys)


def test_grams_of_what_has_none_are_refused(tmp_path, capsys) -> None:
    words = [word for word in RUN if not word.startswith(("network.", "layers="))]
    words += ["features=pixel_moments", "interpolate.beside=[gram]"]
    check_refused(words, "gram needs vgg16 or vgg19", tmp_path / "run", capsys)


@pytest.mark.parametrize("role", ["source", "target"])
def test_a_picture_of_one_colour_is_refused(role, tmp_path, capsys) -> None:
    Image.new("RGB", (40, 40), (128, 30, 90)).save(tmp_path / "flat.png")
    words = [f"{role}={tmp_path / 'flat.png'}", f"run_dir={tmp_path / 'run'}"]
    assert main([*RUN, *words]) == 2
    assert "one colour" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_plan_counts_the_frames(capsys) -> None:
    assert main([*RUN, "frames=5", "plan=true"]) == 0
    assert "about 1700 passes" in capsys.readouterr().err


def test_a_plan_counts_what_stands_beside(capsys) -> None:
    words = ["interpolate.beside=[noise,gram]", "stop.max_iterations=400"]
    assert main([*RUN, "frames=5", *words, "plan=true"]) == 0
    # 400 iterations of L-BFGS, 5 evaluations for 4 of them, 2 passes each, of 10 images.
    assert "at most about 12000 passes" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.png", "a"])
def test_other_animations_are_refused(name, tmp_path) -> None:
    with pytest.raises(ImageError, match=r"\.gif, \.webp or \.mp4"):
        save_animation([np.zeros((8, 8, 3))], tmp_path / name, 100)
    with pytest.raises(ImageError, match="no frames"):
        save_animation([], tmp_path / "a.gif", 100)
