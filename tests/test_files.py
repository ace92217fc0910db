import errno
import os
from pathlib import Path

import pytest

from decouple.errors import RunFolderError
from decouple.files import disk_errors, expanded, write_text, written_aside


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
