import errno
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from decouple import images
from decouple.errors import RunFolderError
from decouple.record.folder import RunFolder
from decouple.record.lock import locked
from tests.permissions import bound_by_permissions


def assert_one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_default_path_names_experiment_and_time(tmp_path):
    folder = RunFolder.create("self_transfer", root=tmp_path / "runs")
    assert folder.path.parent == tmp_path / "runs" / "self_transfer"
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", folder.path.name)
    assert (folder.path / "images").is_dir()


def test_threads_starting_together_never_share_a_folder(tmp_path, monkeypatch):
    # Only eight names for eight threads: nearly every attempt collides.
    monkeypatch.setattr("time.strftime", lambda _: "20000101-000000")
    names = iter([f"{k % 8:06x}" for k in range(4, 80) for _ in range(2)])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(names))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create("x", root=tmp_path).path, range(8)))
    assert len(set(made)) == 8


def test_processes_that_want_the_same_run_dir_do_not_share_it(tmp_path):
    code = (
        "import sys, pathlib, time\n"
        "from decouple.record.folder import RunFolder, RunFolderError\n"
        "pathlib.Path(sys.argv[2]).touch()\n"
        "while len(list(pathlib.Path(sys.argv[2]).parent.iterdir())) < 3: time.sleep(0.005)\n"
        "try: RunFolder.create('x', sys.argv[1]); print('mine')\n"
        "except RunFolderError as error: print(error)\n"
    )
    (tmp_path / "ready").mkdir()
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "run"), str(tmp_path / "ready" / str(k))],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for k in range(3)
    ]
    said = sorted(run.communicate(timeout=60)[0].strip() for run in runs)
    assert said.count("mine") == 1
    assert sum("not empty" in line for line in said) == 2


def test_given_folder_may_be_absent_or_empty(tmp_path):
    assert RunFolder.create("x", tmp_path / "a" / "b").path == tmp_path / "a" / "b"
    (tmp_path / "empty").mkdir()
    assert RunFolder.create("x", str(tmp_path / "empty")).path == tmp_path / "empty"


def test_given_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("keep")
    with pytest.raises(RunFolderError) as error:
        RunFolder.create("x", tmp_path)
    assert_one_line(error, "not empty", "name a new folder", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_run_that_saw_the_folder_empty_a_moment_too_early_is_refused(tmp_path, monkeypatch):
    RunFolder.create("x", tmp_path / "run")
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))
    with pytest.raises(RunFolderError) as error:
        RunFolder.create("x", tmp_path / "run")
    assert_one_line(error, "not empty")


def test_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for arguments in (
        {"run_dir": tmp_path / "file"},
        {"run_dir": tmp_path / "file" / "run"},
        {"root": tmp_path / "file"},
    ):
        with pytest.raises(RunFolderError) as error:
            RunFolder.create("x", **arguments)
        assert_one_line(error, str(tmp_path / "file"))


