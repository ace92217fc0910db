import os
from pathlib import Path

import numpy as np
import pytest
from pictures import colours, levels, refusal, stored
from PIL import Image

from decouple.errors import ConfigError
from decouple.images import MIN_SIDE, load, sample_names
from decouple.images.locating import sample_files
from tests.permissions import bound_by_permissions

# Files


def test_missing_file_names_the_nearest(tmp_path):
    stored(tmp_path / "flowers.jpg", colours())
    message = refusal(tmp_path / "flower.jpg")
    assert "no picture" in message
    assert repr(str(tmp_path / "flowers.jpg")) in message


def test_missing_file_without_a_near_one(tmp_path):
    stored(tmp_path / "flowers.jpg", colours())
    message = refusal(tmp_path / "zebra.png")
    assert "zebra.png" in message
    assert "did you mean" not in message
    assert "existing file" in message


def test_missing_folder(tmp_path):
    assert f"no folder {str(tmp_path / 'none')!r}" in refusal(tmp_path / "none" / "a.png")
    stored(tmp_path / "a.png", colours())
    assert "no folder" in refusal(tmp_path / "a.png" / "b.png")


def test_missing_file_that_is_a_sample():
    assert "did you mean 'sample:astronaut'" in refusal("astronaut")


@pytest.mark.parametrize("source", ["a\0b.png", "x" * 5000 + ".png"])
def test_impossible_file_names(source):
    assert "no picture" in refusal(source)


@pytest.mark.parametrize("source", [None, 3, "", np.zeros((9, 9, 3), np.float32)])
def test_source_of_a_wrong_kind(source):
    assert "give a file or sample:NAME" in refusal(source, error=ConfigError)


def test_a_picture_in_the_home_folder(tmp_path, monkeypatch):
    stored(tmp_path / "a.png", colours())
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = load("~/a.png")
    assert loaded.origin == "~/a.png"
    np.testing.assert_array_equal(levels(loaded), colours())
    assert "no picture '~/b.png'" in refusal("~/b.png")


def test_empty_file(tmp_path):
    (tmp_path / "a.png").touch()
    message = refusal(tmp_path / "a.png")
    assert "a.png" in message
    assert "empty" in message


def test_folder(tmp_path):
    message = refusal(tmp_path)
    assert tmp_path.name in message
    assert "folder" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert "plain file" in refusal(tmp_path / "a.png")


def test_no_permission():
    with bound_by_permissions() as folder:
        path = stored(folder / "a.png", colours())
        path.chmod(0)
        message = refusal(path)
    assert "a.png" in message
    assert "permission" in message


def test_permission_errors_are_told_apart(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.png", colours())

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "no permission to read" in refusal(path)
    monkeypatch.setattr(Path, "stat", refuse)
    assert "no permission to look for" in refusal(path)


# Samples


def test_samples_are_the_packaged_pictures():
    names = sample_names()
    assert names == sorted(set(names))
    assert {"astronaut", "camera", "coffee", "chelsea", "rocket", "gravel", "brick"} <= set(names)


@pytest.mark.parametrize("name", ["astronaut", "gravel", "rocket", "horse"])
def test_load_sample(name):
    loaded = load(f"sample:{name}", size=32)
    assert min(levels(loaded).shape[:2]) == 32
    assert loaded.origin == f"sample:{name}"
    assert loaded.pixels.std() > 0.01


def test_every_sample_has_a_readable_header():
    for name, path in sample_files().items():
        with Image.open(path) as picture:
            assert min(picture.size) >= MIN_SIDE, name


@pytest.mark.parametrize("name", ["astronat", "../../pyproject.toml", "", "astronaut.png", "a\nb"])
def test_unknown_sample(name):
    message = refusal(f"sample:{name}")
    assert "unknown sample picture" in message
    assert "astronaut, brick" in message


def test_unknown_sample_names_the_nearest():
    assert "did you mean 'astronaut'" in refusal("sample:astronat")
