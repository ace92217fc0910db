import json

import numpy as np
import pytest

from decouple.errors import RunFolderError
from decouple.record.checkpoint import (
    NAME,
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
    assert about == {"schema": 2, **ABOUT}


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
    with pytest.raises(RunFolderError, match="no checkpoint"):
        read_checkpoint(tmp_path)
    np.savez(tmp_path / NAME, about=np.array(json.dumps({"schema": 99})))
    with pytest.raises(RunFolderError, match="another version"):
        read_checkpoint(tmp_path)
    (tmp_path / NAME).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(RunFolderError, match="damaged"):
        read_checkpoint(tmp_path)


def test_removing_what_is_not_there(tmp_path):
    remove_checkpoint(tmp_path)
    write_checkpoint(tmp_path, ARRAYS, ABOUT)
    remove_checkpoint(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_added_comes_back_in_order_and_goes_with_the_rest(tmp_path):
    write_checkpoint(tmp_path, {}, {})
    for part in (1, 2, 4):
        write_checkpoint(tmp_path, {}, {"part": part}, part)
    # The fourth says nothing without the third.
    assert [about["part"] for _, about in read_parts(tmp_path)] == [1, 2]
    (tmp_path / "checkpoint.2.npz").write_bytes(b"cut short")
    with pytest.raises(RunFolderError, match=r"checkpoint\.2\.npz' is damaged"):
        list(read_parts(tmp_path))
    (tmp_path / "checkpoint.4.npz").unlink()
    remove_checkpoint(tmp_path)
    assert not list(tmp_path.iterdir())


def test_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / NAME, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RunFolderError, match="no checkpoint"):
        read_checkpoint(tmp_path)
