"""The pages in a real browser: nothing sticks out, nothing is complained of, the controls work."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import pytest
from run_folders import write_run

from decouple.files import write_text
from decouple.report import live
from decouple.report.index import write_index
from decouple.report.page import write_page
from decouple.report.sweep import Failure, write_sweep_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (1280, 390)
LONG = "/a folder/" + "with_a_very_long_name_and_no_place_to_break_" * 4 + ".jpg"

# The page stands unchanged in a frame of the given width, which its media queries see, and this
# script of the page around it measures and plays.
MEASURE = """
const wait = (frame) => new Promise((done) => {
  const ready = () => frame.contentDocument.querySelector("footer") &&
    frame.contentDocument.readyState === "complete";
  const look = () => ready() ? done() : setTimeout(look, 20);
  look();
});
(async () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    await wait(frame);
    const page = frame.contentDocument, view = frame.contentWindow;
    const one = {width: view.innerWidth, scroll: page.documentElement.scrollWidth};
    one.outside = [...page.querySelectorAll("main *, header *")].filter((element) =>
      !element.parentElement.closest(".scroll") &&
      element.getBoundingClientRect().right > view.innerWidth + 0.5)
      .map((element) => element.outerHTML.slice(0, 200));
    one.images = [...page.querySelectorAll("img[src]")].map((image) =>
      [image.alt, image.naturalWidth, image.getBoundingClientRect().width]);
    const slider = page.querySelector(".versus input");
    if (slider) {
      one.hidden = slider.hidden;
      slider.value = 25;
      slider.dispatchEvent(new Event("input"));
      one.clip = view.getComputedStyle(page.querySelectorAll(".versus img")[1]).clipPath;
    }
    const search = page.querySelector(".search input");
    if (search) {
      const typed = (words) => {
        search.value = words;
        search.dispatchEvent(new Event("input"));
        const left = [...page.querySelectorAll("article")].filter((run) => run.checkVisibility());
        return [left.length, page.querySelector(".count").textContent];
      };
      one.searched = [search.checkVisibility()];
      for (const words of ["coffee SEED=2", "no such", ""]) one.searched.push(typed(words));
    }
    const dialog = page.querySelector("dialog"), large = dialog.querySelector("img");
    page.querySelector(".enlarge").click();
    one.opened = dialog.open && large.src === page.querySelector(".enlarge img").src;
    const press = (key) => dialog.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    press("ArrowRight");
    one.next = large.src === page.querySelectorAll(".enlarge img")[1].src;
    dialog.querySelector("button").click();
    one.closed = !dialog.open;
    found.push(one);
  }
  const result = document.createElement("pre");
  result.textContent = JSON.stringify(found);
  document.body.append(result);
})();
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)}")
    return found


def headless(browser: str, scratch: Path) -> list[str]:
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    profile = f"--user-data-dir={scratch / 'profile'}"
    return [browser, *options, "--enable-logging=stderr", profile]


