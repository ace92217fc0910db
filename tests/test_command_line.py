"""The command line: names, values and flags, each mistake one line with exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from decouple import __version__
from decouple.config import config_folder
from decouple.run import main

RUN = "+experiment=self_transfer"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code, and what stands on standard error."""
    code = main(list(arguments))
    return code, capsys.readouterr().err.strip()


MISTAKES = {
    "no experiment": (["layers=2"], ["name an experiment", "self_transfer"]),
    "unknown experiment": (["+experiment=self_transfr"], ["did you mean 'self_transfer'"]),
    "no plus": (["experiment=self_transfer"], ["+experiment=self_transfer"]),
    "unknown key": ([RUN, "imge.size=64"], ["imge.size", "did you mean 'image.size'"]),
    "unknown nested key": ([RUN, "network.weight=calibrated"], ["network.weights"]),
    "unknown stepper": ([RUN, "stepper=rk5"], ["rk5", "rk4"]),
    "unknown network": ([RUN, "network=vgg20"], ["vgg20", "vgg19"]),
    "wrong type": ([RUN, "image.size=big"], ["image.size", "big"]),
    "too small": ([RUN, "image.size=3"], ["image.size=3", "at least 8"]),
    "negative seed": ([RUN, "seed=-1"], ["seed=-1"]),
    "no draws": ([RUN, "noise.draws=0"], ["noise.draws=0"]),
    "noise kind": ([RUN, "noise.kind=pinc"], ["pinc", "did you mean 'pink'"]),
    "one picture's noise for many": (
        ["+experiment=features", "source=.", "noise.kind=phase"],
        ["noise.kind=phase", "features", "share a reference"],
    ),
    "zero steps": ([RUN, "stepper=rk4", "stepper.steps=0"], ["stepper.steps=0"]),
    "tolerance": ([RUN, "tolerance=0"], ["tolerance=0", "positive"]),
    "width": ([RUN, "network.width=nan"], ["network.width=nan"]),
    "mask": ([RUN, "mask.min_slope=1.5"], ["mask.min_slope=1.5"]),
    "directions": ([RUN, "mask.directions=0"], ["mask.directions=0 must be at least 1, or null"]),
    "noise size": ([RUN, "noise.size=big"], ["noise.size=big", "match"]),
    "dtype": ([RUN, "network.dtype=float16"], ["float16", "float32"]),
    "ignored target": ([RUN, "target=a.jpg"], ["target=", "self_transfer"]),
    "ignored width": (
        [RUN, "network.activation=relu", "network.width=0.2"],
        ["network.width", "relu"],
    ),
    "ignored option of stepper": (
        [RUN, "stepper=symmetric", "stepper.steps=3"],
        ["steps", "symmetric"],
    ),
    "ignored option of auto": ([RUN, "stepper.steps=3"], ["steps", "auto"]),
    "ignored tolerance of auto": (
        [RUN, "network.pooling=max", "tolerance=1e-5"],
        ["tolerance", "rk4"],
    ),
    "ignored tolerance": ([RUN, "stepper=rk4", "tolerance=1e-5"], ["tolerance", "rk4"]),
    "not a setting": ([RUN, "photo.jpg"], ["photo.jpg", "NAME=VALUE"]),
    "sign": ([RUN, "+image.depth=3"], ["image.depth"]),
    "a picture without its name": (["photo (1).jpg"], ["NAME=VALUE", "\"source='photo (1).jpg'\""]),
    "a name without a value": ([RUN, "plan"], ["plan=VALUE"]),
    "flag": ([RUN, "--layers"], ["--layers", ": layers=VALUE"]),
    "setting as a flag": (["--source", "photo.jpg"], [": source=photo.jpg"]),
    "setting as a flag, at once": ([RUN, "--source=my photo.jpg"], [": \"source='my photo.jpg'\""]),
    "setting as a flag, with a dash": ([RUN, "--image-size", "64"], [": image.size=64"]),
    "setting as a flag, misspelt": ([RUN, "--lyers", "-m"], [": layers=VALUE"]),
    "experiment as a flag": (["--experiment", "mix"], [": +experiment=mix"]),
    "misspelt flag": ([RUN, "--tracebck"], ["did you mean '--traceback'"]),
    "flag without its value": ([RUN, "--cfg"], ["--cfg", "expected one argument"]),
    "flag with another value": ([RUN, "--cfg", "jb"], ["'jb'", "'job'"]),
    "flag without the one it belongs to": ([RUN, "--resolve"], ["--cfg job"]),
    "shown, unknown key": (["--cfg", "job", "sourc=x"], ["did you mean 'source'"]),
    "shown, unknown choice": ([RUN, "stepper=rk5", "--cfg", "job"], ["did you mean 'rk45'"]),
    "shown, wrong type": ([RUN, "--info", "config", "seed=x"], ["seed", "'x'"]),
    "shown, ignored by Hydra": ([RUN, "--cfg", "all", "hydra.run.dir=a"], ["run_dir=DIR"]),
    "shown, several": (["-m", "--cfg", "job", RUN, "seed=0,1"], ["seed=0,1", "show one run"]),
    "sweep cell": (["-m", RUN, "layers=1,2", "image.fit=crop,crp"], ["crp", "crop"]),
    "layers": ([RUN, "layers=6"], ["layers=6", "1 to 5"]),
    "layer name": ([RUN, "layers=[block1_conv9]"], ["block1_conv9", "block1_conv1"]),
    "picture": ([RUN, "source=no_such_file.jpg"], ["no_such_file.jpg"]),
    "sample": ([RUN, "source=sample:astronat"], ["did you mean 'astronaut'"]),
    "weights file": ([RUN, "network.weights=none.h5", "layers=1"], ["none.h5"]),
    "too small for the layers": (
        [RUN, "layers=5", "image.size=8", "network.weights=calibrated"],
        ["block5_conv1", "at least 16"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_costs_one_line(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, words = MISTAKES[name]
    code, line = said(capsys, *arguments)
    assert code == 2
    assert line.startswith("error: ")
    assert "\n" not in line
    for word in words:
        assert word in line
    assert not list(tmp_path.iterdir()), "a refused run leaves nothing behind"


def test_help_names_every_setting_and_choice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    choices = [f"{file.stem}" for file in config_folder().glob("*/*.yaml")]
    assert {"self_transfer", "vgg16", "symmetric", "newton"} <= set(choices)
    for word in (*choices, "image.size=150", "tolerance=0.0001", "stepper.steps=16"):
        assert word in page


@pytest.mark.parametrize("words", [["--version"], [RUN, "--version"], ["--version", "-m"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"decouple {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["-m", RUN, "layers=1,2", "run_dir=1_2,1e5"],
        [RUN, "-m", "layers=1,2", "run_dir=1_2,1e5"],
        [RUN, "layers=1,2", "--multirun", "run_dir=1_2,1e5"],
        [RUN, "layers=range(1,3)", "run_dir='1_2','1e5'", "-m"],
    ],
)
def test_a_flag_stands_anywhere(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = []
    monkeypatch.setattr(
        "decouple.sweeps.carry_out", lambda config: ran.append((config.layers, config.run_dir))
    )
    assert main(words) == 0
    assert ran == [(1, "1_2"), (1, "1e5"), (2, "1_2"), (2, "1e5")]


@pytest.mark.parametrize(
    "words",
    [
        ["--cfg", "job", "-p", "image", RUN, "image.size=64"],
        [RUN, "-p", "image", "image.size=64", "-c", "job"],
        ["image.size=64", "--cfg=job", "--package=image"],
    ],
)
def test_a_configuration_is_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        *("# @package image", "size: 64", "fit: keep", "output: png"),
    ]


def test_errors_and_help_need_no_tensorflow(tmp_path: Path) -> None:
    program = (
        "import sys; from decouple.run import main; "
        "assert main(['--help']) == 0; assert main(['+experiment=self_transfer', 'sed=1']) == 2; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_traceback_on_request() -> None:
    with pytest.raises(ValueError, match=r"image\.size"):
        main([RUN, "image.size=3", "--traceback"])


def test_choices_are_those_of_the_code() -> None:
    from decouple.config import choices
    from decouple.networks import Activation, Pooling

    known = choices()
    assert known["network.activation"] == ("auto", *(kind.value for kind in Activation))
    assert known["network.pooling"] == ("auto", *(kind.value for kind in Pooling))
