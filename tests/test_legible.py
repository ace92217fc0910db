"""Names that are no UTF-8, of pictures, weights files and folders, wherever a name is written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote_to_bytes

import h5py
import numpy as np
import pytest
import yaml
from PIL import Image

from decouple import images
from decouple.legible import legible
from decouple.overrides import command, word
from decouple.record.plain import plain
from decouple.report import style
from decouple.run import main
from tests.images.pictures import colours, stored

RUN = ["layers=1", "image.size=16", "flow=gradient", "stop.max_iterations=1"]
NAMES = [b"caf\xe9.png", b"\xff\xfe<b>.png", b"a$\xe9$b.png"]


def quoted(name: str) -> str:
    return f"'{name}'"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with such a name."""
    place = tmp_path / os.fsdecode(b"\xe9t\xe9")
    try:
        place.mkdir()
    except OSError:
        pytest.skip("file names are text here")
    monkeypatch.chdir(place)
    return place


def weights_file(name: str) -> str:
    rng = np.random.default_rng(0)
    with h5py.File(name, "w") as file:
        group = file.create_group("block1_conv1/block1_conv1")
        group["kernel:0"] = 0.1 * rng.standard_normal((3, 3, 3, 64))
        group["bias:0"] = np.zeros(64)
    return name


@pytest.mark.parametrize("raw", NAMES)
def test_a_run_whose_every_name_is_no_utf_8(
    raw: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, run = os.fsdecode(raw), Path(os.fsdecode(b"run \xe9"))
    stored(name, colours())
    weights = weights_file(f"{name}.h5")
    words = ["+experiment=self_transfer", *RUN, f"source={quoted(name)}"]
    words += [f"network.weights={quoted(weights)}", f"run_dir={quoted(str(run))}"]
    assert main([*words, "record.tensorboard=true"]) == 0
    said = capsys.readouterr().err
    assert f"self_transfer of {legible(name)} (source)" in said
    assert r"run \xe9/report.html" in said

    metrics = json.loads((run / "metrics.json").read_bytes())
    assert metrics["source"]["origin"] == legible(name)
    assert metrics["network"]["weights"] == legible(weights)
    assert yaml.safe_load((run / "config.yaml").read_bytes())["source"] == name
    assert list((run / "tensorboard").iterdir())
    page = (run / "report.html").read_text(encoding="utf-8")
    assert legible(name).replace("<", "&lt;").replace(">", "&gt;") in page
    with Image.open(run / "images" / "result.png") as picture:
        assert json.loads(picture.info["config"])["source"] == legible(name)

    # The very bytes are kept where they are read again.
    assert main([f"verify={quoted(str(run))}"]) == 0
    assert capsys.readouterr().out.startswith("identical")


def test_a_sweep_over_such_names(folder: Path) -> None:
    for name in map(os.fsdecode, NAMES[:2]):
        stored(name, colours())
    sources = ",".join(quoted(os.fsdecode(raw)) for raw in NAMES[:2])
    place = Path(os.fsdecode(b"\xe9"))
    words = ["+experiment=self_transfer", "network.weights=calibrated", *RUN]
    words += [f"source={sources}", f"hydra.sweep.dir={quoted(str(place))}"]
    assert main(["-m", *words]) == 0
    page = (place / "report.html").read_text(encoding="utf-8")
    assert r"caf\xe9.png" in page
    assert "data:image/png" in page
    assert "2 of 2" not in page
    assert "2 runs finished" in page


def test_a_sweeps_page_links_to_the_very_folder(folder: Path) -> None:
    from decouple.report.sweep import write_sweep_page
    from tests.report.run_folders import write_run

    run = write_run(folder / os.fsdecode(b"\xe9 run"))
    (run / "report.html").write_text("")
    page = write_sweep_page([run], folder / "report.html").read_text(encoding="utf-8")
    (address,) = {part.split('"')[0] for part in page.split('href="')[1:]}
    assert unquote_to_bytes(address) == b"\xe9 run/report.html"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\udce9.png", r"caf\xe9.png"),
        ("\udcff\udc80", r"\xff\x80"),
        ("\ud800", r"\ud800"),  # of Windows, whose names may hold it
        ("föö \\xe9", "föö \\xe9"),
    ],
)
def test_text_is_legible(text: str, shown: str, tmp_path: Path) -> None:
    assert legible(text) == shown
    assert plain({text: [text]}) == {shown: [shown]}
    images.save(np.zeros((8, 8, 3)), tmp_path / "a.png", text={"source": text})
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text["source"] == shown
    with style.context():
        figure = style.new_figure(2, 1)
        style.put_caption(figure, [text, r"a$\frac$b"])
        style.save_figure(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").exists()


@pytest.mark.parametrize("raw", [*NAMES, b"it's \xe9\xe8.png", b"a\xe90.png", "é.png".encode()])
def test_the_shell_gets_the_very_bytes(raw: bytes) -> None:
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    source = f"source={word(os.fsdecode(raw))}"
    line = legible(command(source))
    words = line.removeprefix("python -m decouple.run ")
    done = subprocess.run(["bash", "-c", f"printf %s {words}"], capture_output=True, check=True)
    assert done.stdout == os.fsencode(source)
