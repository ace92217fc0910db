"""The commands of README, docs and notebooks, as printed.

Each is read by the command line itself, up to where a run would begin: a misspelt setting, a value
that there is not, or settings that do not go together fail here. What takes no network is done.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_tables import made_table
from omegaconf import DictConfig, OmegaConf
from pages import GUIDES, NOT_RUN, NOTEBOOKS, REPORTS, ROOT, commands, listing, of_a_checkout

from decouple import launching, run, sweeps

pytestmark = of_a_checkout

# In their order, each once.
COMMANDS = list(dict.fromkeys(c for page in (*GUIDES, *NOTEBOOKS) for c in commands(page)))
PROGRAM = "python -m decouple.run"
OURS = [c.removeprefix(PROGRAM) for c in COMMANDS if c.startswith(PROGRAM)]


@pytest.mark.parametrize("page", [*GUIDES, *NOTEBOOKS, *REPORTS])
def test_they_mean_the_same_in_every_shell(page: str) -> None:
    """In zsh a bracket that is not quoted is an error, and so is a comment behind a command."""
    shell = [c for c in commands(page) if not c.startswith(". ")]
    unquoted = [re.sub(r'"[^"$`\\!]*"', "", command) for command in shell]
    assert [command for command in unquoted if set("[]{}()*?#~$!\"'") & set(command)] == []


def test_all_others_say_why_they_are_not_run() -> None:
    others = [c for c in COMMANDS if not c.startswith((PROGRAM, "python -c "))]
    assert [c for c in others if not c.startswith(tuple(NOT_RUN))] == []
    assert [known for known in NOT_RUN if not any(c.startswith(known) for c in others)] == []


def test_extras_that_they_install_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (extras,) = re.findall(r"^\[project\.optional-dep.*?\]\n(.*?)^\[", project, re.M | re.S)
    named = set(re.findall(r'"\.\[(\w+)\]"', "\n".join(COMMANDS)))
    assert {"cluster", "docs", "tables", "test"} <= named
    assert named <= set(re.findall(r"^(\w+) = \[", extras, re.M))


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands look for: pictures, and settings of runs."""
    folder = tmp_path_factory.mktemp("around")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "photo.jpg").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(run, "carry_out", _kept)
        for experiment in ("transfer", "self_transfer", "features", "gatys_moreno"):
            target = ["target=sample:coffee"] if experiment == "transfer" else []
            words = [f"+experiment={experiment}", *target, f"run_dir=runs/{experiment}/made"]
            assert run.main(words) == 0
    return folder


def _kept(config: DictConfig) -> None:
    """The settings of a run, as its folder has them, and nothing else."""
    Path(config.run_dir).mkdir(parents=True)
    OmegaConf.save(config, Path(config.run_dir) / "config.yaml")


@pytest.fixture
def begun(around: Path, own_modules: Path, monkeypatch: pytest.MonkeyPatch) -> list[DictConfig]:
    """The settings of the runs that would begin from here on."""
    for name in ("softfilters.py", "caricature.py", "caricature.yaml", "legs.py"):
        (own_modules / name).write_text(listing(name), encoding="utf-8")
    monkeypatch.chdir(around)
    settings: list[DictConfig] = []
    monkeypatch.setattr(run, "register", lambda: None)  # it has been, which takes a while
    monkeypatch.setattr(run, "carry_out", settings.append)
    monkeypatch.setattr(run, "_verify", lambda _, config: settings.append(config) or 0)
    monkeypatch.setattr(sweeps, "sweep", lambda _, configs, __: settings.extend(configs) or 0)
    # Launchers come with an extra, and Slurm with a cluster.
    monkeypatch.setattr(launching, "_installed", lambda _: True)
    monkeypatch.setattr(launching.shutil, "which", lambda name: f"/bin/{name}")
    return settings


@pytest.mark.parametrize("command", OURS)
def test_it_is_read_by_the_program(
    command: str, begun: list[DictConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    words = command.replace("RUN_DIR", "runs/transfer/…").replace("/…", "/made")
    given = shlex.split(words.replace(" …", ""))
    assert run.main(given) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    if "--help" in given or not given:
        assert "usage: python -m decouple.run" in said
    elif "index=runs" in given:
        assert re.search(r"index\.html \(\d runs?\)", said)
    else:
        (experiment,) = {config.experiment for config in begun}
        assert f"+experiment={experiment}" in given or f"=runs/{experiment}/made" in words


def test_shards_are_put_together(tmp_path: Path) -> None:
    """In a process of their own, as a shell hands the words over."""
    (command,) = [c for c in COMMANDS if c.startswith("python -c ")]
    features = np.ones((1, 4))
    for number in (1, 2):
        made_table(tmp_path / f"runs/features/{number}", "a", features, features, first=number)
        command = command.replace("features/…", f"features/{number}", 1)
    _, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0
    assert len((tmp_path / "whole/table.csv").read_text().splitlines()) == 3
