from pathlib import Path

import numpy as np
import pytest
from pictures import colours, levels
from PIL import Image

from decouple.errors import ImageError, RunFolderError
from decouple.images import load, save


def test_save_rounds_and_load_returns_the_same(tmp_path):
    pixels = (colours() / 255 + 0.4 / 255 * np.where(colours(seed=1) > 127, 1, -1)).clip(0, 1)
    assert save(pixels.astype(np.float32), tmp_path / "a.png") == 0
    assert np.array_equal(levels(load(tmp_path / "a.png")), colours())


def test_save_reports_the_clipped_share(tmp_path):
    pixels = np.full((10, 10, 3), 0.5, np.float32)
    pixels[0, :, 0] = 1.5
    pixels[1, :5, 1] = -0.25
    before = pixels.copy()
    assert save(pixels, tmp_path / "a.png") == pytest.approx(15 / 300)
    assert np.array_equal(pixels, before)
    found = levels(load(tmp_path / "a.png"))
    assert found[0, 0].tolist() == [255, 128, 128]
    assert found[1, 0].tolist() == [128, 0, 128]


def test_save_text(tmp_path):
    text = {"Title": "café", "command": "source=a.png <b> 画像"}
    save(np.zeros((9, 9, 3), np.float32), str(tmp_path / "a.png"), text=text)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"
        assert dict(picture.text) == text


def test_save_replaces_and_leaves_nothing_aside(tmp_path):
    save(np.zeros((9, 9, 3), np.float32), tmp_path / "a.png")
    save(np.ones((9, 9, 3), np.float32), tmp_path / "a.png")
    assert levels(load(tmp_path / "a.png")).min() == 255
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    save(np.zeros((9, 9, 3), np.float32), tmp_path / "a.png")

    def full(_self, target, **_options):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(RunFolderError, match=r"a\.png.*No space left"):
        save(np.ones((9, 9, 3), np.float32), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert levels(load(tmp_path / "a.png")).max() == 0


def test_save_into_a_missing_folder(tmp_path):
    with pytest.raises(RunFolderError, match="No such file"):
        save(np.zeros((9, 9, 3), np.float32), tmp_path / "none" / "a.png")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_save_refuses_values_that_are_not_finite(tmp_path, bad):
    pixels = np.zeros((9, 9, 3), np.float32)
    pixels[4, 4, 1] = bad
    with pytest.raises(ImageError, match="NaN or infinite"):
        save(pixels, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 1), (9, 9, 4), (1, 9, 9, 3), (0, 9, 3)])
def test_save_refuses_other_shapes(tmp_path, shape):
    with pytest.raises(ImageError, match=r"not \(H, W, 3\)"):
        save(np.zeros(shape, np.float32), tmp_path / "a.png")


def test_save_refuses_bytes_and_other_extensions(tmp_path):
    with pytest.raises(ImageError, match="uint8"):
        save(colours(), tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"end the name in \.png"):
        save(np.zeros((9, 9, 3), np.float32), tmp_path / "a.jpg")
