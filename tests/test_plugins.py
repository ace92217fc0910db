"""Experiments and flows of the user's own: a file each; all else works as with built-in ones."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from pages import ROOT, listing

from decouple import images, plugins
from decouple.record.checkpoint import read_parts
from decouple.record.folder import RunFolder
from decouple.record.verification import compare_runs
from decouple.run import main

OWN = ["+plugin=caricature", "+experiment=caricature"]
FEW = ["network.weights=calibrated", "image.size=16", "flow=gradient", "stop.max_iterations=4"]
FEW += ["checkpoint.every_seconds=0"]


@pytest.fixture
def caricature(own_modules: Path) -> Path:
    """The two files of the page, and nothing else."""
    for name in ("caricature.py", "caricature.yaml"):
        (own_modules / name).write_text(listing(name), encoding="utf-8")
    return own_modules


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("error: ")
    assert "\n" not in line
    return line


def test_it_is_recorded_shown_planned_and_repeated(
    caricature: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = caricature / "run"
    assert main([*OWN, *FEW, "caricature.by=3", f"run_dir={run}"]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["experiment"] == "caricature"
    assert metrics["network"]["layers"] == ["block1_conv1"], "as its YAML says"
    assert [row["stage"] for row in metrics["stages"]] == ["reference", "noisify_source", "impose"]
    with np.load(run / "result.npz") as kept:
        assert set(kept) == {"result", "noisify_source/block1_conv1"}
    page = html.unescape((run / "report.html").read_text(encoding="utf-8"))
    assert "<h1>Caricature</h1>" in page
    assert f"{metrics['caricature']['psnr_db']:.1f} dB" in page
    (command,) = re.findall(r"<code>(python .*?)</code>", page)
    assert {"+experiment=caricature", "plugin=caricature", "caricature.by=3.0"} <= set(
        command.split()
    )
    assert "layers=" not in command, "that is its default"
    capsys.readouterr()
    assert main([*OWN, *FEW, "plan=true"]) == 0
    assert "at most about" in capsys.readouterr().err
    assert main([f"verify={run}"]) == 0
    assert capsys.readouterr().out.startswith("identical")


def test_it_goes_on_where_it_was_cut(
    caricature: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, cut = caricature / "whole", caricature / "cut"
    assert main([*OWN, *FEW, f"run_dir={whole}"]) == 0
    save = RunFolder.save_image

    def interrupted(self: RunFolder, name: str, pixels: np.ndarray, *text: object) -> float:
        if name == "result":
            raise KeyboardInterrupt
        return save(self, name, pixels, *text)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save_image", interrupted)
        assert main([*OWN, *FEW, f"run_dir={cut}"]) == 130
    assert len(list(read_parts(cut))) == 2
    assert "run of +plugin=caricature" in refusal(capsys, "+plugin=json", f"resume={cut}")
    assert "caricature.by= cannot be set" in refusal(capsys, f"resume={cut}", "caricature.by=4")
    assert main(["+plugin=caricature", f"resume={cut}"]) == 0
    assert compare_runs(whole, cut).identical
    assert {p.name for p in cut.rglob("*")} == {p.name for p in whole.rglob("*")}


def test_one_that_measures_and_moves_nothing(own_modules: Path) -> None:
    """With settings that are no group, and pictures and a figure of its own."""
    lines = [
        "from decouple.experiments import Experiment, register",
        "def grey(folder):",
        "    (folder / 'plots' / 'grey.txt').write_text('drawn')",
        "def carry_out(run):",
        "    mean = run.once('mean', lambda: float(run.source.mean()))",
        "    run.save('grey', 0 * run.source + mean)",
        "    run.record(brightness={'mean': run.config.gain * mean})",
        "    run.draw(grey)",
        "register(Experiment('brightness', 'brightness:carry_out', settings={'gain': 1.0},",
        "                    takes=('source', 'image', 'network', 'layers')))",
    ]
    (own_modules / "brightness.py").write_text("\n".join(lines), encoding="utf-8")
    words = ["+plugin=brightness", "+experiment=brightness", "network.weights=calibrated"]
    words += ["layers=1", "image.size=16", "gain=2"]
    assert main([*words, "run_dir=run"]) == 0
    metrics = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))
    source = images.load("sample:astronaut", size=16).pixels
    assert metrics["brightness"]["mean"] == pytest.approx(2 * source.mean())
    assert {path.stem for path in Path("run/images").iterdir()} == {"source", "grey"}
    assert Path("run/plots/grey.txt").read_text() == "drawn"
    page = html.unescape(Path("run/report.html").read_text(encoding="utf-8"))
    assert "<h1>Brightness</h1>" in page
    assert "brightness, mean" in page
    assert 'class="notice"' not in page, "its result is a number"
    assert not list(Path("run").glob("checkpoint*"))


@pytest.mark.slow
def test_a_sweep_in_other_processes(caricature: Path) -> None:
    """Which have to be told of the module, and of the settings that it adds."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra `cluster`")
    command = [sys.executable, "-m", "decouple.run", "-m", *OWN, *FEW, "caricature.by=0.5,2"]
    done = subprocess.run(
        [*command, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        cwd=caricature,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = Path("runs/caricature").glob("*/metrics.json")
    psnr = [json.loads(path.read_text("utf-8"))["caricature"]["psnr_db"] for path in found]
    assert len(set(psnr)) == 2


def test_a_sweep_shows_its_headline(caricature: Path) -> None:
    assert main(["-m", *OWN, *FEW, "caricature.by=0.5,2"]) == 0
    (page,) = Path("runs/sweeps").glob("*/report.html")
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert "They differ in caricature.by." in text
    assert "PSNR to the source" in text


@pytest.mark.usefixtures("caricature")
def test_help_and_refusals_are_as_of_built_in_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["+plugin=caricature", "--help"]) == 0
    page = capsys.readouterr().out
    assert "\n  caricature\n" in page
    assert "caricature.by=1.5" in page
    for words, told in (
        (["caricature.by=20"], "caricature.by=20.0 must be between 0 and 10"),
        (["caricature.bye=2"], "did you mean 'caricature.by'"),
        (["caricature.by=far"], "far"),
        (["gatys.start=noise"], "gatys.start= has no meaning in caricature"),
        (["target=sample:coffee"], "target= has no meaning in caricature"),
    ):
        assert told in refusal(capsys, *OWN, *words)
    with Path("caricature.yaml").open("a", encoding="utf-8") as file:
        file.write("layrs: 1\n")
    assert "In 'experiment/caricature': 'layrs' is not an option of config" in refusal(capsys, *OWN)
    assert "caricature.by= has no meaning in mix" in refusal(
        capsys, "+plugin=caricature", "+experiment=mix", "caricature.by=2"
    )


def test_what_is_installed_needs_no_word(
    caricature: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    form = r'\[project\.entry-points\."(.+)"\]\n(\w+) = "(\w+)"\n'
    group, *shown = re.fullmatch(form, listing("announced in pyproject.toml")).groups()
    announced = [EntryPoint(*names, group) for names in (("none", "none"), shown)]
    asked = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: asked.append(group) or announced)
    assert "seed=-1" in refusal(capsys, "+experiment=self_transfer", "seed=-1")
    assert not asked, "looking for them takes a while"
    assert main(["+experiment=caricature", *FEW, "plan=true"]) == 0
    assert asked == [plugins.ENTRY_POINTS]
    said = capsys.readouterr().err
    assert "none, which is installed, cannot be used: plugin=none: there is no module" in said


@pytest.fixture
def legs(own_modules: Path) -> Path:
    """The one file of the page."""
    (own_modules / "legs.py").write_text(listing("legs.py"), encoding="utf-8")
    return own_modules


def test_a_flow_of_ones_own(legs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = legs / "run"
    words = ["+plugin=legs", "+experiment=self_transfer", "flow=legs", "flow.count=3", "layers=1"]
    words += ["network.weights=calibrated", "image.size=16"]
    assert main([*words, "tolerance=1e-3", f"run_dir={run}"]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["flow"] == {"name": "legs", "count": 3}
    assert metrics["stepper"] == {"name": "symmetric"}
    assert metrics["self_transfer"]["psnr_db"] > 40
    moved = metrics["stages"][1:]
    assert [row["stop_reason"] for row in moved] == ["reached", "reached"]
    assert max(row["feature_mse"]["block1_conv1"] for row in moved) < 1e-8
    page = html.unescape((run / "report.html").read_text(encoding="utf-8"))
    (command,) = re.findall(r"<code>(python .*?)</code>", page)
    assert {"plugin=legs", "flow=legs", "flow.count=3"} <= set(command.split())
    plans = []
    for flow in ("lift", "legs"):
        capsys.readouterr()
        count = ["flow.count=3"] if flow == "legs" else []
        assert main([*words[:2], f"flow={flow}", *count, *words[4:], "plan=true"]) == 0
        plans.append(re.search(r"about (\d+) passes", capsys.readouterr().err))
    one, three = (int(found[1]) for found in plans)
    assert three == pytest.approx(3 * one, rel=0.02)  # both are rounded to two digits
    capsys.readouterr()
    assert main([f"verify={run}"]) == 0
    assert capsys.readouterr().out.startswith("identical")


@pytest.mark.usefixtures("legs")
def test_settings_of_a_flow_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["+plugin=legs", "+experiment=self_transfer"]
    for more, told in (
        (["flow=legs", "flow.count=0"], "flow.count=0 is too small"),
        (["flow=legs", "optimizer=adam"], "optimizer= has no meaning with flow=legs: it steps as"),
        (["flow=legs", "flow.cuont=2"], "did you mean 'flow.count'"),
        (["flow.count=2"], "'count' is not an option of lift"),
        (["stepper.steps=2"], "'steps' is not an option of auto stepper"),
        (["flow=leg"], "did you mean 'legs'"),
    ):
        assert told in refusal(capsys, *words, *more)


EXPERIMENT = "from decouple.experiments import Experiment, register\n"
BROKEN = {
    "missing": ("plugin=no_such_module", "", "there is no module no_such_module"),
    "no name": ("plugin=my-module.py", "", "plugin=my-module.py is no name of a module"),
    "nothing": ("plugin=", "", "plugin= is no name of a module"),
    "a syntax error": ("plugin=mine", "def\n", "SyntaxError"),
    "an error": ("plugin=mine", "1 / 0\n", "ZeroDivisionError: division by zero"),
    "an exit": ("plugin=mine", "raise SystemExit\n", "SystemExit: no reason given"),
    "what it imports": ("plugin=mine", "import no_such\n", "No module named 'no_such'"),
    "a name that is taken": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('mix', 'mine:run'))\n",
        "experiment 'mix' is taken by decouple.pipeline.mix: mine must give it",
    ),
    "a name that is none": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('my own', 'mine:run'))\n",
        "'my own' is no name of experiment",
    ),
    "a function without a module": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('own', 'run'))\n",
        "'run' must name a function as module:function",
    ),
    "a flow that is taken": (
        "plugin=mine",
        "from decouple.flow_kinds import FlowKind, register_flow\n"
        "register_flow(FlowKind('lift', dict, lambda *_: None))\n",
        "flow 'lift' is taken by decouple.flow_kinds.lift: mine must give it",
    ),
    "a setting that is taken": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('own', 'mine:run', settings={'seed': 1}))\n",
        "setting seed of mine exists already",
    ),
    "a setting with another default than another experiment's": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('own', 'mine:run', settings={'count': 2}))\n",
        "setting count of mine exists already",
    ),
    "a YAML file that is missing": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('own', 'mine:run', yaml='none.yaml'))\n",
        "experiment=own: 'none.yaml': No such file or directory",
    ),
    "a function that is missing": (
        "plugin=mine",
        EXPERIMENT + "register(Experiment('own', 'mine:run'))\n",
        "'mine:run': the module mine has no function run",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_module_that_cannot_be_used_is_one_line(
    name: str, own_modules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word, source, told = BROKEN[name]
    (own_modules / "mine.py").write_text(source, encoding="utf-8")
    assert told in refusal(capsys, f"+{word}", "+experiment=own", "network.weights=calibrated")
    assert {path.name for path in own_modules.iterdir()} <= {"mine.py", "__pycache__"}