def browse(browser: str, page: Path, scratch: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What MEASURE finds at each of WIDTHS, and what the console says."""
    content = html.escape(page.read_text(encoding="utf-8"))
    frames = "".join(
        f'<iframe srcdoc="{content}" style="width:{width}px;height:900px;border:0"></iframe>'
        for width in WIDTHS
    )
    around = scratch / "around.html"
    around.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><body>{frames}<script>{MEASURE}</script>", "utf-8"
    )
    done = subprocess.run(
        [
            *headless(browser, scratch),
            *("--virtual-time-budget=10000", "--dump-dom", around.as_uri()),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    result = re.findall(r"<pre>(\[.*?\])</pre></body>", done.stdout)
    assert result, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(result[-1])), console


def check(found: list[dict[str, Any]], console: list[str]) -> None:
    assert console == []
    assert [one["width"] for one in found] == list(WIDTHS)
    for one in found:
        assert one["scroll"] <= one["width"]
        assert one["outside"] == []
        assert one["images"]
        assert all(natural > 0 and shown > 100 for _, natural, shown in one["images"])
        assert one["opened"]
        assert one["next"]
        assert one["closed"]


def test_page_of_a_run(browser: str, tmp_path: Path) -> None:
    rows = [{"method": "lift", **{f"measure_{k}": 0.1 * k for k in range(12)}}]
    folder = write_run(
        tmp_path / "run",
        ("layers=[block1_conv1,block2_conv1,block3_conv1,block4_conv1]",),
        config={"source": LONG},
        drawn=True,
        source={"origin": LONG, "digest": "ab" * 32},
        compare={"rows": rows},
    )
    found, console = browse(browser, write_page(folder), tmp_path)
    check(found, console)
    for one in found:
        assert not one["hidden"]
        assert one["clip"] == "inset(0px 0px 0px 25%)"


def test_page_of_a_folder(browser: str, tmp_path: Path) -> None:
    for k in range(3):
        write_page(write_run(tmp_path / f"run{k}", ("source=sample:coffee", f"seed={k}")))
    write_run(tmp_path / "long", (f"source={LONG!r}",), stages=[])
    page, _ = write_index(tmp_path)
    found, console = browse(browser, page, tmp_path)
    check(found, console)
    for one in found:
        assert one["searched"] == [True, [1, "1"], [0, "0"], [4, "4"]]


def test_page_of_a_sweep(browser: str, tmp_path: Path) -> None:
    runs: list[Any] = [
        write_run(tmp_path / f"run{k}", (f"source={LONG!r}", f"seed={k}"), drawn=k == 0)
        for k in range(3)
    ]
    for run in runs:
        write_page(run)
    failure = Failure({"experiment": "self_transfer", "source": LONG}, f"cannot read {LONG}")
    page = write_sweep_page([*runs, failure], tmp_path / "sweep" / "report.html")
    check(*browse(browser, page, tmp_path))


def test_the_measure_sees_what_sticks_out_and_what_is_refused(browser: str, tmp_path: Path) -> None:
    page = write_page(write_run(tmp_path / "run"))
    wide = page.read_text(encoding="utf-8").replace(
        "<main>", '<main><div style="width: 2000px">wide</div><script>alert(1)</script>'
    )
    page.write_text(wide, encoding="utf-8")
    found, console = browse(browser, page, tmp_path)
    assert all(one["scroll"] >= 2000 and one["outside"] for one in found)
    assert any("Content Security Policy" in line for line in console)


# The page of a run in a frame, as a file of its own: what it shows is told whenever it is loaded.
WATCH = """<!DOCTYPE html><meta charset=utf-8><body><iframe src="report.html"></iframe><script>
document.querySelector("iframe").addEventListener("load", (event) => {
  const page = event.target.contentDocument, shown = (name) => page.querySelector(name);
  const words = [shown("[data-written]") ? "live" : "still"];
  const silent = shown(".silent");
  if (silent && !silent.hidden) words.push("silent " + shown("time").textContent);
  console.log("<" + words.join(" ") + " " + (shown("footer") ? "whole" : "cut") + ">");
});
</script>"""


@contextmanager
def watched(browser: str, folder: Path, scratch: Path) -> Iterator[Callable[[], str]]:
    """What a browser that has a run's page open says next of it; empty after three seconds."""
    around = folder / "around.html"
    around.write_text(WATCH, "utf-8")
    process = subprocess.Popen(
        [*headless(browser, scratch), "--allow-file-access-from-files", around.as_uri()],
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if "CONSOLE" in line:
                lines.put(line)

    def said(seconds: float = 3) -> str:
        try:
            line = lines.get(timeout=seconds)
        except Empty:
            return ""
        told = re.search("<.* whole>", line)
        assert told, line  # anything else is a complaint
        return told[0]

    listener = Thread(target=listen)
    listener.start()
    try:
        assert said(100) == "<live whole>"
        yield said
    finally:
        process.kill()
        process.wait()
        listener.join()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[live.LivePage]:
    """Of a run that goes on; it looks at itself often."""
    monkeypatch.setattr(live, "_LONGEST_LOOK", 0.3)
    with live.LivePage(write_run(tmp_path / "run")) as page:
        page.begin(dict)
        yield page


def test_a_page_looks_again_until_its_run_has_ended(
    browser: str, tmp_path: Path, page: live.LivePage
) -> None:
    folder = page.folder
    with watched(browser, folder, tmp_path) as said:
        assert [said(30) for _ in range(3)] == ["<live whole>"] * 3
        page.end()
        write_page(folder)
        while (told := said(30)) == "<live whole>":
            pass
        assert told == "<still whole>"
        assert said() == ""


def test_a_page_of_a_killed_run_says_so_and_looks_no_more(
    browser: str, tmp_path: Path, page: live.LivePage
) -> None:
    page.end()
    folder = page.folder
    with watched(browser, folder, tmp_path) as said:
        path = folder / "report.html"
        before = path.read_text(encoding="utf-8")
        write_text(path, re.sub(r'data-written="[^ ]*', 'data-written="1764300000', before))
        while (told := said(30)) == "<live whole>":
            pass
        assert re.fullmatch(r"<live silent .*2025.* whole>", told)
        assert said() == ""
