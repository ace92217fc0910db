"""A sweep's folder is its own, and nobody else's; one that did not come to its end goes on."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig

from decouple import sweeps
from decouple.errors import DecoupleError, RunFolderError
from decouple.record.checkpoint import NAME as CHECKPOINT
from decouple.record.lock import locked
from decouple.report.page import PAGE
from decouple.run import main
from tests.report.run_folders import write_run

CELLS = ["-m", "+experiment=self_transfer", "network.weights=calibrated", "seed=0,1"]
NOON = "20000101-120000"


@pytest.fixture(autouse=True)
def in_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that fail at once, all within one second."""

    def fails(config: object) -> None:
        raise DecoupleError("no run in this test")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda *_: NOON)
    monkeypatch.setattr(sweeps, "carry_out", fails)


def pages() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in Path().rglob("report.html")}


def test_sweeps_of_the_same_second_keep_their_pages() -> None:
    assert main([*CELLS, "layers=1"]) == 2
    ((first, page),) = pages().items()
    assert first.parent.parent == Path("runs/sweeps")
    assert first.parent.name.startswith(f"{NOON}-")
    assert main([*CELLS, "layers=3"]) == 2
    assert len(pages()) == 2
    assert pages()[first] == page
    assert all("0 of 2 runs finished" in text for text in pages().values())


def test_sweeps_that_start_together_never_share_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only eight names for eight threads: nearly every attempt collides.
    names = iter([f"{k % 8:06x}" for k in range(4, 80) for _ in range(2)])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(names))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(sweeps._claimed, [None] * 8, [[]] * 8))
    assert len(set(made)) == 8


