"""What a run leaves in its folder: rows, pictures, arrays and figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from decouple import __version__, files
from decouple.flows.trace import LayerTrace, StepReport
from decouple.images import LoadedImage
from decouple.images.animation import Frames, can_write_mp4, save_animation
from decouple.images.deep import Output, save_result
from decouple.record.folder import RunFolder
from decouple.record.history import NOTHING, Extent, History
from decouple.record.metrics import stage_row, write_metrics
from decouple.record.tensorboard import TensorBoard
from decouple.report.curves import plot_losses
from decouple.report.page import write_page
from decouple.report.panel import plot_panel

# That a frame of the steps is shown.
_MILLISECONDS = 40

RESULT = "result"
"""Name of the picture that a run is for."""


class Recorder:
    """Observer of steps that keeps what a run comes to; use as a context, then `close` it.

    Parameters
    ----------
    folder : of the run
    layers : whose features are moved
    losses : names of an objective's parts
    known_rows : of an earlier process's history.csv, which stay
    made_of : what the result's file says, in its text chunks, of how it was made; plain values
    output : what the result is kept as, for other programs
    like : the picture whose transparency and profile the result has, if it has its size
    frames : takes the images of the steps, to be shown in motion; None where they are not
    tensorboard : whether scalars and pictures are written for TensorBoard, too
    began : `time.perf_counter()` when the run began
    """

    def __init__(
        self,
        folder: RunFolder,
        layers: Sequence[str],
        losses: Sequence[str] = (),
        *,
        known_rows: Extent = NOTHING,
        made_of: Mapping[str, Any] | None = None,
        output: Output = Output.PNG,
        like: LoadedImage | None = None,
        frames: Frames | None = None,
        tensorboard: bool = False,
        began: float | None = None,
    ) -> None:
        self.folder = folder
        self._history = History(folder.path, layers, losses, known_rows)
        self._board = TensorBoard(folder.path) if tensorboard else None
        self._output, self._like = output, like
        self._frames, self._animated = frames, False
        self._text = {key: json.dumps(value) for key, value in (made_of or {}).items()}
        self._began = time.perf_counter() if began is None else began
        self._open = ExitStack()
        self._stages: list[dict[str, Any]] = []
        self._under_way: list[dict[str, Any]] = []
        self._clipped: dict[str, float] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self._results: dict[str, Any] = {}
        self._figures: list[Callable[[Path], object]] = []
        self.keeps_checkpoint = False

    def __enter__(self) -> Recorder:
        """Begin history.csv, or go on with it."""
        with ExitStack() as opened:
            if self._board is not None:
                opened.enter_context(self._board)
            opened.enter_context(self._history)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish what steps are written to."""
        self._open.__exit__(kind, error, traceback)

    def __call__(self, report: StepReport) -> None:
        """Write down a step."""
        self._history(report)
        if self._frames is not None and report.image is not None:
            self._frames.add(report.image)
        if self._board is not None:
            self._board(report)

    def flush(self) -> Extent:
        """Bring the rows of history.csv to the disk; how far they go."""
        return self._history.flush()

    # What there is so far.

    @property
    def stages(self) -> tuple[dict[str, Any], ...]:
        """Rows of `stages[]` of metrics.json, in the order in which they happened.

        Those of the stage under way are the layers' that have ended.
        """
        return (*self._stages, *self._under_way)

    @property
    def clipped(self) -> dict[str, float]:
        """{picture's name: share of its values that were clipped at save}."""
        return dict(self._clipped)

    @property
    def results(self) -> dict[str, Any]:
        """What was recorded for metrics.json."""
        return dict(self._results)

    @property
    def seconds(self) -> float:
        """That the run has taken, in all processes."""
        return time.perf_counter() - self._began

    # What is added.

    def go_on_after(
        self, stages: Iterable[Mapping[str, Any]], clipped: Mapping[str, float], seconds: float
    ) -> None:
        """Take over what an earlier process of this run had recorded, in so many seconds."""
        self._stages += [dict(row) for row in stages]
        self._clipped.update(clipped)
        self._began -= seconds

    def add_stages(self, *done: LayerTrace | Mapping[str, Any]) -> None:
        """Add rows of `stages[]`, of a stage that has ended."""
        self._under_way = []
        self._stages += [stage_row(d) if isinstance(d, LayerTrace) else dict(d) for d in done]

    def add_layer(self, done: LayerTrace) -> None:
        """Add a row for the time being, until its stage's are added."""
        self._under_way.append(stage_row(done))

    def save(self, name: str, image: np.ndarray) -> None:
        """Save a picture (H, W, 3) as `images/<name>.png`, and note what was clipped.

        That of the result says in its text chunks what the run was made of; it is kept in full
        precision, too.
        """
        text = profile = None
        if name == RESULT:
            self.keep_array(name, image)
            alpha, profile = self._beside_colours(image)
            if self._output is not Output.PNG or alpha is not None:
                path = self.folder.path / f"{RESULT}.{self._output.ending}"
                save_result(image, path, self._output, alpha, profile)
            text = {"Software": f"decouple {__version__}", **self._text}
        self._clipped[name] = self.folder.save_image(name, image, text, profile)
        if self._board is not None:
            self._board.image(name, image)

    def _beside_colours(self, image: np.ndarray) -> tuple[np.ndarray | None, bytes | None]:
        """Transparency and profile of a result of this size."""
        like = self._like
        if like is None or like.pixels.shape != image.shape:
            return None, None
        return like.alpha, like.profile

    def forget(self, name: str) -> None:
        """Remove a picture that an earlier process had saved; raises RunFolderError."""
        self._clipped.pop(name, None)
        path = self.folder.path / "images" / f"{name}.png"
        with files.disk_errors("remove", path):
            path.unlink(missing_ok=True)

    def keep_array(self, name: str, values: np.ndarray) -> None:
        """Keep an array in full precision, in result.npz."""
        self._arrays[name] = values

    def animate(
        self,
        frames: Sequence[np.ndarray],
        milliseconds: int,
        endings: Sequence[str],
        *,
        lossless: bool = True,
    ) -> None:
        """Save images in motion, as `animation.<ending>`, in place of those of the steps.

        Where those are asked for, an MP4 as well, if ffmpeg is at hand.

        Raises
        ------
        ImageError : what ffmpeg says; all others are there.
        RunFolderError : the disk refuses.
        """
        self._animated = True
        more = ("mp4",) if self._frames is not None and can_write_mp4() else ()
        for ending in (*endings, *more):
            path = self.folder.path / f"animation.{ending}"
            save_animation(frames, path, milliseconds, lossless=lossless)

    def animate_steps(self) -> None:
        """Save the steps in motion, if that was asked for; raises as `animate`."""
        frames = [] if self._frames is None or self._animated else self._frames.kept
        if frames:
            self.animate(frames, _MILLISECONDS, ("webp",), lossless=False)

    def record(self, **results: Any) -> None:
        """Keep parts of metrics.json, by their keys."""
        self._results.update(results)

    def draw(self, *figures: Callable[[Path], object]) -> None:
        """Have figures drawn from the folder at the end, beside the panel and the loss curves."""
        self._figures += figures

    def keep_checkpoint(self) -> None:
        """Let the checkpoint stay: the run may go on once it has ended, with more iterations."""
        self.keeps_checkpoint = True

    def close(self, metrics: Mapping[str, Any]) -> None:
        """Write what was kept, the figures and the page; with the page the run is done.

        Raises
        ------
        RunFolderError : the disk refuses.
        """
        path = self.folder.path
        if self._arrays:
            self.folder.save_arrays(self._arrays)
        write_metrics(self.folder, metrics)
        with files.disk_errors("write into", path):
            (path / "plots").mkdir(exist_ok=True)
            for plot in (plot_losses, plot_panel, *self._figures):
                plot(path)
            write_page(path)
