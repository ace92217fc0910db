"""A sweep's folder is its own, and nobody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from decouple import sweeps
from decouple.errors import DecoupleError, RunFolderError
from decouple.run import main

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
        made = list(pool.map(sweeps._claimed, [None] * 8))
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
    sweeps._claimed(Path("mine"))
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(()))
    with pytest.raises(RunFolderError, match="not empty"):
        sweeps._claimed(Path("mine"))
