"""The page of a sweep: what differs, what came out, what failed."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from html_pages import Page
from PIL import Image
from run_folders import MEASURED, write_run
from test_page import EVIL, check_needs_nothing_else

from decouple.flows.stop import StopReason
from decouple.overrides import composed
from decouple.record.history import HistoryRow, read_history
from decouple.report.page import write_page
from decouple.report.sweep import Ended, Failure, overview_figure, write_sweep_page
from decouple.report.sweep_pictures import grid_of, telling_window

SEEDS = {0: 100.0, 1: 110.5}


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs with pages, in a folder whose name is no address as it is."""
    folders = []
    for seed, psnr in SEEDS.items():
        folder = write_run(
            tmp_path / "runs #1" / f"r{seed}",
            ("layers=1", f"seed={seed}", f"run_dir=r{seed}"),
            self_transfer={**MEASURED["self_transfer"], "psnr_db": psnr},
        )
        write_page(folder)
        folders.append(folder)
    return folders


def page_of(outcomes: list, path: Path) -> Page:
    assert write_sweep_page(outcomes, path) == path
    return Page(path)


def test_only_what_differs_is_named(runs: list[Path], tmp_path: Path) -> None:
    page = page_of(list(runs), tmp_path / "sweeps" / "s" / "report.html")
    check_needs_nothing_else(page)
    assert page.text("h1") == ["Sweep: Self-transfer"]
    assert page.text("p")[0] == "2 runs finished. They differ in seed."
    head = ["run", "seed", "PSNR", "differing", "passes", "seconds", "ended"]
    first = ["1", "0", "100.00 dB", "0.01 %", "1,234", "75.2", "reached"]
    second = ["2", "1", "110.50 dB", "0.01 %", "1,234", "75.2", "reached"]
    assert page.rows() == [head, first, second]
    assert page.text("figcaption") == ["run 1seed=0", "run 2seed=1"]
    assert "Failed" not in page.source


def test_runs_are_linked_to_by_relative_addresses(runs: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "sweeps" / "s" / "report.html"
    links = [link["href"] for link in page_of(list(runs), path).all("a")]
    assert len(links) == 4
    for link, folder in zip(links, [*runs, *runs], strict=True):
        assert "://" not in link
        assert "#" not in link
        assert (path.parent / unquote(link)).resolve() == (folder / "report.html").resolve()
    (runs[1] / "report.html").unlink()
    assert len(page_of(list(runs), path).all("a")) == 2


def test_pictures_are_the_results_no_larger_than_needed(runs: list[Path], tmp_path: Path) -> None:
    Image.new("RGB", (1200, 600)).save(runs[1] / "images" / "result.png")
    page = page_of(list(runs), tmp_path / "report.html")
    assert page.embedded[0] == (runs[0] / "images" / "result.png").read_bytes()
    with Image.open(io.BytesIO(page.embedded[1])) as thumbnail:
        assert thumbnail.size == (480, 240)
    (runs[0] / "images" / "result.png").unlink()
    assert "no result" in page_of(list(runs), tmp_path / "report.html").text("div")


def test_failures_are_named_with_their_settings_and_reason(
    runs: list[Path], tmp_path: Path
) -> None:
    config = composed("+experiment=self_transfer", "layers=1", "seed=7", "stepper=rk4")
    failed = Failure({**config, "source": EVIL}, f"cannot read '{EVIL}'")
    page = page_of([runs[0], failed, runs[1]], tmp_path / "report.html")
    check_needs_nothing_else(page)
    assert EVIL not in page.source
    lead, notice = page.text("p")[:2]
    assert lead == "2 of 3 runs finished. They differ in source, seed and stepper."
    assert notice == (f"Run 2 failed (source='{EVIL}', seed=7, stepper=rk4): cannot read '{EVIL}'")
    assert [row[:4] for row in page.rows()[1:]] == [
        ["1", "sample:astronaut", "0", "auto"],
        ["3", "sample:astronaut", "1", "auto"],
    ]


def test_failures_are_linked_to_what_they_left(runs: list[Path], tmp_path: Path) -> None:
    config = composed("+experiment=self_transfer", "layers=1", "seed=7")
    page, bare, gone = (tmp_path / "runs #1" / name for name in ("page", "bare", "gone"))
    bare.mkdir()
    page.mkdir()
    (page / "report.html").touch()
    failed = [Failure(config, "no", folder) for folder in (page, bare, gone, None)]
    links = page_of([*runs, *failed], tmp_path / "report.html").all("a")
    found = [unquote(link["href"]) for link in links]
    assert sorted(set(found)) == [
        "runs #1/bare",
        "runs #1/page/report.html",
        *(f"runs #1/r{seed}/report.html" for seed in SEEDS),
    ]
    assert found[:2] == ["runs #1/page/report.html", "runs #1/bare"]


def test_options_that_a_choice_lacks_are_dashes(tmp_path: Path) -> None:
    words = (("stepper=rk4", "stepper.steps=5"), ("stepper=symmetric",))
    runs = [write_run(tmp_path / f"r{k}", each) for k, each in enumerate(words)]
    page = page_of(list(runs), tmp_path / "report.html")
    assert [row[:3] for row in page.rows()] == [
        ["run", "stepper", "stepper.steps"],
        ["1", "rk4", "5"],
        ["2", "symmetric", "–"],
    ]


def test_settings_of_another_version_are_compared_as_they_are(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / f"r{k}", (f"seed={k}",), config={"of_tomorrow": 3 - k})
        for k in range(2)
    ]
    page = page_of([*runs, Failure({"of_tomorrow": 9}, "no")], tmp_path / "report.html")
    head, first, second = page.rows()
    names = ("network", "seed", "of_tomorrow", "image.size")
    assert [first[head.index(name)] for name in names] == ["vgg19", "0", "3", "150"]
    assert [second[head.index(name)] for name in names] == ["vgg19", "1", "2", "150"]


