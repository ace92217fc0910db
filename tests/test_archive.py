import io
import json
import os
import zipfile

import numpy as np
import pytest

from decouple.archive import ABOUT, read_archive, read_npz, write_archive
from decouple.errors import DamagedFile, RunFolderError

ARRAYS = {
    "picture": np.random.default_rng(0).standard_normal((4, 5, 3)),
    "factor": np.asfortranarray(np.random.default_rng(1).standard_normal((3, 3))),
    "moment": np.float32([1e-40, -0.0, np.inf]),
    "nothing": np.zeros((0, 3)),
    "iterations": np.array(7),
}
ABOUT_THEM = {"losses": {"total": 0.1 + 0.2}, "passes": 3, "words": "×"}


@pytest.fixture
def path(tmp_path):
    write_archive(tmp_path / "a.npz", ARRAYS, ABOUT_THEM)
    return tmp_path / "a.npz"


def refusal(path):
    with pytest.raises(RunFolderError) as caught:
        read_archive(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_everything_comes_back_bit_for_bit(path):
    found = read_archive(path)
    assert found.about == ABOUT_THEM
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].tobytes("A") == array.tobytes("A")
        assert found.arrays[name].flags.f_contiguous == array.flags.f_contiguous
        assert found.arrays[name].flags.writeable


def test_numpy_reads_it_too(path):
    with np.load(path) as held:
        np.testing.assert_array_equal(held["picture"], ARRAYS["picture"])


def test_the_digest_is_that_of_what_it_holds(path):
    first = read_archive(path).digest
    write_archive(path, ARRAYS, ABOUT_THEM)
    assert read_archive(path).digest == first == read_archive(path, with_arrays=False).digest
    write_archive(path, {**ARRAYS, "iterations": np.array(8)}, ABOUT_THEM)
    assert read_archive(path).digest != first


def test_no_bit_that_is_flipped_is_read_as_something_else(path):
    """Headers of arrays, whose members numpy stops reading before their ends, among them."""
    data = path.read_bytes()
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = read_archive(path)
        except RunFolderError:
            continue
        # What zip keeps beside the members: times, versions, permissions.
        assert found.about == ABOUT_THEM
        assert all(found.arrays[k].tobytes() == v.tobytes() for k, v in ARRAYS.items()), place


@pytest.mark.parametrize("length", [0, 3, 100, -1, -30])
def test_a_file_that_is_cut_is_refused(path, length):
    path.write_bytes(path.read_bytes()[:length])
    refusal(path)


def rewritten(path, members, comment=None):
    """The archive with other members, whose checksums are right."""
    with zipfile.ZipFile(path) as held:
        kept = {name: held.read(name) for name in held.namelist()}
        comment = held.comment if comment is None else comment
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**kept, **members}.items():
            if data is not None:
                archive.writestr(name, data)
        archive.comment = comment


def npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"picture.npy": npy(ARRAYS["picture"] + 1e-16)}, "'picture' is not what was written"),
        ({"picture.npy": npy(ARRAYS["factor"])}, "'picture' is not"),
        ({"picture.npy": None}, "picture.npy"),
        ({ABOUT: None}, "no about.json"),
        ({ABOUT: b"{}"}, "about.json is not"),
        ({ABOUT: b"[" * 100_000}, "about.json is not"),
        ({"more.npy": npy(np.zeros(3))}, "nothing of it is called 'more.npy'"),
        ({"more": b"import os"}, "nothing of it is called 'more'"),
    ],
)
def test_other_members_are_refused(path, members, words):
    rewritten(path, members)
    assert words in refusal(path)


def test_a_member_that_nobody_asked_for_is_not_read(path, monkeypatch):
    """However large it is."""
    rewritten(path, {"more.npy": bytes(1000)})
    read, asked = zipfile.ZipFile.read, []

    def noted(archive, name):
        asked.append(name)
        return read(archive, name)

    monkeypatch.setattr(zipfile.ZipFile, "read", noted)
    assert "nothing of it is called 'more.npy'" in refusal(path)
    assert asked == [ABOUT]


def test_a_member_that_claims_more_than_the_file_has(path):
    data = path.read_bytes()
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"picture.npy"))
    path.write_bytes(data[: entry + 20] + b"\xf0\xff\xff\xff" * 2 + data[entry + 28 :])
    assert "no part of it" in refusal(path)


def test_a_compressed_member_is_refused(path):
    with zipfile.ZipFile(path) as held:
        kept = {name: held.read(name) for name in held.namelist()}
        comment = held.comment
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in kept.items():
            archive.writestr(name, data)
        archive.comment = comment
    assert "no part of it" in refusal(path)


@pytest.mark.parametrize(
    "header",
    [
        {"descr": "<f8", "fortran_order": False, "shape": (10**12,)},
        {"descr": "<f8", "fortran_order": False, "shape": (10**30, 10**30)},
        {"descr": "|O", "fortran_order": False, "shape": (1,)},
        {"descr": "<f8", "fortran_order": False, "shape": (-1,)},
    ],
)
def test_an_array_that_is_not_there_is_not_made(path, header, monkeypatch):
    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(data, header)
    monkeypatch.setattr("decouple.archive._npy", lambda _: data.getvalue() + bytes(8))
    write_archive(path, {"a": ARRAYS["picture"]}, {})
    assert "an array" in refusal(path)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is no plain file" in refusal(tmp_path / "pipe")
    assert "is no plain file" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "none")


def test_objects_are_neither_written_nor_read(path):
    with pytest.raises(ValueError, match="Object arrays"):
        write_archive(path, {"a": np.array([{"a": 1}])}, {})
    assert read_archive(path).about == ABOUT_THEM
    assert json.loads(json.dumps(read_archive(path).about)) == ABOUT_THEM


def test_what_numpy_writes_is_read_whole(tmp_path):
    path = tmp_path / "result.npz"
    np.savez(path, **ARRAYS, **{"noisify/block1_conv1": np.arange(3)})
    found = read_npz(path)
    assert found.keys() == {*ARRAYS, "noisify/block1_conv1"}
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes("A") == array.tobytes("A")
    data = path.read_bytes()
    begin = data.index(ARRAYS["picture"].tobytes())
    for place in (begin, begin + 479, data.index(b"\x93NUMPY") + 127):
        flipped = bytearray(data)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(DamagedFile, match=r"result\.npz' is damaged"):
            read_npz(path)


@pytest.mark.parametrize("content", [b"", b"none", npy(np.ones(3))])
def test_what_is_no_npz_is_one_line(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.npz' is damaged"):
        read_npz(tmp_path / "a.npz")


def test_an_npz_of_other_things_than_numbers_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, words=np.array(["a"]))
    with pytest.raises(DamagedFile, match=r"'words\.npy' holds no numbers"):
        read_npz(path)
    np.savez_compressed(path, picture=np.zeros(1000))
    with pytest.raises(DamagedFile, match="no part of it"):
        read_npz(path)
