import json
import shutil

import numpy as np
import pytest

from decouple.archive import read_archive, write_archive
from decouple.errors import RunFolderError
from decouple.record.checkpoint import (
    NAME,
    SCHEMA,
    read_checkpoint,
    read_parts,
    remove_checkpoint,
    write_checkpoint,
)

ARRAYS = {
    "image": np.random.default_rng(0).standard_normal((4, 5, 3)),
    "moment": np.float32([1e-40, -0.0, np.inf]),
    "iterations": np.array(7),
}
ABOUT = {"losses": {"total": 0.1 + 0.2}, "passes": 3, "words": "×"}


def test_everything_comes_back_bit_for_bit(tmp_path):
    write_checkpoint(tmp_path, ARRAYS, ABOUT)
    arrays, about = read_checkpoint(tmp_path)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].tobytes() == array.tobytes()
    assert about == ABOUT


def test_a_failing_write_keeps_the_one_before(tmp_path):
    write_checkpoint(tmp_path, ARRAYS, ABOUT)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(TypeError):
        write_checkpoint(tmp_path, ARRAYS, {"object": object()})

    class Full:
        def __array__(self, dtype=None, copy=None):
            raise OSError(28, "No space left on device")

    with pytest.raises(RunFolderError, match="No space left"):
        write_checkpoint(tmp_path, {"image": ARRAYS["image"], "full": Full()}, ABOUT)
    assert (tmp_path / NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_one_line_for_what_cannot_be_read(tmp_path):
    with pytest.raises(RunFolderError, match="no '"):
        read_checkpoint(tmp_path)
    np.savez(tmp_path / NAME, image=ARRAYS["image"])
    with pytest.raises(RunFolderError, match=r"another version: it has no about\.json"):
        read_checkpoint(tmp_path)
    (tmp_path / NAME).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(RunFolderError, match="damaged"):
        read_checkpoint(tmp_path)


def test_those_of_the_version_before_are_refused(tmp_path):
    np.savez(tmp_path / NAME, about=np.array(json.dumps({"schema": 2, "config": {}})))
    with pytest.raises(RunFolderError, match="another version"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("schema", SCHEMA + 1, "another version"),
        ("schema", None, "another version"),
        ("part", "0", "damaged: part is '0'"),
        ("part", 1, "is part 1 of a checkpoint"),
        ("run", 3, "damaged: run is 3"),
        ("follows", None, "damaged: follows is None"),
        ("held", [], "it holds nothing"),
        ("more", 1, "damaged: it is"),
    ],
)
def test_a_part_says_which_it_is(tmp_path, key, value, line):
    write_checkpoint(tmp_path, ARRAYS, ABOUT)
    archive = read_archive(tmp_path / NAME)
    write_archive(tmp_path / NAME, archive.arrays, {**archive.about, key: value})
    with pytest.raises(RunFolderError, match=line) as caught:
        read_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_removing_what_is_not_there(tmp_path):
    remove_checkpoint(tmp_path)
    write_checkpoint(tmp_path, ARRAYS, ABOUT)
    remove_checkpoint(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def run(tmp_path):
    return grown(tmp_path / "run")


def grown(folder):
    """A checkpoint of three parts beside the first."""
    folder.mkdir()
    write_checkpoint(folder, {}, {})
    for part in (1, 2, 3):
        write_checkpoint(folder, {"number": np.array(part)}, {"part": part}, part)
    return folder


def test_what_is_added_comes_back_in_order_and_goes_with_the_rest(run):
    assert [(int(a["number"]), about["part"]) for a, about in read_parts(run)] == [
        (1, 1), (2, 2), (3, 3)
    ]  # fmt: skip
    (run / "checkpoint.2.npz").write_bytes(b"cut short")
    with pytest.raises(RunFolderError, match=r"checkpoint\.2\.npz' is damaged"):
        read_parts(run)
    (run / "checkpoint.2.npz").unlink()
    remove_checkpoint(run)
    assert not list(run.iterdir())


def test_a_run_may_have_lost_its_last_parts_only(run):
    (run / "checkpoint.3.npz").unlink()
    assert [about["part"] for _, about in read_parts(run)] == [1, 2]
    (run / "checkpoint.1.npz").unlink()
    with pytest.raises(RunFolderError, match=r"checkpoint\.1\.npz' is missing"):
        read_parts(run)


def test_parts_do_not_change_places(run):
    (run / "checkpoint.1.npz").rename(run / "x")
    (run / "checkpoint.2.npz").rename(run / "checkpoint.1.npz")
    (run / "x").rename(run / "checkpoint.2.npz")
    with pytest.raises(RunFolderError, match=r"checkpoint\.1\.npz' is part 2 of a checkpoint"):
        read_parts(run)
    shutil.copy(run / "checkpoint.1.npz", run / "checkpoint.npz")
    with pytest.raises(RunFolderError, match=r"checkpoint\.npz' is part 2 of a checkpoint"):
        read_checkpoint(run)


@pytest.mark.parametrize("part", ["checkpoint.npz", "checkpoint.1.npz", "checkpoint.3.npz"])
def test_parts_of_another_run_are_refused_though_it_is_of_the_same_settings(run, tmp_path, part):
    other = grown(tmp_path / "other")
    shutil.copy(other / part, run / part)
    with pytest.raises(RunFolderError, match=r"checkpoint\.[13]\.npz' is of another run"):
        read_parts(run)


def test_a_part_that_was_written_anew_is_not_followed(run):
    write_checkpoint(run, {"number": np.array(2)}, {"part": "another"}, 2)
    with pytest.raises(RunFolderError, match=r"checkpoint\.3\.npz' does not follow '.*\.2\.npz'"):
        read_parts(run)


def test_what_a_kill_left_of_a_removal_goes_with_the_next(run, monkeypatch):
    unlink, removed = type(run).unlink, []

    def killed(path, missing_ok=False):
        if len(removed) == 2:
            raise KeyboardInterrupt
        removed.append(path.name)
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(type(run), "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_checkpoint(run)
    assert removed[0] == NAME, "first what says that there is something to go on with"
    assert {path.name for path in run.iterdir()} == {"checkpoint.2.npz", "checkpoint.3.npz"}
    remove_checkpoint(run)
    assert not list(run.iterdir())


def test_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / NAME, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RunFolderError, match="another version"):
        read_checkpoint(tmp_path)