def test_all_failed(tmp_path: Path) -> None:
    config = composed("+experiment=self_transfer")
    page = page_of([Failure(config, "no"), Failure(config, "no")], tmp_path / "report.html")
    assert page.text("p")[0] == "0 of 2 runs finished. They do not differ."
    assert page.text("h2") == []


def test_why_a_run_fell_short_is_in_its_row(tmp_path: Path) -> None:
    short = {**MEASURED["stages"][0], "stop_reason": "off_target"}
    run = write_run(tmp_path / "r", stages=[*MEASURED["stages"], short])
    page = page_of([run], tmp_path / "report.html")
    assert page.rows()[1][-1] == "off target"
    assert {"title": StopReason.OFF_TARGET.value} in page.all("abbr")


def two_settings(folder: Path, sizes: tuple[int, ...] = (40, 48)) -> list[Path]:
    """A run for each of two seeds and two sizes, with results of 40 x 64 px."""
    words = [(f"seed={seed}", f"image.size={size}") for seed in (0, 1) for size in sizes]
    runs = [write_run(folder / f"r{k}", each, shape=(40, 64)) for k, each in enumerate(words)]
    for run in runs:
        write_page(run)
    return runs


def test_two_settings_make_a_grid(tmp_path: Path) -> None:
    runs = two_settings(tmp_path)
    page = page_of(list(runs), tmp_path / "report.html")
    check_needs_nothing_else(page)
    head, values, *runs_of = page.rows()[5:]  # behind the table of numbers
    assert head == ["", "image.size"]
    assert values == ["seed", "40", "48"]
    assert runs_of == [["0", "run 1", "run 2"], ["1", "run 3", "run 4"]]
    results = [(run / "images" / "result.png").read_bytes() for run in runs]
    assert page.embedded[:4] == results
    # Four links of the table above, and as many of the grid.
    assert len(page.all("a")) == 8


def test_a_failed_run_leaves_its_place_in_the_grid(tmp_path: Path) -> None:
    runs = two_settings(tmp_path)
    config = composed("+experiment=self_transfer", "seed=1", "image.size=40")
    page = page_of([runs[0], runs[1], Failure(config, "no"), runs[3]], tmp_path / "report.html")
    assert ["1", "failedrun 3", "run 4"] in page.rows()
    assert page.text("figcaption") == ["run 1", "run 2", "run 3", "run 4"]


def test_what_is_no_product_of_two_settings_makes_no_grid(tmp_path: Path) -> None:
    runs = two_settings(tmp_path)
    page = page_of(list(runs[:3]), tmp_path / "report.html")
    assert page.text("figcaption")[0] == "run 1seed=0, image.size=40"
    assert grid_of(["seed"], [["0"], ["1"]]) is None
    assert grid_of(["a", "b"], [["0", "0"], ["0", "1"], ["1", "0"], ["0", "0"]]) is None


