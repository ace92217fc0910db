"""TensorFlow is imported in silence, but for what it says when it does not come up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHATTER = "import os; os.write(2, b'I0000 chatter\\n');"
COMES_UP = CHATTER + "constant = print; import logging; get_logger = logging.getLogger"


def started(
    stand_in: str, folder: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A process that imports `stand_in` in TensorFlow's place; TensorFlow itself if it is empty."""
    if stand_in:
        (folder / "tensorflow.py").write_text(stand_in, encoding="utf-8")
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


RUN = ["-m", "decouple.run", "+experiment=self_transfer", "network.weights=calibrated"]


def test_chatter_is_hidden(tmp_path: Path) -> None:
    program = "from decouple.execution import quiet_tensorflow; quiet_tensorflow(); "
    program += "import sys; print('after', file=sys.stderr)"
    done = started(COMES_UP, tmp_path, "-c", program)
    assert (done.returncode, done.stderr) == (0, "after\n")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os.write(2, b'F0000 no AVX here\\n'); os.abort()", "no AVX here"),
        ("os.write(2, b'unknown flag'); os._exit(1)", "unknown flag"),
        ("print('flushed by nobody', file=__import__('sys').stderr); os._exit(3)", "by nobody"),
        ("os.kill(os.getpid(), 9)", "chatter"),
    ],
    ids=["abort", "exit", "Python's own", "killed"],
)
def test_last_words_are_shown(end: str, words: str, tmp_path: Path) -> None:
    done = started(f"{CHATTER} {end}", tmp_path, *RUN)
    assert done.returncode not in (0, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("raise ImportError('libcudart.so.12:\\n no such file')", "libcudart.so.12: no such file"),
        ("raise ModuleNotFoundError('No module named tensorflow')", "No module named tensorflow"),
        ("assert 1 > 2", "AssertionError at assert 1 > 2"),
        ("def constant(_): raise RuntimeError('no device')", "no device"),
    ],
)
def test_an_exception_costs_one_line(failure: str, reason: str, tmp_path: Path) -> None:
    done = started(f"{CHATTER}\n{failure}", tmp_path, *RUN, KERAS_HOME=str(tmp_path))
    assert done.returncode == 2
    *before, line = done.stderr.splitlines()
    assert before == ["I0000 chatter"]
    assert line == f"error: TensorFlow does not start: {reason}"


@pytest.mark.slow
def test_what_tensorflow_does_not_know_is_shown(tmp_path: Path) -> None:
    done = started("", tmp_path, *RUN, TF_XLA_FLAGS="--nonsense")
    assert done.returncode not in (0, 2)
    assert "Unknown flag in TF_XLA_FLAGS: --nonsense" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "early"), [('{"backend": "tensorflow"}', False), ('{"floatx": "float16"}', True)]
)
def test_keras_is_loaded_where_it_is_used(settings: str, early: bool, tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text(settings, encoding="utf-8")
    program = """
import sys
from decouple.execution import quiet_tensorflow
quiet_tensorflow()
print("keras" in sys.modules, "sklearn" in sys.modules)
import tensorflow, keras
print(tensorflow.keras.Model is keras.Model, keras.config.backend())
"""
    done = started("", tmp_path, "-c", program, KERAS_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert before.split()[0] == str(early)
    assert early or before == "False False"
    assert after == "True tensorflow"


@pytest.mark.slow
def test_what_keras_refuses_costs_one_line(tmp_path: Path) -> None:
    file = tmp_path / "keras.json"
    file.write_text('{"floatx": "float8"}', encoding="utf-8")
    done = started("", tmp_path, *RUN, KERAS_HOME=str(tmp_path))
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert line.startswith("error: TensorFlow does not start: ")
    assert "floatx in {'float16', 'float32', 'float64'}" in line
    assert line.endswith(f"(Keras reads {file})")
