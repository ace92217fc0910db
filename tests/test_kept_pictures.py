"""What a run keeps for people beside its pictures: its steps in motion, a result for programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from decouple import images
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.runs import check_refused, read

RUN = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
RUN += ["flow=gradient", "stop.max_iterations=6"]


@pytest.fixture(scope="module")
def transparent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    levels = np.arange(24 * 16 * 4, dtype=np.uint32).reshape(16, 24, 4) * 7 % 251
    Image.fromarray(levels.astype(np.uint8), "RGBA").save(path)
    return path


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory, transparent: Path) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "run"
    words = [f"source={transparent}", "record.animation=true", "image.output=tiff"]
    assert main([*RUN, *words, f"run_dir={folder}"]) == 0
    return folder


def test_the_steps_are_shown_in_motion(run_dir: Path) -> None:
    with Image.open(run_dir / "animation.webp") as animation:
        # Each look of the descents out and back.
        assert animation.n_frames == len((run_dir / "history.csv").read_text().splitlines()) - 1
        assert animation.size == (24, 16)
    assert "data:image/webp;base64" in (run_dir / "report.html").read_text(encoding="utf-8")


def test_the_result_has_its_numbers_and_the_targets_alpha(run_dir: Path, transparent: Path) -> None:
    values = tifffile.imread(run_dir / "result.tif")
    with np.load(run_dir / "result.npz") as held, Image.open(transparent) as picture:
        np.testing.assert_array_equal(values[..., :3], held["result"].astype(np.float32))
        np.testing.assert_array_equal(
            np.rint(values[..., 3] * 255), np.asarray(picture.getchannel("A"))
        )


def test_what_is_changed_since_is_named(run_dir: Path, capsys: pytest.CaptureFixture) -> None:
    digests = read(run_dir)["digests"]
    assert {"animation.webp", "result.tif"} <= digests.keys()
    for name in ("animation.webp", "result.tif"):
        content = (run_dir / name).read_bytes()
        (run_dir / name).write_bytes(content + b"\0")
        capsys.readouterr()
        main([f"verify={run_dir}"])
        said = capsys.readouterr()
        assert name in said.out + said.err
        (run_dir / name).write_bytes(content)


def test_the_result_does_not_depend_on_what_else_is_kept(
    run_dir: Path, transparent: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    assert main([*RUN, f"source={transparent}", f"run_dir={plain}"]) == 0
    assert compare_runs(run_dir, plain).identical
    assert not list(plain.glob("animation.*"))
    with Image.open(plain / "result.png") as picture:
        assert (picture.mode, picture.size) == ("RGBA", (24, 16))


def test_an_opaque_picture_has_nothing_to_add(tmp_path: Path) -> None:
    assert main([*RUN, f"run_dir={tmp_path / 'run'}"]) == 0
    assert not list((tmp_path / "run").glob("result.[pt]*"))
    profile = images.load("sample:astronaut").profile
    with Image.open(tmp_path / "run" / "images" / "result.png") as picture:
        assert picture.mode == "RGB"
        assert picture.info["icc_profile"] == profile


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("image.output=png15", "png16"),
        ("record.animation=mp4", "record.animation"),
    ],
)
def test_a_mistake_costs_one_line(word: str, said: str, tmp_path: Path, capsys) -> None:
    check_refused([*RUN, word], said, tmp_path / "run", capsys)
