import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest

from decouple.errors import DamagedFile, RunFolderError
from decouple.files import (
    disk_errors,
    expanded,
    opened_plain,
    remove_left_aside,
    there,
    write_text,
    written_aside,
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("~/a.png", "/home/me/a.png"),
        ("~", "/home/me"),
        ("a/~/b.png", "a/~/b.png"),
        ("./~a.png", "~a.png"),
        ("~no_such_user/a.png", "~no_such_user/a.png"),
    ],
)
def test_a_leading_tilde_is_the_home_folder(path, place, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, "/home/me")
    assert expanded(path) == Path(place)


def test_block_that_ends_well_gives_the_file_its_name(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("former")
    with written_aside(path) as aside:
        assert aside.parent == tmp_path
        aside.write_text("new")
        assert path.read_text() == "former"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_failing_block_removes_what_it_wrote_aside(tmp_path):
    def half():
        with written_aside(tmp_path / "plot.png") as aside:
            aside.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert list(tmp_path.iterdir()) == []


def test_name_as_long_as_the_file_system_allows(tmp_path):
    write_text(tmp_path / ("a" * 255), "text")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_missing_folder_is_one_line_with_the_file_and_the_reason(tmp_path):
    reason = r"^cannot write '.*a\.txt': No such file or directory$"
    with pytest.raises(RunFolderError, match=reason):
        write_text(tmp_path / "none" / "a.txt", "text")


def test_line_break_in_a_name_does_not_break_the_line(tmp_path):
    with (
        pytest.raises(RunFolderError) as caught,
        disk_errors("read", tmp_path / "two\nlines"),
    ):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["~", "~/a.h5", "~nobody-of-this-name/a.h5", "~a.h5"])
def test_a_tilde_of_nobody_is_left(homeless, name):
    assert expanded(name) == Path(name)


def test_what_is_flushed_to_the_disk_is_open_for_writing(tmp_path, monkeypatch):
    """Windows refuses to flush anything else."""
    fcntl = pytest.importorskip("fcntl")
    modes = []
    monkeypatch.setattr(os, "fsync", lambda fd: modes.append(fcntl.fcntl(fd, fcntl.F_GETFL) & 3))
    with written_aside(tmp_path / "a", durable=True) as aside:
        aside.write_text("kept")
    assert modes == [os.O_RDWR]
    assert (tmp_path / "a").read_text() == "kept"


@pytest.mark.parametrize("name", ["a\0b", "\ud800.txt"])
def test_a_name_that_no_file_can_have_is_one_line(name, tmp_path):
    with pytest.raises(
        RunFolderError, match=r"^cannot write .*: no file has such a name$"
    ) as caught:
        write_text(tmp_path / name, "text")
    assert not there(tmp_path / name)
    assert "\0" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_other_mistakes_in_a_block_are_not_taken_for_names(tmp_path):
    with pytest.raises(ValueError, match="mine"), disk_errors("write", tmp_path / "a.txt"):
        raise ValueError("mine")


def test_a_name_that_is_too_long_is_not_there(tmp_path):
    assert not there(tmp_path / ("a" * 300) / "b")
    assert there(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFile, match="no plain file"):
        opened_plain(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("text")
    with opened_plain(tmp_path / "a.txt") as file:
        assert file.read() == b"text"


def test_what_a_kill_left_aside_is_removed_and_nothing_else(tmp_path):
    mine = [".history.csv.part", "a.part", ".0123.part", ".0123456789abcdef.part.txt", "a.txt"]
    (tmp_path / "images").mkdir()
    for name in [*mine, ".0123456789abcdef.part", "images/.fedcba9876543210.part"]:
        (tmp_path / name).write_text("text")
    with suppress(KeyboardInterrupt), written_aside(tmp_path / "b.txt") as aside:
        aside.write_text("half")
        aside.rename(tmp_path / "kept")  # as after a kill, where nothing is removed
        left = aside.name
        raise KeyboardInterrupt
    (tmp_path / "kept").rename(tmp_path / left)
    remove_left_aside(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {*mine, "images"}
