"""What a person sees while a run goes on: live lines in a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from decouple.legible import printable

if TYPE_CHECKING:
    from decouple.flows.trace import StepReport


STAGE_NAMES = {
    "reference": "noise reference",
    "noisify_source": "source noisification",
    "noisify_target": "target noisification",
    "impose": "imposition",
    "noisify_result": "result noisification",
    "optimize": "optimization",
}
_WIDTHS = {"mark": 1, "stage": 20, "layer": 12, "mse": 7, "held": 7, "passes": 7, "left": 9}
_COMPLETE = 1 - 1e-9
# Between two lines of `show` where there is no terminal.
_SECONDS = 10.0


def stage_name(stage: str) -> str:
    """The words for a stage: `noisify_source` is shown as `source noisification`."""
    of_one = re.fullmatch(r"noisify_(source_\d+)", stage)
    words = f"{of_one[1]} noisification" if of_one else stage
    return STAGE_NAMES.get(stage, words.replace("_", " "))


def scientific(value: float | None) -> str:
    """A mean squared error in 7 characters at most, `1.2e-15`; an en dash for none."""
    return "–" if value is None else f"{value:.1e}"


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds, `1:02:03`; dashes for none."""
    if seconds is None or not 0 <= seconds < 360_000_000:
        return "-:--:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def active_and_held(report: StepReport) -> tuple[float | None, float | None]:
    """Feature MSE of the active layer, and the largest among the held ones."""
    held = [mse for layer, mse in report.feature_mse.items() if layer != report.layer]
    return report.feature_mse.get(report.layer), max(held, default=None)


def _error_name(report: StepReport) -> str:
    """What the column of the active layer's error is of."""
    return "loss" if report.losses else "MSE"


def losses_line(losses: Mapping[str, float]) -> str:
    """`loss 1.5e+02 (content 1.0e+02, style 5.0e+01)`, from `total` and the weighted parts."""
    parts = ", ".join(f"{name} {scientific(v)}" for name, v in losses.items() if name != "total")
    return f"loss {losses['total']:.4g} ({parts})"


class Progress:
    """Observer that shows how far each stage and layer is.

    In a terminal, one live line moves for the active layer, and the lines of finished layers
    stay above it: with a check mark where the whole path was gone, with a dash where the layer
    ended before. Where there is no terminal, each finished layer prints one plain line, and no
    control codes are sent.

    Parameters
    ----------
    console : where to show it; standard error by default
    """

    def __init__(self, console: Console | None = None) -> None:
        """Show nothing yet."""
        if console is None:
            # Settings such as FORCE_COLOR must not send control codes into a log file, and
            # `sample:rocket:` is no emoji.
            console = Console(stderr=True, force_terminal=sys.stderr.isatty(), emoji=False)
        self.console = console
        self._live: Live | None = None
        self._last: StepReport | None = None
        self._headed = False
        self._shown, self._shown_at = "", -_SECONDS

    def __enter__(self) -> Progress:
        """Begin the live line, where there is a terminal."""
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(
                console=self.console,
                get_renderable=self._active_line,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __call__(self, report: StepReport) -> None:
        """Show one accepted step."""
        last = self._last
        if last is not None and (
            (last.stage, last.layer) != (report.stage, report.layer) or report.passes < last.passes
        ):
            self.finish()
        self._last = report

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the last layer's line, whether or not an error is on its way."""
        self.finish()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, *lines: str) -> None:
        """Print a note above what moves; a name in it may hold anything."""
        note = "\n".join(map(printable, lines))
        self.console.print(note, markup=False, highlight=False, soft_wrap=True)

    def show(self, line: str) -> None:
        """Show how far a long piece of work is, in place of the line before.

        Where there is no terminal a line is printed, unless one was a few seconds ago.
        """
        self._shown = printable(line)
        now = time.monotonic()
        if self._live is None and now - self._shown_at >= _SECONDS:
            self.say(self._shown)
            self._shown_at = now

    def finish(self) -> None:
        """Close the line of the layer that moved last, if there is one."""
        report, self._last = self._last, None
        if report is None:
            return
        if self._live is None:
            self.say(self._plain_line(report))
            return
        finished = self._grid()
        if not self._headed:
            self._add_header(finished, _error_name(report))
            self._headed = True
        self._add_report(finished, report, finished=True)
        self._live.refresh()  # the live line is gone before its finished form stands above
        self.console.print(finished)

    def _plain_line(self, report: StepReport) -> str:
        active, held = active_and_held(report)
        parts = [f"{100 * report.fraction:.0f} % of the path"]
        if report.losses:
            parts.append(losses_line(report.losses))
        else:
            parts.append(f"MSE {scientific(active)}")
            parts += [] if held is None else [f"held layers at most {scientific(held)}"]
        parts += [f"{report.passes} passes", f"{report.seconds:.1f} s"]
        place = ", ".join(filter(None, (stage_name(report.stage), report.layer)))
        return f"{place}: {', '.join(parts)}"

    def _active_line(self) -> Table | Text:
        report = self._last
        if report is None:
            return Text(self._shown)
        grid = self._grid()
        if not self._headed:
            self._add_header(grid, _error_name(report))
        self._add_report(grid, report, finished=False)
        return grid

    @staticmethod
    def _grid() -> Table:
        # The widths are fixed so that lines printed one after another stand in columns.
        grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
        for name in ("mark", "stage", "layer"):
            grid.add_column(width=_WIDTHS[name], no_wrap=True, overflow="ellipsis")
        grid.add_column(ratio=1, no_wrap=True)
        for name in ("mse", "held", "passes", "left"):
            grid.add_column(width=_WIDTHS[name], no_wrap=True, justify="right")
        return grid

    @staticmethod
    def _add_header(grid: Table, error: str) -> None:
        titles = ("", "stage", "layer", "path", error, "held", "passes", "left/took")
        grid.add_row(*titles, style="dim")

    def _add_report(self, grid: Table, report: StepReport, finished: bool) -> None:
        active, held = active_and_held(report)
        complete = report.fraction >= _COMPLETE
        done, short = ("*", "-") if self.console.options.ascii_only else ("✓", "–")
        left = None
        if report.fraction > 0:
            left = report.seconds * (1 / report.fraction - 1)
        grid.add_row(
            Text((done if complete else short) if finished else " ", style="green"),
            stage_name(report.stage),
            report.layer,
            ProgressBar(total=1.0, completed=min(max(report.fraction, 0.0), 1.0)),
            scientific(report.losses["total"] if report.losses else active),
            scientific(held),
            str(report.passes),
            duration(report.seconds if finished else left),
        )
