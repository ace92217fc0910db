"""Noisification runs that were cut short go on, and end as the uncut run does."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from decouple.record.checkpoint import NAME, read_checkpoint, read_parts, write_checkpoint
from decouple.record.history import History, read_history
from decouple.record.verification import compare_runs
from decouple.run import main

SMALL = ["network.weights=calibrated", "image.size=16", "tolerance=1e-2"]
SMALL += ["checkpoint.every_seconds=0"]
SELF_TRANSFER = ["+experiment=self_transfer", *SMALL]
# Of different shapes: programs that were traced for one must not serve the other.
PAIR = ["source=sample:brick", "target=sample:coffee", "layers=1"]
DESCENT = ["+experiment=self_transfer", "network.weights=calibrated", "image.size=16", "layers=1"]
DESCENT += ["flow=gradient", "stop.max_iterations=10", "checkpoint.every_seconds=0"]
SEVERAL = ["network.weights=calibrated", "layers=1", "image.size=16", "tolerance=1e-2"]
SEVERAL += ["stop.max_iterations=4", "checkpoint.every_seconds=0"]
COMPARE = ["+experiment=compare", *SEVERAL, "source=sample:gravel", "target=sample:chelsea"]
COMPARE += ["compare.methods=['gradient:adam','gram:lbfgs','gradient:sgd']"]
COMPARE += ["gatys.content.layers=[block1_conv2]", "compare.held_out=[block1_conv2]"]
FLOWS = ["+experiment=compare_flows", *SEVERAL]
FLOWS += ["compare_flows.methods=['gradient:adam','gradient:sgd','projected_channel:adam']"]
RUNS = {
    "self_transfer": SELF_TRANSFER,
    "transfer": ["+experiment=transfer", *SMALL, *PAIR, "strength=0.2"],
    "mix": ["+experiment=mix", *SMALL, *PAIR, "mix.strengths=[0.1,0.2]"],
    "descent": DESCENT,
    "projected": [*DESCENT, "layers=2", "flow=projected"],
}


@pytest.fixture(scope="module", autouse=True)
def ctrl_c() -> Iterator[None]:
    """Also where a shell started the tests in the background, with SIGINT ignored."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def stopped(monkeypatch: pytest.MonkeyPatch, after: int, *words: str) -> None:
    """Run with a Ctrl-C at a step."""
    call, steps = History.__call__, 0

    def interrupted(self: History, report: object) -> None:
        nonlocal steps
        call(self, report)  # type: ignore[arg-type]
        steps += 1
        if steps == after:
            os.kill(os.getpid(), signal.SIGINT)

    # Also where a shell started the tests in the background, with SIGINT ignored.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(History, "__call__", interrupted)
        assert main(list(words)) == 130
    signal.signal(signal.SIGINT, former)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "ended"
    assert main([*DESCENT, f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in the middle of its second motion."""
    folder = tmp_path_factory.mktemp("runs") / "cut it's"
    with pytest.MonkeyPatch.context() as patch:
        stopped(patch, 13, *DESCENT, f'run_dir="{folder}"')
    return folder


def test_a_stopped_run_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stopped(monkeypatch, 1, *RUNS["descent"], "run_dir=a run")
    *_, stopping, last = capsys.readouterr().err.strip().splitlines()
    assert "Ctrl-C again leaves at once" in stopping or "source noisification" in stopping
    told, command = last.split(" with: ")
    assert told == "interrupted: go on"
    assert shlex.split(command) == ["python", "-m", "decouple.run", "resume='a run'"]
    assert not (tmp_path / "a run" / "metrics.json").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["self_transfer", "transfer", "mix", "descent", "projected"],
)
def test_a_run_that_was_cut_is_the_uncut_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "cut"
    assert main([*RUNS[name], f"run_dir={whole}"]) == 0
    first = [row.stage for row in read_history(whole / "history.csv")]
    # In the middle of what comes behind the first motion.
    after = first.count(first[0])
    stopped(monkeypatch, (after + len(first)) // 2, *RUNS[name], f"run_dir={folder}")
    assert read_parts(folder)
    if name == "descent":  # the quickest
        stopped(monkeypatch, 1, f"resume={folder}")
    assert main([f"resume={folder}"]) == 0
    verdict = compare_runs(whole, folder)
    assert verdict.identical, verdict
    # What is there depends on neither, and nothing is left of the checkpoints.
    assert {p.name for p in folder.rglob("*")} == {p.name for p in whole.rglob("*")}
    assert not list(folder.glob("checkpoint*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "every_seconds"), [(COMPARE, 0), (FLOWS, 1000)], ids=["compare", "compare_flows"]
)
def test_a_comparison_that_was_cut_is_the_uncut_one(
    words: list[str], every_seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut in every method, one after the other."""
    whole, folder = tmp_path / "whole", tmp_path / "cut"
    assert main([*words, f"run_dir={whole}"]) == 0
    methods = sorted(path.name for path in (whole / "methods").iterdir())
    often = f"checkpoint.every_seconds={every_seconds}"
    stopped(monkeypatch, 7, *words, often, f"run_dir={folder}")
    for _ in methods[1:]:
        stopped(monkeypatch, 9, f"resume={folder}")
    kept = sorted((folder / "methods").glob("*/metrics.json"))
    finished = {path: path.stat().st_mtime_ns for path in kept}
    assert finished, "a method that has ended is not carried out again"
    assert main([f"resume={folder}"]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == finished
    for part in (".", *(f"methods/{name}" for name in methods)):
        verdict = compare_runs(whole / part, folder / part)
        assert verdict.identical, (part, verdict)
    assert {p.relative_to(folder) for p in folder.rglob("*")} == {
        p.relative_to(whole) for p in whole.rglob("*")
    }


def test_rows_of_the_motion_under_way_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the motion before was not yet written, as it is every 30 seconds only."""
    whole, folder = tmp_path / "whole", tmp_path / "cut"
    words = [*DESCENT, "checkpoint.every_seconds=1000"]
    assert main([*words, f"run_dir={whole}"]) == 0
    stopped(monkeypatch, 15, *words, f"run_dir={folder}")
    assert len(read_parts(folder)) == 1
    assert main([f"resume={folder}"]) == 0
    verdict = compare_runs(whole, folder)
    assert verdict.identical, verdict


def test_a_second_ctrl_c_leaves_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passed = []

    def twice(self: History, report: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        passed.append("the first")
        os.kill(os.getpid(), signal.SIGINT)
        passed.append("the second")

    with monkeypatch.context() as patch:
        patch.setattr(History, "__call__", twice)
        assert main([*DESCENT, f"run_dir={tmp_path / 'run'}"]) == 130
    assert passed == ["the first"], "within a step, which is not finished"
    assert capsys.readouterr().err.strip().endswith(f"resume={tmp_path / 'run'}")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert main([f"resume={tmp_path / 'run'}"]) == 0


def test_two_processes_do_not_go_on_with_one_run(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(cut, tmp_path / "run"))
    program = "import sys; from decouple.record.lock import locked\n"
    program += "with locked(sys.argv[1]): print('mine', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        assert main([f"resume={folder}"]) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith(f"error: another process is at work in '{folder}'")
        # What a process held goes with it, however it ends.
        other.kill()
    assert (folder / ".lock").exists()
    assert main([f"resume={folder}"]) == 0
    assert not (folder / ".lock").exists()


def test_what_cannot_go_on_is_refused(
    ended: Path, cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(folder: Path, *words: str) -> str:
        before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        capsys.readouterr()
        assert main([f'resume="{folder}"', *words]) == 2
        assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("error: ")
        return line

    assert "the run has ended" in refused(ended)
    assert "seed= cannot be set" in refused(cut, "seed=3")
    assert "stop.loss= cannot be set" in refused(cut, "stop.loss=1")

    def copy(name: str) -> Path:
        return Path(shutil.copytree(cut, tmp_path / name))

    changed = copy("changed")
    text = (changed / "config.yaml").read_text(encoding="utf-8")
    (changed / "config.yaml").write_text(text.replace("seed: 0", "seed: 7"), encoding="utf-8")
    assert "seed was 0 and is 7" in refused(changed)
    truncated = copy("truncated")
    data = (truncated / "checkpoint.1.npz").read_bytes()
    (truncated / "checkpoint.1.npz").write_bytes(data[: len(data) // 2])
    assert "checkpoint.1.npz' is damaged" in refused(truncated)
    flipped = copy("flipped")
    half = len(data) // 2
    data = data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]
    (flipped / "checkpoint.1.npz").write_bytes(data)
    assert "checkpoint.1.npz' is damaged" in refused(flipped)
    foreign = copy("foreign")
    arrays, about = read_checkpoint(foreign)
    other = {**about["inputs"], "source": "another"}
    write_checkpoint(foreign, arrays, {**about, "inputs": other})
    assert "source is not what the run" in refused(foreign)
    np.savez(foreign / NAME, image=np.zeros(3))
    assert "damaged, or of another version: it has no about.json" in refused(foreign)
    shortened = copy("shortened")
    (shortened / "history.csv").write_text("stage\n", encoding="utf-8")
    assert "history.csv' is damaged" in refused(shortened)


@pytest.mark.usefixtures("other_filters")
def test_another_setting_is_said(
    ended: Path,
    cut: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The filters, which are calibrated anew, may be others in their last bits."""
    folder, other = (Path(shutil.copytree(cut, tmp_path / name)) for name in ("run", "other"))
    assert main([f"resume={other}"]) == 2
    assert "network.weights are not what the run" in capsys.readouterr().err
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "77")
    monkeypatch.setenv("TF_XLA_FLAGS", "--of_mine")
    assert main([f"resume={folder}"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "The setting has changed since the run began (threads was " in said
    assert ", is 77; TF_XLA_FLAGS was not set, is --of_mine): the last bits of its result" in said
    verdict = compare_runs(ended, folder)
    assert verdict.same
    assert not verdict.identical
    assert main([f"verify={folder}"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("equal to 1e-")
    assert "(on the way threads was " in line


@pytest.mark.slow
def test_a_killed_run_is_the_uncut_run(tmp_path: Path) -> None:
    """See `experiments/cuts.py` for fifty of them."""
    whole, folder = tmp_path / "whole", tmp_path / "run"
    assert main([*SELF_TRANSFER, f"run_dir={whole}"]) == 0
    command = [sys.executable, "-m", "decouple.run", *SELF_TRANSFER, f"run_dir={folder}"]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (folder / "checkpoint.1.npz").exists():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (folder / "metrics.json").exists()
    assert main([f"resume={folder}"]) == 0
    assert compare_runs(whole, folder).identical
