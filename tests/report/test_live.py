"""report.html of a run that goes on, or was cut: what it says, what it costs, whom it disturbs."""

from __future__ import annotations

import errno
import os
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from html_pages import Page, check_needs_nothing_else
from run_folders import LAYERS, MEASURED, steps, write_run

from decouple.errors import ImageError
from decouple.flows.trace import StepReport
from decouple.record.history import History
from decouple.report import live
from decouple.report.live import SHARE, LivePage
from decouple.report.page import has_last_page, write_page

COMMAND = "python -m decouple.run resume=runs/one"
SOME = {"experiment": "self_transfer", "seconds": 75.0, "stages": MEASURED["stages"]}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder of a run that goes on: nothing of its end is there."""
    folder = write_run(tmp_path / "run", pictures=("source", "noisified_1_block1_conv1"))
    for path in (folder / "metrics.json", folder / "history.csv", *folder.glob("plots/*")):
        path.unlink()
    return folder


class Clock:
    """Time that passes when it is told to, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1e9 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr(live, "time", told)
    return told


def sign(folder: Path) -> list[float]:
    """When the page showed a sign of life, and for how long it may show none."""
    (written,) = re.findall(r'data-written="([^"]*)"', read(folder))
    return [float(number) for number in written.split()]


def read(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def goes_on(folder: Path) -> bool:
    return "data-written=" in read(folder)


def test_a_run_under_way(run: Path, clock: Clock) -> None:
    with LivePage(run, COMMAND) as page, History(run, LAYERS) as history:
        page.begin(lambda: SOME, "noise reference")
        first = Page(run / "report.html")
        assert first.text("h1") == ["Self-transfer"]
        assert "Noise reference" in first.text("p")
        assert not [image for image in first.all("img") if "Loss" in image["alt"]]
        for report in steps("noisify_source"):
            history(report)
        history.flush()
        clock.now += 1000
        page(StepReport("noisify_source", LAYERS[1], 0.25, 1234, 10.0, {LAYERS[1]: 1e-3}))
        shown = Page(run / "report.html")
        check_needs_nothing_else(shown)
        assert "Source noisification, block2_conv1 25 %" in shown.text("p")
        facts = dict(zip(shown.text("dt"), shown.text("dd"), strict=True))
        assert facts["feature MSE"] == "1.0e-03"
        assert facts["left of this path"] == "0:00:30 if it goes on as it did"
        assert facts["since the run began"] == "0:01:15"
        alts = [image["alt"] for image in shown.all("img")]
        assert "Loss curves: source noisification" in alts
        assert "noisified 1: block1_conv1" in alts
        assert "Stages" in shown.text("h2")
        (progress,) = shown.all("progress")
        assert progress["value"] == "0.25"
        assert COMMAND in shown.text("code")
        # Both words of a silent run are hidden as long as it is not.
        assert [p for p in shown.all("p") if "silent" in p.get("class", "")] == [
            {"class": "notice silent", "hidden": ""},
            {"class": "silent", "hidden": ""},
        ]
        assert sign(run)[0] == pytest.approx(clock.time())
        assert not has_last_page(run)
    assert not list(run.glob("plots/*"))


def test_the_methods_of_a_comparison(run: Path, clock: Clock) -> None:
    method = write_run(run / "methods" / "lift", pictures=("source", "iteration_9", "iteration_10"))
    with LivePage(run) as page:
        page.begin(dict)
        with page.method("lift", method):
            clock.now += 1000
            page(StepReport("optimize", "", 0.5, 12, 1.0, {}, {"total": 2.5}))
            shown = Page(run / "report.html")
        assert "Lift, optimization 50 %" in shown.text("p")
        assert dict(zip(shown.text("dt"), shown.text("dd"), strict=True))["loss"] == "2.5"
        alts = [image["alt"] for image in shown.all("img")]
        assert alts.count("source") == 1
        assert "iteration 10" in alts
        assert "iteration 9" not in alts
        assert "Loss curves: imposition" in alts
        clock.now += 1000
        page.show("3 of 7 pictures")
        assert "3 of 7 pictures" in Page(run / "report.html").text("p")


@pytest.mark.parametrize("cost", [0.01, 2.0])
def test_what_it_costs_is_bounded(
    run: Path, clock: Clock, cost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def slow(*_: Any, **__: Any) -> str:
        clock.now += cost
        written.append(clock.now)
        return "<p>"

    monkeypatch.setattr(live, "page_of", slow)
    began = clock.now
    with LivePage(run) as page:
        page.begin(dict)
        for report in [*steps("impose")] * 200:
            clock.now += 0.5
            page(report)
    taken = clock.now - began
    assert len(written) > 5
    assert (len(written) - 1) * cost <= SHARE * taken
    # And no more often than anybody would look.
    assert min(b - a for a, b in pairwise(written)) >= 3


def test_what_has_ended_is_not_drawn_again(
    run: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, draw = [], live.stage_figure
    monkeypatch.setattr(live, "stage_figure", lambda s, *_: drawn.append(s) or draw(s, *_))
    with LivePage(run) as page, History(run, LAYERS) as history:
        page.begin(dict)
        for stage in ("noisify_source", "impose", "noisify_result"):
            for report in steps(stage):
                history(report)
            history.flush()
            clock.now += 1000
            page(report)
    assert drawn == ["noisify_source", "impose", "noisify_result"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "This run was interrupted before its end."),
        (ImageError("no 'x.png'"), "This run has stopped before its end: no 'x.png'"),
        (ZeroDivisionError("of <b>"), "before its end: ZeroDivisionError: of <b>"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_run_that_is_cut_says_so_and_looks_no_more(
    run: Path, clock: Clock, error: BaseException, words: str
) -> None:
    def cut() -> None:
        with LivePage(run, COMMAND) as page:
            page.begin(dict)
            page(next(steps("impose")))
            raise error

    with pytest.raises(type(error)):
        cut()
    shown = Page(run / "report.html")
    check_needs_nothing_else(shown)
    assert not goes_on(run)
    assert not has_last_page(run)
    assert any(text.endswith(words) for text in shown.text("p"))
    assert "It was at: Imposition, block2_conv1" in shown.text("p")
    assert COMMAND in shown.text("code")
    assert "Under way" not in shown.text("h2")


def test_no_page_before_the_first(run: Path) -> None:
    with pytest.raises(ImageError), LivePage(run):
        raise ImageError("refused")
    assert not (run / "report.html").exists()
    assert not has_last_page(run)


@pytest.mark.parametrize("what", ["decouple.files.write_text", "decouple.report.live.page_of"])
def test_what_is_wrong_with_the_page_is_said_once_and_ends_nothing(
    run: Path, clock: Clock, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said: list[str] = []
    with LivePage(run, say=said.append) as page:
        with monkeypatch.context() as patch:
            patch.setattr(what, full)
            page.begin(dict)
            for report in steps("impose"):
                clock.now += 1000
                page(report)
            assert len(said) == 1
            assert "No space left on device" in said[0]
            assert not (run / "report.html").exists()
        clock.now += 1000
        page(report)
        assert goes_on(run)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life as fast as they come."""
    monkeypatch.setattr(live, "_BEAT", 0.01)


def test_a_sign_of_life_needs_no_step(run: Path, quick: None) -> None:
    with LivePage(run) as page:
        page.begin(dict)
        first, until = sign(run), time.monotonic() + 30
        while sign(run)[0] == first[0]:
            assert time.monotonic() < until
            time.sleep(0.01)
        page.end()
        last = write_page(run).read_bytes()
        time.sleep(0.1)
    assert (run / "report.html").read_bytes() == last
    assert has_last_page(run)
    assert not goes_on(run)


def test_a_slow_disk_is_asked_seldom_and_waited_for(
    run: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = live.files.write_text

    def slow(*what: Any) -> None:
        time.sleep(0.05)
        write(*what)

    monkeypatch.setattr(live.files, "write_text", slow)
    with LivePage(run) as page:
        page.begin(dict)
        until = time.monotonic() + 30
        while page._beat == live._BEAT:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert page._beat >= 0.05 / SHARE
