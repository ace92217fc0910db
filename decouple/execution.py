"""One run, from a composed and checked configuration, in whichever process it is to be."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.files import expanded
from decouple.keras_settings import ELSEWHERE, keras_later, overruled, settings_file
from decouple.plugins import load_of as load_plugins_of


def carry_out(config: DictConfig) -> Path | None:
    """Do what a configuration says; returns the run folder, if it has one.

    TensorFlow is imported here, and not before: see `pipeline.run` for what is raised.
    """
    load_plugins_of(config)  # another process has composed it, where a launcher starts the run
    quiet_tensorflow()
    from decouple import pipeline
    from decouple.devices import placed

    with placed(config.device):
        return pipeline.run(config)


def draw_into_files() -> None:
    """Keep matplotlib, which Keras imports as well, from the backend that the user chose.

    That of a notebook or a window may not be installed here, and no figure is drawn with it.
    """
    if "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"


def quiet_tensorflow() -> None:
    """Import TensorFlow, and hide its start-up chatter unless it does not come up.

    Raises
    ------
    ConfigError : it cannot be imported, or computes nothing.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if expanded("~") == Path("~"):
        # Without a home, TensorFlow would make a folder `~` here.
        os.environ.setdefault("KERAS_HOME", str(ELSEWHERE))
    try:
        with _hidden_unless_it_fails(), keras_later():
            import tensorflow as tf

            tf.constant(0.0)  # the devices report at the first operation
            # Each depth of the network is traced once, which TensorFlow takes for retracing.
            tf.get_logger().setLevel("ERROR")
    except Exception as error:  # of any kind: a library is missing, a setting of Keras's is refused
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = " ".join(str(error).split()) or f"{type(error).__name__} at {where.line}"
        read = f" (Keras reads {settings_file()})" if settings_file().exists() else ""
        raise ConfigError(f"TensorFlow does not start: {reason}{read}") from error
    line = overruled()
    if line is not None:
        print(line, file=sys.stderr)


# Its standard input ends when nobody is left to write to it.
_SHOWN_AT_THE_END = "import sys; said = sys.stdin.buffer.read(); sys.stderr.buffer.write(said)"


@contextmanager
def _hidden_unless_it_fails() -> Iterator[None]:
    """Hide what is written to standard error; show it if the block fails or the process dies in it.

    Compiled code may end the process without an exception. Only another process can then show what
    it said.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _SHOWN_AT_THE_END],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is not meant for it
    )
    assert watcher.stdin is not None
    os.dup2(watcher.stdin.fileno(), 2)
    watcher.stdin.close()
    failed = False
    try:
        yield
    except Exception:
        failed = True
        raise
    finally:
        sys.stderr.flush()
        if not failed:
            watcher.kill()
        os.dup2(kept, 2)
        os.close(kept)
        watcher.wait()
