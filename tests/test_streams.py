"""Standard output and error that nobody reads, that are full, or that are not there."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from decouple.record.progress import Progress
from decouple.run import main
from decouple.streams import lasting_streams

CHECKOUT = Path(__file__).resolve().parents[1]
FULL = Path("/dev/full")
RUN = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
RUN += ["flow=gradient", "stop.max_iterations=2"]


@pytest.fixture
def unread() -> Iterator[io.TextIOWrapper]:
    """A pipe whose reader has left."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream


def full() -> io.TextIOWrapper:
    """A device without room."""
    if not FULL.exists():
        pytest.skip("no full device here")
    return FULL.open("w", encoding="utf-8")


def test_a_run_goes_on_when_nobody_reads(
    unread: io.TextIOWrapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", unread)
    monkeypatch.setattr(sys, "stdout", unread)
    assert main([*RUN, f"run_dir={tmp_path / 'run'}"]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["stages"]
    assert sys.stderr is unread, "the streams are the caller's again"


def test_a_run_goes_on_without_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for what was closed when it began."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert main([*RUN, f"run_dir={tmp_path / 'run'}"]) == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_a_run_goes_on_when_its_log_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full() as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert main([*RUN, f"run_dir={tmp_path / 'run'}"]) == 0
        monkeypatch.undo()
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_an_answer_that_cannot_be_written_is_said(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with full() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(words) == 2
        monkeypatch.undo()
    line = capsys.readouterr().err
    assert line == "error: cannot write to standard output: No space left on device\n"


def test_a_mistake_keeps_its_exit_code(
    unread: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", unread)
    assert main(["+experiment=self_transfer", "sed=1"]) == 2
    assert main(["--help"]) == 0


def test_what_was_written_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with lasting_streams():
            print("kept")
        assert path.read_text() == "kept\n", "it is flushed when the block ends"


def closing(*descriptors: int) -> str:
    """Shell's redirections that close these."""
    return " ".join(f"{descriptor}>&-" for descriptor in descriptors)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        ("--help 2>&1 | head -1", 0),
        ("--cfg job +experiment=self_transfer 2>&1 | head -1", 0),
        (f"--help {closing(0, 1)}", 0),
        (f"--version {closing(0, 1, 2)}", 0),
        (f"+experiment=self_transfr {closing(1, 2)}", 2),
        ("--version > /dev/full", 2),
        ("--version > /dev/full 2>&1", 2),
    ],
)
def test_from_a_shell(redirected: str, code: int, tmp_path: Path) -> None:
    if "full" in redirected and not FULL.exists():
        pytest.skip("no full device here")
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -m decouple.run {redirected}'],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) <= 1
    for word in ("Traceback", "Exception ignored"):
        assert word not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    told = (
        "import os\nfrom decouple.streams import lasting_streams\n"
        "with lasting_streams(), open('mine', 'w') as mine:\n"
        "    print('lost'); os.write(1, b'lost'); os.write(2, b'lost'); mine.write('kept')\n"
    )
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{told}" {closing(0, 1, 2)}'],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / "mine").read_text() == "kept"


# What a terminal would obey: a colour, the window's title, an erased line, Latin-1's CSI, a text
# that turns around, a line that looks like one of ours.
COMMANDS = ["a\x1b[31m.png", "\x1b]0;mine\x07.png", "b\r\x1b[2K.png", "\x9b31mc.png"]
COMMANDS += ["\u202egnp.d", "e\nerror: f.png"]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_name_is_obeyed_by_a_terminal(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.images.pictures import colours, stored

    monkeypatch.chdir(tmp_path)
    stored(Path(name), colours(), format="PNG")
    assert main([*RUN, f"source={name}", "plan=true"]) == 0
    assert main([*RUN, f"run_dir={name}"]) == 2, "it is a file"
    assert main([*RUN, f"source={name}.none"]) == 2
    said = "".join(capsys.readouterr())
    assert "is a file" in said
    assert not set(name) & set(said) - set(map(chr, range(32, 127))) - {"\n"}
    assert "error: f.png" not in said.splitlines()


def test_what_is_said_has_the_lines_that_were_given(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say("one: a\x1b.png", "two: b\n.png")
    assert capsys.readouterr().err == "one: a\\x1b.png\ntwo: b\\n.png\n"
