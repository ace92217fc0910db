"""What of the user's environment reaches a run, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from decouple.run import main

CHECKOUT = Path(__file__).resolve().parents[1]
BACKEND = (
    "from decouple.run import main; main(['--help']); import matplotlib.pyplot as plt; "
    "print(plt.get_backend())"
)


@pytest.mark.parametrize(
    "backend",
    ["module://matplotlib_inline.backend_inline", "module://no.such.module", "nonsense", "TkAgg"],
)
def test_a_backend_of_the_users_is_not_asked_for(backend: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BACKEND],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "MPLBACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].lower() == "agg"


def test_a_backend_in_use_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib  # noqa: F401

    monkeypatch.setenv("MPLBACKEND", "pdf")
    assert main(["--help"]) == 0
    assert os.environ["MPLBACKEND"] == "pdf"


HOMELESS = """
import os, pwd
def unknown(_):
    raise KeyError
os.environ.pop("HOME")
os.environ.pop("KERAS_HOME", None)
pwd.getpwuid = unknown
from decouple.execution import quiet_tensorflow
quiet_tensorflow()
print(os.environ["KERAS_HOME"], os.listdir("."))
"""


@pytest.mark.slow
def test_without_a_home_tensorflow_makes_no_folder_of_that_name(tmp_path: Path) -> None:
    pytest.importorskip("pwd")
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["/tmp/.keras", "[]"]


def test_default_weights_without_a_home(
    homeless: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("decouple.networks.weights.reachable", lambda: False)
    words = ["+experiment=self_transfer", "layers=1", "image.size=16", "plan=true"]
    assert main(words) == 0
    assert "calibrated random filters" in capsys.readouterr().err