def test_crops_are_of_where_the_results_differ(tmp_path: Path) -> None:
    runs = two_settings(tmp_path)
    levels = np.random.default_rng(0).integers(0, 255, (40, 64, 3), np.uint8)
    for k, run in enumerate(runs):
        other = levels.copy()
        other[20:36, 30:46] ^= np.uint8(k)
        Image.fromarray(other).save(run / "images" / "result.png")
    page = page_of(list(runs), tmp_path / "report.html")
    assert page.text("h2")[:3] == ["Results", "Pictures", "Zoomed crops"]
    (sentence,) = (text for text in page.text("p") if "differ most" in text)
    assert "16 × 16 px" in sentence
    assert "30 px from the left and 20 px from the top, 20 times enlarged" in sentence
    for k in range(4):
        with Image.open(io.BytesIO(page.embedded[4 + k])) as crop:
            pixels = np.asarray(crop)
        assert pixels.shape == (320, 320, 3)
        np.testing.assert_array_equal(pixels[::20, ::20], levels[20:36, 30:46] ^ np.uint8(k))
        np.testing.assert_array_equal(pixels[19::20, 19::20], pixels[::20, ::20])


def test_no_crops_of_what_does_not_differ_or_is_small(tmp_path: Path) -> None:
    runs = two_settings(tmp_path)
    paths = [run / "images" / "result.png" for run in runs]
    assert telling_window(paths) is None
    Image.new("RGB", (64, 40)).save(paths[0])
    assert telling_window(paths) is not None
    assert telling_window(paths[:1]) is None
    assert telling_window([paths[0], tmp_path / "none.png"]) is None
    for level, path in enumerate(paths):
        Image.new("RGB", (31, 60), (level, 0, 0)).save(path)
    assert telling_window(paths) is None


def test_curves_of_all_runs_stand_in_one_figure(runs: list[Path], tmp_path: Path) -> None:
    rows = read_history(runs[0] / "history.csv")
    other = HistoryRow("impose", "block1_conv1", 1, 1.0, 6, 0.1, {"block1_conv1": 0.0})
    unmeasured = HistoryRow("impose", "block3_conv1", 1, 1.0, 6, 0.1, {"block1_conv1": 0.0})
    figure = overview_figure([("1: seed=0", rows), ("2: " + "long" * 40, [other, unmeasured])])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "source noisification, block2_conv1",
        "imposition, block2_conv1",
        "imposition, block1_conv1",
    ]
    drawn = [[line for line in axes.lines if len(line.get_xdata())] for axes in figure.axes]
    assert [len(lines) for lines in drawn] == [1, 1, 1]
    assert list(drawn[0][0].get_xdata()) == [6 * step for step in range(1, 9)]
    np.testing.assert_allclose(drawn[0][0].get_ydata(), [10.0 ** (-2 * s) for s in range(1, 9)])
    assert drawn[2][0].get_ydata()[0] > 0  # on a logarithmic axis
    assert drawn[0][0].get_color() != drawn[2][0].get_color()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "1: seed=0"
    assert labels[1].endswith("…")
    # The legend lies within the sheet and above the panels.
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= max(axes.title.get_window_extent().y1 for axes in figure.axes)


def test_a_sweep_without_histories_has_no_figure(runs: list[Path], tmp_path: Path) -> None:
    for run in runs:
        (run / "history.csv").unlink()
    assert page_of(list(runs), tmp_path / "report.html").text("h2") == ["Results", "Pictures"]


def test_the_losses_of_objectives_are_drawn_and_compared() -> None:
    rows = [
        HistoryRow("optimize", "", n, n / 3, 40 * n, 0.1, {}, {"total": 9.0 / n, "style": 1.0})
        for n in (1, 2, 3)
    ]
    figure = overview_figure([("1: gatys.style.weight=1", rows), ("2", rows[:1])])
    (axes,) = figure.axes
    assert axes.get_title() == "optimization"
    assert axes.get_ylabel() == "weighted loss"
    assert list(axes.lines[0].get_ydata()) == [9.0, 4.5, 3.0]


def test_what_is_left_stands_with_the_command_that_goes_on(
    runs: list[Path], tmp_path: Path
) -> None:
    config = composed("+experiment=self_transfer", "layers=1", "seed=7")
    cut = Failure(config, "no word of it", runs[1], Ended.CUT)
    waiting = Failure(config, "before its turn", None, Ended.NOT_RUN)
    path = tmp_path / "report.html"
    page = Page(write_sweep_page([runs[0], cut, waiting], path, "go <on>"))
    check_needs_nothing_else(page)
    assert page.text("p")[0].startswith("1 of 3 runs finished.")
    assert page.text("p")[1:3] == [
        "Run 2 was cut (seed=7): no word of it",
        "Run 3 was not run (seed=7): before its turn",
    ]
    assert "go <on>" in page.text("code")
    whole = Page(write_sweep_page([runs[0], cut], path))
    assert whole.text("code") == []
