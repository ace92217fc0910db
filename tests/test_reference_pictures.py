"""`noise.reference`: mean features of pictures in place of noise's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import decouple as dc
from decouple.run import main

RUN = ["+experiment=self_transfer", "network.weights=calibrated", "image.size=24", "layers=1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, of other shapes than the source's."""
    place = tmp_path / "others"
    place.mkdir()
    for name in ("brick", "coffee"):
        dc.save(dc.load(f"sample:{name}", size=30).pixels, place / f"{name}.png")
    return place


def test_an_image_is_moved_to_the_mean_of_their_features_and_back() -> None:
    net = dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block1_conv1"), layers=1)
    image, *others = (
        dc.load(f"sample:{name}", size=24, fit="crop").pixels
        for name in ("astronaut", "brick", "coffee")
    )
    ready = dc.prepare(net, image, pictures=iter(others))
    assert ready.reference.pictures == 2
    wanted = np.mean([ready.extractor.measure(x.astype(float)) for x in others], axis=0)
    np.testing.assert_array_equal(ready.reference.vector(ready.extractor), wanted)
    done = dc.round_trip(image, ready.extractor, ready.reference)
    moved = ready.extractor.measure(done.noisified.image)
    np.testing.assert_allclose(moved, wanted, rtol=1e-5)
    assert done.rms < 1e-4


def test_a_run_says_of_which_pictures_they_are_and_whether_they_are_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main([*RUN, f"noise.reference={folder}", f"run_dir={run}"]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["self_transfer"]["differing_pixels_8bit"] == 0
    assert metrics["noise"]["reference"]["origin"] == f"2 pictures of {folder}"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert f"2 pictures of {folder}, in place of noise" in page
    capsys.readouterr()
    assert main([f"verify={run}"]) == 0
    Image.new("RGB", (30, 30), (200, 20, 20)).save(folder / "flat.png")
    assert main([f"verify={run}"]) == 2
    assert "flat.png: the image is all one colour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["noise.reference=nowhere"], "noise.reference=nowhere has no pictures"),
        (["noise.reference=.", "noise.draws=2"], "noise.draws= has no meaning"),
        (["noise.reference=.", "noise.kind=pink"], "noise.kind= has no meaning"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*RUN, *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert said in lines[0]
    assert not list(tmp_path.iterdir())


def test_a_broken_picture_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    run = tmp_path / "run"
    assert main([*RUN, f"noise.reference={folder}", f"run_dir={run}"]) == 2
    assert "broken.png" in capsys.readouterr().err
    assert not run.exists()
