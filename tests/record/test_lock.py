"""A run folder for one process at a time; see tests/test_resume.py for two processes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from decouple.errors import RunFolderError
from decouple.record.lock import NAME, locked


def test_who_comes_second_is_refused_and_leaves_the_first_alone(tmp_path: Path) -> None:
    with locked(tmp_path):
        for _ in range(2):
            with pytest.raises(RunFolderError) as error, locked(tmp_path):
                pass
            assert "another process is at work" in str(error.value)
            assert str(tmp_path) in str(error.value)
            assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
    with locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_file_that_was_left_by_a_kill_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_it_is_let_go_of_when_the_block_fails_or_the_folder_goes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(ZeroDivisionError), locked(folder):
        raise ZeroDivisionError
    assert not list(folder.iterdir())
    if os.name == "nt":
        return  # there a file that is open stays
    with locked(folder):
        (folder / NAME).unlink()
        folder.rmdir()


def test_a_file_that_its_holder_removed_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    flock, taken = fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        if not taken:
            (tmp_path / NAME).unlink()
        taken.append(descriptor)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(tmp_path):
        assert len(taken) >= 2
        assert (tmp_path / NAME).exists()
        with pytest.raises(RunFolderError), locked(tmp_path):
            pass


def refusing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system answer every lock with this error."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EINVAL])
def test_where_there_are_no_locks_all_may_go_on(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(number, monkeypatch)
    with locked(tmp_path), locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_where_the_system_has_none_the_file_stands_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(errno.ENOSYS, monkeypatch)
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_what_the_disk_refuses_is_one_line(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(RunFolderError, match="cannot use run folder") as error, locked(tmp_path):
        pass
    assert "\n" not in str(error.value)
