"""report.html while a run goes on: how far it is, its curves and its pictures so far.

The page looks at itself again until the run has ended. What writing it costs is bounded, and what
goes wrong with it ends no run. A run that is killed cannot say so: a thread renews the page's sign
of life, and where none has come for a while the page says that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from decouple import files
from decouple.errors import DecoupleError
from decouple.experiments import Fact
from decouple.record.history import history_so_far
from decouple.record.progress import active_and_held, duration, scientific, stage_name
from decouple.report import style
from decouple.report.contact_sheet import numbered
from decouple.report.curves import by_figure, layers_in, stage_figure
from decouple.report.page import PAGE, Shown, UnderWay, page_of, plot_title
from decouple.report.template import Embedded

if TYPE_CHECKING:
    from decouple.flows.trace import StepReport

SHARE = 1 / 30
"""Of a run's time that its page may take, at most; the first page and the last one aside."""

_LEAST_PAUSE = 3.0  # seconds, between two pages
_LONGEST_LOOK = 30.0  # between two looks of the page at itself: its end is to be seen soon
_BEAT = 20.0  # between two signs of life
_MISSED = 4.5  # so many of them, and the run is taken for killed
_SIGN = 'data-written=""'  # no name on the page can hold it: quotation marks are escaped


def _nothing() -> Mapping[str, Any]:
    return {}


