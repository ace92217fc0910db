"""One run, from a composed and checked configuration, in whichever process it is to be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from omegaconf import DictConfig

from decouple.files import expanded


def carry_out(config: DictConfig) -> Path | None:
    """Do what a configuration says; returns the run folder, if it has one.

    TensorFlow is imported here, and not before: see `pipeline.run` for what is raised.
    """
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
    """Import TensorFlow without its start-up chatter, which no setting of its own stops."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if expanded("~") == Path("~"):
        # Without a home, TensorFlow would make a folder `~` here; Keras's own way out is this one.
        os.environ.setdefault("KERAS_HOME", "/tmp/.keras")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        import tensorflow as tf

        tf.constant(0.0)  # the devices report at the first operation
        # Each depth of the network is traced once, which TensorFlow takes for retracing.
        tf.get_logger().setLevel("ERROR")
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
