"""Sweeps whose runs are other processes: what they leave, and what becomes of one that fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from decouple import launching
from decouple.installation import install_command
from decouple.run import main

CHECKOUT = Path(__file__).resolve().parents[1]
RUN = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
FEW = [*RUN, "flow=gradient", "stop.max_iterations=1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "option"),
    [("joblib", "n_jobs=2"), ("submitit_local", "timeout_min=5"), ("ray", "ray.init.address=null")],
)
def test_a_sweep_in_other_processes(launcher: str, option: str, tmp_path: Path) -> None:
    module, extra = launching.LAUNCHERS[launcher]
    pytest.importorskip(module, reason=f"needs the extra `{extra}`")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "decouple.run", "-m", *FEW),
            "source=sample:chelsea,no_such_file.jpg",
            *(f"hydra/launcher={launcher}", f"hydra.launcher.{option}"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (run,) = (tmp_path / "runs" / "self_transfer").iterdir()
    assert json.loads((run / "metrics.json").read_text())["source"]["origin"] == "sample:chelsea"
    (page,) = (tmp_path / "runs" / "sweeps").glob("*/report.html")
    text = page.read_text(encoding="utf-8")
    assert "1 of 2 runs finished. They differ in source." in text
    assert "Run 2 failed (source=no_such_file.jpg)" in text
    # Ray hands on what its processes print, whenever it comes.
    own = [line for line in done.stderr.strip().splitlines() if "(_run_job pid=" not in line]
    assert own[-2:] == [
        "1 of the sweep's runs failed",
        f"The sweep's report is {page.relative_to(tmp_path)}",
    ]
    assert not (page.parent / "outcomes").exists()


def test_a_run_that_broke_off_is_on_the_sweeps_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one does whose process is killed: no word of it comes back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("decouple.sweeps.carry_out", lambda config: None if config.seed else 1 // 0)
    place = tmp_path / "my sweep"
    words = [*FEW, "seed=0,1", f"hydra.sweep.dir='{place}'"]
    assert main(["-m", *words]) == 1
    assert "1 of the sweep's runs failed" in capsys.readouterr().err
    text = (place / "report.html").read_text(encoding="utf-8")
    assert "Run 1 failed" in text
    assert "it broke off" in text


# Its second run, in a process of its own, is killed; the others end at once. A function of the
# program itself travels to the processes as it is.
KILLED = """
import os, signal, sys
from decouple import sweeps
from decouple.run import main

one_cell = sweeps.run_cell

def cell(config):
    from decouple import sweeps
    from decouple.errors import DecoupleError

    def carry_out(config):
        if config.seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        raise DecoupleError("no run in this test")

    sweeps.carry_out = carry_out
    one_cell(config)

sweeps.run_cell = cell
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_process_of_a_sweep_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra `cluster`")
    words = ["-m", *FEW, "seed=0,1,2", "hydra/launcher=joblib"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words, "hydra.launcher.n_jobs=2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "error: the launcher gave up: A worker" in done.stderr
    assert "go on with: python -m decouple.run -m" in done.stderr
    (page,) = (tmp_path / "runs" / "sweeps").glob("*/report.html")
    text = page.read_text(encoding="utf-8")
    assert "0 of 3 runs finished" in text
    assert "Run 2 was cut (seed=1)" in text
    assert done.stderr.splitlines()[-1].endswith(str(page.relative_to(tmp_path)))


@pytest.mark.parametrize("launcher", launching.LAUNCHERS)
def test_what_is_not_installed_is_one_line(
    launcher: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launching, "_installed", lambda _: False)
    assert main(["-m", *FEW, "seed=0,1", f"hydra/launcher={launcher}"]) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith(f"error: hydra/launcher={launcher} needs")
    assert line.endswith(install_command(launching.LAUNCHERS[launcher].extra))


def test_slurm_needs_a_machine_that_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launching, "_installed", lambda _: True)
    monkeypatch.setenv("PATH", "")
    assert main(["-m", *FEW, "seed=0,1", "hydra/launcher=submitit_slurm"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "srun" in line


def test_a_launcher_needs_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FEW, "hydra/launcher=basic"]) == 2
    assert "needs -m" in capsys.readouterr().err


def test_what_holds_of_hydras_settings_in_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MINE", raising=False)
    ran = []
    monkeypatch.setattr(
        "decouple.sweeps.carry_out", lambda config: ran.append((config.seed, os.environ["MINE"]))
    )
    words = ["hydra.sweep.dir=~/2024_01", "hydra.sweeper.max_batch_size=1", "hydra.job.name=1_2"]
    assert main(["-m", *FEW, "seed=0,1", *words, "+hydra.job.env_set.MINE=1_2"]) == 0
    assert ran == [(0, "1_2"), (1, "1_2")]
    assert (tmp_path / "2024_01").is_dir()


def test_an_absent_module_is_not_installed() -> None:
    assert not launching._installed("no_such_package.plugin")
    assert launching._installed("json.decoder")
