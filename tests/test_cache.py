"""What is kept on the disk between runs."""

import os

import numpy as np
import pytest
import tensorflow as tf

from decouple import cache
from decouple.cache import cached

KEY = {"size": [3, 4], "name": "a"}


class Maker:
    """Counts how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"a/b": np.arange(5.0), "c": np.float32([[1.5, self.calls]])}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("DECOUPLE_CACHE", str(tmp_path / "not yet" / "there"))
    return tmp_path / "not yet" / "there"


def files(place):
    return sorted(path.name for path in place.iterdir())


def test_arrays_are_made_once(place):
    make = Maker()
    first, again = cached("kind", KEY, make), cached("kind", KEY, make)
    assert make.calls == 1
    assert first.keys() == again.keys()
    for name, array in first.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)
    (name,) = files(place)
    assert name.startswith("kind-")


@pytest.mark.parametrize(
    ("kind", "key"),
    [("other", KEY), ("kind", {**KEY, "size": [4, 3]}), ("kind", {**KEY, "more": None})],
)
def test_what_they_depend_on_tells_them_apart(place, kind, key):
    make = Maker()
    cached("kind", KEY, make)
    cached(kind, key, make)
    assert make.calls == 2
    assert len(files(place)) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", "other"),
        ("TF_NUM_INTRAOP_THREADS", "77"),
        ("TF_XLA_FLAGS", "--tf_xla_auto_jit=2"),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true"),
        ("NVIDIA_TF32_OVERRIDE", "0"),
    ],
)
def test_another_setting_makes_its_own(place, monkeypatch, name, value):
    tf.constant(0.0)  # has TensorFlow read its variables before
    make = Maker()
    cached("kind", KEY, make)
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        assert cached("kind", KEY, make)["c"][0, 1] == 2
        assert cached("kind", KEY, make)["c"][0, 1] == 2
    assert cached("kind", KEY, make)["c"][0, 1] == 1, "each setting keeps its own"


def test_another_device_or_processor_makes_its_own(place, monkeypatch):
    make = Maker()
    cached("kind", KEY, make)
    for name, other in (("described", lambda: "a GPU"), ("numerics", lambda: {"processor": "x"})):
        with monkeypatch.context() as patch:
            patch.setattr(cache, name, other)
            cached("kind", KEY, make)
    assert make.calls == 3


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"no archive", None, "truncated", "pickled"],
    ids=["empty", "text", "folder", "truncated", "pickled"],
)
def test_a_spoilt_file_is_made_anew(place, spoilt):
    make = Maker()
    cached("kind", KEY, make)
    (path,) = place.iterdir()
    whole = path.read_bytes()
    path.unlink()
    if spoilt is None:
        path.mkdir()
    elif spoilt == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif spoilt == "pickled":
        with path.open("wb") as file:
            np.savez(file, a=np.array([{"code": print}], dtype=object))
    else:
        path.write_bytes(spoilt)
    assert set(cached("kind", KEY, make)) == {"a/b", "c"}
    assert make.calls == 2
    assert len(files(place)) == 1  # nothing half-written beside it


def test_where_nothing_can_be_kept_it_is_made_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    for told in ("off", str(tmp_path / "file")):
        monkeypatch.setenv("DECOUPLE_CACHE", told)
        make = Maker()
        cached("kind", KEY, make)
        assert set(cached("kind", KEY, make)) == {"a/b", "c"}
        assert make.calls == 2
    assert (tmp_path / "file").read_text() == "in the way"


def test_the_oldest_go_first(place, monkeypatch):
    make = Maker()
    cached("kind", {"n": 0}, make)
    (path,) = place.iterdir()
    monkeypatch.setattr(cache, "LARGEST", int(2.5 * path.stat().st_size))
    cached("kind", {"n": 1}, make)
    for age, kept in enumerate(sorted(place.iterdir(), key=lambda p: p != path)):
        os.utime(kept, (1000 - 100 * age, 1000 - 100 * age))
    cached("kind", {"n": 0}, make)  # used: now it is the latest
    cached("kind", {"n": 2}, make)
    assert make.calls == 3
    cached("kind", {"n": 0}, make)
    assert make.calls == 3
    cached("kind", {"n": 1}, make)
    assert make.calls == 4


def test_the_usual_place(monkeypatch, tmp_path):
    monkeypatch.delenv("DECOUPLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "decouple"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder() == tmp_path / "home" / ".cache" / "decouple"


@pytest.mark.parametrize("told", [None, "~/kept", "~nobody-of-this-name/kept"])
def test_without_a_home_nothing_is_kept(homeless, monkeypatch, tmp_path, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DECOUPLE_CACHE")
    if told is not None:
        monkeypatch.setenv("DECOUPLE_CACHE", told)
    assert cache.folder() is None
    assert set(cached("kind", KEY, Maker())) == {"a/b", "c"}
    assert list(tmp_path.iterdir()) == []