def test_experiment_that_is_a_file_does_not_loop(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(RunFolderError) as error:
        RunFolder.create("x", root=tmp_path)
    assert_one_line(error, "File exists")


def test_read_only_parent_is_one_line():
    with bound_by_permissions() as folder:
        folder.chmod(0o500)
        with pytest.raises(RunFolderError) as error:
            RunFolder.create("x", folder / "run")
        assert_one_line(error, "Permission denied", "run")
        assert not list(folder.iterdir())


def test_read_only_run_folder_is_one_line():
    with bound_by_permissions() as folder:
        run = RunFolder.create("x", folder / "run")
        run.path.chmod(0o500)
        with pytest.raises(RunFolderError) as error:
            run.write_text("config.yaml", "seed: 0\n")
        assert_one_line(error, "Permission denied", "config.yaml")
        with pytest.raises(RunFolderError) as error, locked(run.path):
            pass
        assert_one_line(error, "Permission denied", "run")
        run.path.chmod(0o700)


def test_full_disk_while_making_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", no_space)
    for arguments in ({"root": tmp_path}, {"run_dir": tmp_path / "run"}):
        with pytest.raises(RunFolderError) as error:
            RunFolder.create("x", **arguments)
        assert_one_line(error, "No space left on device", str(tmp_path))


def test_open_goes_on_with_an_earlier_run(tmp_path):
    made = RunFolder.create("x", tmp_path / "run")
    made.write_text("config.yaml", "seed: 0\n")
    assert RunFolder.open(made.path).path == made.path
    with pytest.raises(RunFolderError) as error:
        RunFolder.open(tmp_path / "elsewhere")
    assert_one_line(error, "does not exist")


def test_empty_folder_is_taken_away_and_a_used_one_kept(tmp_path):
    empty = RunFolder.create("x", tmp_path / "empty")
    empty.remove_if_empty()
    assert not empty.path.exists()
    used = RunFolder.create("x", tmp_path / "used")
    used.write_text("config.yaml", "")
    used.remove_if_empty()
    assert (used.path / "images").is_dir()


def test_text_and_json_arrive_whole(tmp_path):
    folder = RunFolder.create("x", tmp_path / "run")
    folder.write_text("a.txt", "π\n")
    folder.write_json("b.json", {"z": np.float32(0.5), "a": [float("nan"), float("inf"), 1]})
    assert (folder.path / "a.txt").read_bytes() == "π\n".encode()
    assert list(json.loads((folder.path / "b.json").read_text()).items()) == [
        ("z", 0.5),
        ("a", [None, None, 1]),
    ]
    assert sorted(path.name for path in folder.path.iterdir()) == ["a.txt", "b.json", "images"]


def test_json_refuses_what_it_has_no_place_for(tmp_path):
    folder = RunFolder.create("x", tmp_path / "run")
    with pytest.raises(TypeError, match="object"):
        folder.write_json("b.json", {"a": object()})
    assert not (folder.path / "b.json").exists()


@pytest.mark.parametrize("broken", ["os.replace", "pathlib.Path.write_text"])
def test_disk_error_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch, broken):
    folder = RunFolder.create("x", tmp_path / "run")
    folder.write_text("a.txt", "former")
    monkeypatch.setattr(broken, no_space)
    with pytest.raises(RunFolderError) as error:
        folder.write_text("a.txt", "new")
    monkeypatch.undo()
    assert_one_line(error, "No space left on device", "a.txt")
    assert (folder.path / "a.txt").read_text() == "former"
    assert sorted(path.name for path in folder.path.iterdir()) == ["a.txt", "images"]


def test_saved_image_is_rounded_and_tells_its_clipped_share(tmp_path):
    folder = RunFolder.create("x", tmp_path / "run")
    pixels = np.full((10, 10, 3), 0.25)
    pixels[0, :, :] = 1.5
    assert folder.save_image("result", pixels, text={"seed": "0"}) == pytest.approx(0.1)
    back = images.load(folder.path / "images" / "result.png").pixels
    assert np.array_equal(np.unique(np.rint(back * 255)), [64, 255])


def test_full_disk_while_saving_an_image(tmp_path, monkeypatch):
    folder = RunFolder.create("x", tmp_path / "run")
    monkeypatch.setattr("PIL.Image.Image.save", no_space)
    with pytest.raises(RunFolderError) as error:
        folder.save_image("result.png", np.zeros((10, 10, 3)))
    assert_one_line(error, "No space left on device", "result.png")
    assert list((folder.path / "images").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a" * 300, "File name too long"),
        (f"b/c/{'a' * 300}/d", "File name too long"),
        ("/".join(["a" * 200] * 30), "File name too long"),
        ("b/a\0c", "no file has such a name"),
        ("b/\ud800", "no file has such a name"),
    ],
)
def test_a_name_that_no_folder_can_have_is_one_line_and_leaves_no_other(tmp_path, name, reason):
    with pytest.raises(RunFolderError) as error:
        RunFolder.create("x", tmp_path / name)
    assert_one_line(error, "cannot use run_dir", reason)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_there_stays(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    for path in (tmp_path / "mine" / ("a" * 300), tmp_path / "mine"):
        if path.name == "mine":
            monkeypatch.setattr(Path, "iterdir", no_space)
        with pytest.raises(RunFolderError):
            RunFolder.create("x", path)
    assert (tmp_path / "mine").is_dir()
