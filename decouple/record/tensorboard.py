"""A run for TensorBoard: its steps as scalars and its pictures, in one event file.

Written through `tf.summary.write`, which comes with TensorFlow; the package `tensorboard`, which
`tf.summary.scalar` and `tf.summary.image` would need, is for looking at it:
`tensorboard --logdir runs`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from decouple import images

if TYPE_CHECKING:
    import numpy as np

    from decouple.flows.trace import StepReport

FOLDER = "tensorboard"
"""Where in the run folder the event file lies."""


class TensorBoard:
    """Observer that writes each step's errors as scalars, against network passes.

    Tags are `<stage>/<active layer>/mse_<layer>` for feature MSEs, and `<stage>/loss_<part>` for
    the parts of an objective; pictures have their names in `images/`. Use as a context.

    Parameters
    ----------
    folder : the run folder
    """

    def __init__(self, folder: str | Path) -> None:
        """Write nothing yet."""
        self.path = Path(folder) / FOLDER
        self._open = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> TensorBoard:
        """Begin an event file."""
        import tensorflow as tf  # takes seconds: only for those who want this

        self._writer = tf.summary.create_file_writer(os.fsencode(self.path))
        self._open.callback(self._writer.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the event file."""
        self._open.close()

    def __call__(self, report: StepReport) -> None:
        """Write one step."""
        place = "/".join(filter(None, (report.stage, report.layer)))
        values = {f"mse_{layer}": value for layer, value in report.feature_mse.items()}
        values |= {f"loss_{name}": value for name, value in report.losses.items()}
        for name, value in values.items():
            self._write(f"{place}/{name}", value, report.passes, "scalars")

    def image(self, name: str, pixels: np.ndarray) -> None:
        """Write a picture (H, W, 3), values from 0 to 1; what is outside is clipped."""
        import tensorflow as tf

        height, width = pixels.shape[:2]
        png = tf.io.encode_png(images.to_8bit(pixels)).numpy()
        self._write(name, [str(width), str(height), png], 0, "images")

    def _write(self, tag: str, value: object, step: int, plugin: str) -> None:
        import tensorflow as tf

        if self._writer is None:
            raise RuntimeError("open it first: with TensorBoard(...) as board")
        # What the package tensorboard would put there, for its plugins to know their own.
        metadata = tf.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = plugin
        metadata.data_class = 1 if plugin == "scalars" else 3  # DATA_CLASS_SCALAR, BLOB_SEQUENCE
        kind = tf.float32 if plugin == "scalars" else tf.string
        with self._writer.as_default():
            tf.summary.write(tag, tf.constant(value, kind), step, metadata)
