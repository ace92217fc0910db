"""A run folder for one process at a time; see tests/test_resume.py for two processes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from decouple.errors import RunFolderError
from decouple.record import lock
from decouple.record.lock import NAME, locked

pytestmark = pytest.mark.skipif(lock.fcntl is None, reason="no such locks here")


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
    with locked(folder):
        (folder / NAME).unlink()
        folder.rmdir()


def test_a_file_that_its_holder_removed_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, taken = lock.fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        if not taken:
            (tmp_path / NAME).unlink()
        taken.append(descriptor)
        flock(descriptor, how)

    monkeypatch.setattr(lock.fcntl, "flock", late)
    with locked(tmp_path):
        assert len(taken) == 2
        with pytest.raises(RunFolderError), locked(tmp_path):
            pass


@pytest.mark.parametrize("without", ["module", "file system"])
def test_where_there_are_no_locks_all_may_go_on(
    without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if without == "module":
        monkeypatch.setattr(lock, "fcntl", None)
    else:
        monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with locked(tmp_path), locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