class LivePage:
    """Observer of steps that keeps a run's page; use as a context, and `end` it before the last.

    A page is written when the one before is so long ago that all of them together take `SHARE` of
    the time at most. Where the block ends by an error, the last page says so, and looks for nothing
    any more.

    Parameters
    ----------
    folder : of the run
    command : that goes on with the run, if it is cut
    say : told, once, that the page cannot be written
    """

    def __init__(
        self, folder: str | Path, command: str = "", say: Callable[[str], None] | None = None
    ) -> None:
        """Write nothing yet."""
        self.folder = Path(folder)
        self._command, self._say = command, say
        self._known: Callable[[], Mapping[str, Any]] = _nothing
        self._method: tuple[str, Path] | None = None
        self._report: StepReport | None = None
        self._shown = ""
        self._due = 0.0
        self._pause = _LEAST_PAUSE
        # {figure: (number of rows, the figure)}, so that what has ended is not drawn again.
        self._drawn: dict[tuple[Path, str], tuple[int, Shown]] = {}
        self._html = ""
        self._beat = _BEAT
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._heart = threading.Thread(target=self._live, name="report.html", daemon=True)

    def __enter__(self) -> LivePage:
        """Begin to show signs of life, of the first page on."""
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Show no more; if an error is on its way, a page that names it."""
        self.end()
        if error is not None and self._html:
            words = _last_words(error)
            # What ends the run may be what no figure can be drawn with.
            if not self._try(lambda: self._put(self._page(words))):
                self._try(lambda: self._put(self._page(words, draws=False)))

    def begin(self, known: Callable[[], Mapping[str, Any]], doing: str = "") -> None:
        """Write the first page; or say more, from the next one on.

        Parameters
        ----------
        known : what there is to be said so far, as in metrics.json
        doing : what is done before the first step
        """
        self._known, self._shown = known, doing
        self._write_if_due()

    @contextmanager
    def method(self, name: str, folder: Path) -> Iterator[None]:
        """Whose steps follow, where a run has several methods, and their folder."""
        self._method = name, folder
        try:
            yield
        finally:
            self._method, self._report = None, None

    def __call__(self, report: StepReport) -> None:
        """Show a step, if a page is due."""
        self._report = report
        self._write_if_due()

    def show(self, line: str) -> None:
        """Show how far a long piece of work is, if a page is due."""
        self._shown, self._report = line, None
        self._write_if_due()

    def end(self) -> None:
        """Show no more signs of life; the page stays, for another to take its place."""
        self._over.set()
        if self._heart.is_alive():
            self._heart.join()

    # A page.

    def _write_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._write()

    def _write(self) -> None:
        began = time.monotonic()
        self._try(lambda: self._put(self._page()))
        ended = time.monotonic()
        self._pause = max(_LEAST_PAUSE, (ended - began) * (1 / SHARE - 1))
        self._due = ended + self._pause

    def _try(self, write: Callable[[], None]) -> bool:
        """Whether it could be done: what is wrong with a page, or the disk, ends no run."""
        try:
            write()
            return True
        except Exception as error:
            if self._say is not None:
                why = str(error) if isinstance(error, DecoupleError) else repr(error)
                self._say(f"The page of the run cannot be shown meanwhile: {why}")
            self._say = None
            return False

    def _page(self, last_words: str = "", draws: bool = True) -> str:
        known, report = dict(self._known()), self._report
        seconds = known.pop("seconds", None)
        place = [] if self._method is None else [self._method[0]]
        if report is not None:
            place += [stage_name(report.stage), report.layer]
        elif self._shown:
            place.append(self._shown)
        where = ", ".join(filter(None, place))
        where = where[:1].upper() + where[1:]
        notices = [last_words, f"It was at: {where}" if where else ""] if last_words else []
        return page_of(
            self.folder,
            known,
            UnderWay(
                where=where,
                fraction=None if report is None else min(max(report.fraction, 0.0), 1.0),
                facts=list(_facts(report, seconds)),
                pictures=list(self._pictures()),
                plots=self._figures(known)
                if draws
                else [shown for _, shown in self._drawn.values()],
                notices=[notice for notice in notices if notice],
                every=0 if last_words else round(min(self._pause, _LONGEST_LOOK), 1),
                command=self._command,
            ),
        )

    def _pictures(self) -> Iterator[Shown]:
        """The latest iteration's, and those of the method that is under way."""
        folder = self.folder if self._method is None else self._method[1]
        for number in numbered(folder / "images", "iteration")[-1:]:
            picture = Embedded.of(folder / "images" / f"iteration_{number}.png")
            if picture is not None:
                yield Shown(picture, f"iteration {number}", "the latest")
        if self._method is not None:
            for path in sorted((folder / "images").glob("*.png")):
                picture = Embedded.of(path)
                of_run = path.stem in ("source", "target") or path.stem.startswith("iteration_")
                if picture is not None and not of_run:
                    yield Shown(picture, path.stem.replace("_", " "), self._method[0])

    def _figures(self, known: Mapping[str, Any]) -> list[Shown]:
        """Loss curves so far."""
        folder = self.folder if self._method is None else self._method[1]
        rows, before = history_so_far(folder), self._drawn
        layers, self._drawn = layers_in(rows), {}
        for stage, of_stage in by_figure(rows).items():
            key = folder, stage
            if before.get(key, (0,))[0] == len(of_stage):
                self._drawn[key] = before[key]
                continue
            with style.context():
                png = style.png_of(stage_figure(stage, of_stage, layers, known))
            figure = Embedded.of_content(png)
            assert figure is not None
            self._drawn[key] = len(of_stage), Shown(figure, plot_title(f"loss_{stage}"))
        return [shown for _, shown in self._drawn.values()]

    # Its signs of life.

    def _put(self, html: str) -> None:
        with self._writing:
            self._html = html
            self._renew()

    def _renew(self) -> None:
        sign = f'data-written="{time.time():.1f} {_MISSED * self._beat:.1f}"'
        files.write_text(self.folder / PAGE, self._html.replace(_SIGN, sign))

    def _live(self) -> None:
        """Of the thread."""
        while not self._over.wait(self._beat):
            with self._writing:
                began = time.monotonic()
                if self._html:
                    self._try(self._renew)
                # Slower where the disk is slow.
                self._beat = max(_BEAT, (time.monotonic() - began) / SHARE)


def _facts(report: StepReport | None, seconds: float | None) -> Iterator[Fact]:
    if report is not None:
        yield Fact("of this path", f"{100 * report.fraction:.0f} %")
        if report.losses:
            yield Fact("loss", f"{report.losses['total']:.4g}")
        else:
            active, held = active_and_held(report)
            note = "" if held is None else f"held layers at most {scientific(held)}"
            yield Fact("feature MSE", scientific(active), note)
        yield Fact("network passes", f"{report.passes:,}", "of this stage and layer")
        if report.fraction > 0:
            left = report.seconds * (1 / report.fraction - 1)
            yield Fact("left of this path", duration(left), "if it goes on as it did")
    if seconds is not None:
        yield Fact("since the run began", duration(seconds))


def _last_words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "This run was interrupted before its end."
    what = str(error) if isinstance(error, DecoupleError) else f"{type(error).__name__}: {error}"
    return f"This run has stopped before its end: {what}"
