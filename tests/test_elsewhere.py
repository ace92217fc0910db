"""Runs are gone on with, and repeated, from another folder than the one they were started in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from decouple.overrides import composed, read_config
from decouple.record.folder import RunFolder
from decouple.record.places import NAME, seen_from_here, write_places
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.images.pictures import colours, stored
from tests.test_resume import stopped

RUN = ["layers=1", "image.size=16", "checkpoint.every_seconds=0"]
DESCENT = ["flow=gradient", "stop.max_iterations=4"]
GATYS = ["+experiment=gatys_moreno", *RUN, "network.weights=calibrated", "stop.max_iterations=2"]
GATYS += ["source=photo.png", "target=other.png", "gatys.start=start.png"]
GATYS += ["gatys.content.layers=[block1_conv1]", "optimizer=adam"]
PICTURE = ["+experiment=self_transfer", *RUN, *DESCENT, "network.weights=calibrated"]
BOTH = ["+experiment=transfer", *RUN, *DESCENT, "network.weights=filters.h5"]
RUNS = {
    "picture": [*PICTURE, "source=photo.png"],
    "both, in a folder": [*BOTH, "source=in/photo.png", "target=./in/../other.png"],
    "start": GATYS,
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the first start, with pictures and weights."""
    folder = tmp_path / "here"
    (folder / "in").mkdir(parents=True)
    monkeypatch.chdir(folder)
    for seed, name in enumerate(("photo.png", "other.png", "start.png", "in/photo.png")):
        stored(name, colours(seed=seed))
    with h5py.File("filters.h5", "w") as file:
        group = file.create_group("block1_conv1/block1_conv1")
        group["kernel:0"] = 0.1 * np.random.default_rng(0).standard_normal((3, 3, 3, 64))
        group["bias:0"] = np.zeros(64)
    return folder


@pytest.fixture
def there(here: Path) -> Path:
    """Another folder, where a picture of the same name is another picture."""
    folder = here.with_name("there")
    folder.mkdir()
    stored(folder / "photo.png", colours(seed=9))
    return folder


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_repeated(
    name: str,
    here: Path,
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*RUNS[name], "run_dir=run"]) == 0
    monkeypatch.chdir(there)
    capsys.readouterr()
    assert main(["verify=../here/run"]) == 0
    assert capsys.readouterr().out.startswith("identical")


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_was_cut_is_gone_on_with(
    name: str, here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*RUNS[name], "run_dir=whole"]) == 0
    stopped(monkeypatch, 1, *RUNS[name], "run_dir=cut")
    monkeypatch.chdir(there)
    assert main([f"resume='{here}/cut'"]) == 0
    assert compare_runs(here / "whole", here / "cut").identical
    # Its settings now hold from any folder.
    assert Path(read_config(here / "cut")["source"]).is_absolute()


def test_names_stay_as_they_were_typed_where_they_hold(here: Path) -> None:
    assert main([*RUNS["picture"], "run_dir=run"]) == 0
    metrics = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))
    assert metrics["source"]["origin"] == "photo.png"
    config = read_config("run")
    assert config["source"] == "photo.png"
    assert (Path("run") / NAME).read_text(encoding="utf-8") == f"source: {here}/photo.png\n"
    assert seen_from_here(config, "run") == config


def test_a_project_that_moved_is_read_where_it_is(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUNS["picture"], "run_dir=run"]) == 0
    moved = here.rename(here.with_name("moved"))
    monkeypatch.chdir(moved)
    assert main(["verify=run"]) == 0
    assert capsys.readouterr().out.startswith("identical")
    Path("photo.png").unlink()
    assert main(["verify=run"]) == 2
    assert "no picture 'photo.png'" in capsys.readouterr().err


def test_another_picture_is_refused_wherever_it_lies(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped(monkeypatch, 1, *RUNS["picture"], "run_dir=cut")
    shutil.copy("other.png", "photo.png")
    monkeypatch.chdir(here.parent)
    assert main(["resume=here/cut"]) == 2
    assert "source is not what the run" in capsys.readouterr().err


def test_words_are_no_files(here: Path) -> None:
    """Also where a file has such a name."""
    for name in ("calibrated", "content"):
        shutil.copy("photo.png", name)
    assert main([*RUNS["picture"], "source=sample:coffee", "run_dir=run"]) == 0
    assert not (Path("run") / NAME).exists()


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "none.png", "source: 3", "no.such: /etc/hostname", "seed: /etc/hostname"]
)
def test_places_that_say_nothing_change_nothing(tmp_path: Path, text: str) -> None:
    config = composed("+experiment=self_transfer", "source=photo.png")
    (tmp_path / NAME).write_text(text)
    assert seen_from_here(config, tmp_path) == config


def test_places_are_kept_to_the_byte(tmp_path: Path) -> None:
    lay = tmp_path / "caf\udce9.png"
    lay.touch()
    write_places(RunFolder(tmp_path), {"source": str(lay), "network.weights": str(lay)})
    config = composed("+experiment=self_transfer", "source=photo.png", "network.weights=a.h5")
    seen = seen_from_here(config, tmp_path)
    assert seen["source"] == seen["network"]["weights"] == str(lay)
    assert config["network"]["weights"] == "a.h5"
