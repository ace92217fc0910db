"""What is kept on the disk between runs."""

import io
import os
import sys
import zipfile
from pathlib import Path

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


def flipped(*places):
    """Bits of the file, counted from the first mark of the zip file's directory."""

    def spoil(path):
        content = bytearray(path.read_bytes())
        start = content.index(b"PK\x01\x02")
        for byte, bit in places:
            content[start + byte] ^= 1 << bit
        path.write_bytes(content)

    return spoil


def flipped_header(path):
    """In the claimed shape, of which numpy reads the array and nothing behind it."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'shape': (5,)", b"'shape': (4,)", 1))


def claiming(shape):
    """A member that is whole, and says that it holds an array of another shape."""

    def spoil(path):
        header = io.BytesIO()
        about = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, about)
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("a.npy", header.getvalue() + bytes(40))

    return spoil


def rewritten(change):
    """With other members, {name: bytes}, than the rest of it says."""

    def spoil(path):
        with zipfile.ZipFile(path) as file:
            comment, members = file.comment, {name: file.read(name) for name in file.namelist()}
        change(members)
        with zipfile.ZipFile(path, "w") as file:
            for name, data in members.items():
                file.writestr(name, data)
            file.comment = comment

    return spoil


def npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def of_another_key(path):
    other = path.with_name("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DECOUPLE_CACHE", str(other))
        cached("kind", {**KEY, "size": [4, 3]}, Maker())
    (source,) = other.iterdir()
    source.replace(path)
    other.rmdir()


def deflated(path):
    with path.open("wb") as file:
        np.savez_compressed(file, **{"a/b": np.zeros(10**6)})


def twice(path):
    whole = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        member = file.read("c.npy")
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("c.npy", member)


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def made_of(make):
    def spoil(path):
        path.unlink()
        make(path)

    return spoil


def plain_array(path):
    with path.open("wb") as file:
        np.save(file, np.arange(5.0))


def pickled(path):
    with path.open("wb") as file:
        np.savez(file, a=np.array([{"code": print}], dtype=object))


SPOILT = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"no archive"),
    "truncated": halved,
    "pickled": pickled,
    "a plain array": plain_array,
    "a pipe": made_of(os.mkfifo),
    "encrypted, it says": flipped((8, 0)),
    "patched, it says": flipped((8, 5)),
    "compressed, it says": flipped((10, 3)),
    "somewhere else, it says": flipped((44, 7)),
    "of another length": flipped((20, 4), (24, 4)),
    "a shorter shape": flipped_header,
    "a thousand thousand million": claiming((10**12,)),
    "no numbers of a shape": claiming((0,)),
    "a member missing": rewritten(lambda members: members.pop("a/b.npy")),
    "a member more": rewritten(lambda members: members.update({"d.npy": npy(np.zeros(3))})),
    "a member twice": twice,
    "other numbers": rewritten(
        lambda members: members.update({"c.npy": npy(np.float32([[2.5, 1.0]]))})
    ),
    "numbers without a digest": rewritten(lambda members: members.pop("about.json")),
    "of another type": rewritten(
        lambda members: members.update({"c.npy": npy(np.array([[1.5, 1.0]]))})
    ),
    "of another key": of_another_key,
    "inflated": deflated,
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_spoilt_file_is_made_anew(place, spoilt, capsys):
    make = Maker()
    made = cached("kind", KEY, make)
    (path,) = place.iterdir()
    SPOILT[spoilt](path)
    capsys.readouterr()
    found = cached("kind", KEY, make)
    assert make.calls == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"'{path}' ")
    assert line.endswith(": what it should hold is made anew")
    again = cached("kind", KEY, make)
    assert make.calls == 2, "it was mended"
    for arrays in (found, again):
        assert arrays.keys() == made.keys()
        np.testing.assert_array_equal(arrays["a/b"], made["a/b"])
        assert arrays["c"].tolist() == [[1.5, 2.0]]
    assert len(files(place)) == 1  # nothing half-written beside it
    assert capsys.readouterr().err == ""


def test_a_folder_in_the_way_is_left(place, capsys):
    make = Maker()
    cached("kind", KEY, make)
    (path,) = place.iterdir()
    path.unlink()
    path.mkdir()
    assert set(cached("kind", KEY, make)) == {"a/b", "c"}
    assert "is no plain file" in capsys.readouterr().err
    assert make.calls == 2
    assert list(path.iterdir()) == []


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 1)])
def test_any_shape_comes_back(place, shape):
    def make():
        return {"a": np.full(shape, 2.5, order="F")}

    cached("kind", KEY, make)
    (found,) = cached("kind", KEY, lambda: pytest.fail("it is there")).values()
    np.testing.assert_array_equal(found, np.full(shape, 2.5))
    assert found.flags.writeable
    assert found.flags.aligned


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_the_usual_place(monkeypatch, tmp_path):
    monkeypatch.delenv("DECOUPLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "decouple"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder() == tmp_path / "home" / ".cache" / "decouple"


def test_the_place_is_the_systems_own(monkeypatch, tmp_path):
    monkeypatch.delenv("DECOUPLE_CACHE")
    monkeypatch.setattr(cache, "user_cache_dir", lambda name, appauthor: f"~/Library/Caches/{name}")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert cache.folder() == tmp_path / "Library" / "Caches" / "decouple"
    monkeypatch.setenv("DECOUPLE_CACHE", "~/mine")
    assert cache.folder() == Path(tmp_path / "mine")


@pytest.mark.parametrize("told", [None, "~/kept", "~nobody-of-this-name/kept"])
def test_without_a_home_nothing_is_kept(homeless, monkeypatch, tmp_path, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DECOUPLE_CACHE")
    if told is not None:
        monkeypatch.setenv("DECOUPLE_CACHE", told)
    assert cache.folder() is None
    assert set(cached("kind", KEY, Maker())) == {"a/b", "c"}
    assert list(tmp_path.iterdir()) == []