@pytest.mark.parametrize("there", ["an earlier sweep", "something else", "a file"])
def test_a_given_folder_that_is_taken_is_refused(
    there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Path("mine")
    if there == "an earlier sweep":
        assert main([*CELLS, "hydra.sweep.dir=mine"]) == 2
        assert (mine / "report.html").exists()
    elif there == "something else":
        mine.mkdir()
        (mine / "notes.txt").write_text("keep")
    else:
        mine.write_text("keep")
    before = sorted(Path().rglob("*"))
    capsys.readouterr()
    assert main([*CELLS, "layers=3", "hydra.sweep.dir=mine"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    reason = "is a file" if there == "a file" else "is not empty"
    assert line.startswith(f"error: hydra.sweep.dir 'mine' {reason}")
    assert sorted(Path().rglob("*")) == before


def test_a_given_folder_may_be_absent_or_empty() -> None:
    Path("empty").mkdir()
    for name in ("empty", "a/b"):
        assert main([*CELLS, f"hydra.sweep.dir={name}"]) == 2
    assert set(pages()) == {Path("empty/report.html"), Path("a/b/report.html")}


def test_of_two_sweeps_that_saw_a_folder_empty_one_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweeps._claimed(Path("mine"), [{"seed": 0}])
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))
    with pytest.raises(RunFolderError, match="not empty"):
        sweeps._claimed(Path("mine"), [{"seed": 1}])


def test_of_two_sweeps_that_are_the_same_one_is_at_work() -> None:
    with locked(sweeps._claimed(Path("mine"), [{}])):
        assert sweeps._claimed(Path("mine"), [{}]) == Path("mine")
        with pytest.raises(RunFolderError, match="at work"), locked(Path("mine")):
            pass


class Runs:
    """Finished runs in no time, but for those that `hindered` keeps from it."""

    def __init__(self, hindered: Callable[[DictConfig], object] = lambda _: None) -> None:
        self.hindered = hindered
        self.begun: list[tuple[int, str | None]] = []

    def __call__(self, config: DictConfig) -> Path:
        self.begun.append((config.seed, config.resume))
        place = Path(config.resume or f"runs/self_transfer/{config.seed}")
        if config.resume is None:
            words = ("network.weights=calibrated", f"seed={config.seed}")
            write_run(place, words)
        (place / CHECKPOINT).touch()
        self.hindered(config)
        (place / CHECKPOINT).unlink()
        (place / PAGE).touch()
        return place


def interrupted_at(seed: int) -> Callable[[DictConfig], None]:
    def hindered(config: DictConfig) -> None:
        if config.seed == seed:
            raise KeyboardInterrupt

    return hindered


def go_on_words(said: str) -> list[str]:
    """The words of the command that goes on, as a shell would split them."""
    (line,) = {line.split("go on with: ")[1] for line in said.splitlines() if "go on with" in line}
    _, _, program, *words = shlex.split(line)
    assert program == "decouple.run"
    return words


THREE = ["-m", "+experiment=self_transfer", "network.weights=calibrated", "seed=0,1,2"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_interrupted_sweep_goes_on_where_it_was(
    seed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(interrupted_at(seed))
    monkeypatch.setattr(sweeps, "carry_out", runs)
    assert main(THREE) == 130
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("interrupted: go on with: ")
    ((path, page),) = sweep_pages().items()
    assert f"{seed} of 3 runs finished" in page
    assert f"Run {seed + 1}</a> was cut" in page
    assert page.count("was not run (seed=") == 2 - seed
    assert f"hydra.sweep.dir={path.parent}" in page

    runs.hindered = lambda _: None
    runs.begun.clear()
    assert main(go_on_words(said)) == 0
    cut = f"runs/self_transfer/{seed}"
    assert runs.begun == [(seed, cut), *((later, None) for later in range(seed + 1, 3))]
    ((again, page),) = sweep_pages().items()
    assert again == path
    assert "3 runs finished" in page
    assert {entry.name for entry in path.parent.iterdir()} <= {PAGE, "multirun.yaml"}


def sweep_pages() -> dict[Path, str]:
    return {path: text for path, text in pages().items() if "sweeps" in path.parts}


def test_what_another_made_is_not_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of other settings, one that has ended, and one from before the sweep."""
    others = Path("runs/self_transfer")
    write_run(others / "other", ("network.weights=calibrated", "seed=7"))
    write_run(others / "ended", ("network.weights=calibrated", "seed=0"))
    write_run(others / "old", ("network.weights=calibrated", "seed=0"))
    (others / "ended" / PAGE).touch()
    for name in ("other", "ended", "old"):
        (others / name / CHECKPOINT).touch()
    os.utime(others / "old" / CHECKPOINT, (time.time() - 60,) * 2)
    runs = Runs()
    monkeypatch.setattr(sweeps, "carry_out", runs)
    assert main(THREE) == 0
    assert runs.begun == [(0, None), (1, None), (2, None)]


@pytest.mark.parametrize("finished", [0, 1])
def test_a_launcher_that_gives_up_leaves_the_rest_to_be_gone_on_with(
    finished: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As joblib does when one of its processes is killed."""
    launch = sweeps.hand_to_hydra
    reason = "a process was terminated abruptly"

    def gives_up(words: list[str], task: Callable[[DictConfig], None]) -> None:
        launch(words, lambda config: task(config) if config.seed < finished else None)
        raise BrokenProcessPool(f"{reason}\nsome more")

    runs = Runs()
    monkeypatch.setattr(sweeps, "carry_out", runs)
    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "hand_to_hydra", gives_up)
        assert main(THREE) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert f"error: the launcher gave up: {reason}" in said.splitlines()
    assert f"{3 - finished} of the sweep's runs did not end" in said
    ((_, page),) = sweep_pages().items()
    assert f"{finished} of 3 runs finished" in page
    runs.begun.clear()
    assert main(go_on_words(said)) == 0
    assert [seed for seed, _ in runs.begun] == list(range(finished, 3))


@pytest.mark.parametrize("given", [[], ["hydra.sweep.dir=mine"]])
def test_what_hydra_refuses_before_the_first_run_leaves_nothing(
    given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(*_: object) -> None:
        raise HydraException("no such launcher")

    Path("mine").mkdir()
    monkeypatch.setattr(sweeps, "hand_to_hydra", refuses)
    assert main([*THREE, *given]) == 2
    assert capsys.readouterr().err == "error: no such launcher\n"
    assert {path for path in Path().rglob("*") if path.name != "runs"} <= {
        Path("mine"),
        sweeps.SWEEPS,
    }
