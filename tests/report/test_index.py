"""index.html over a folder of runs."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from html_pages import Page
from run_folders import write_run
from test_page import check_needs_nothing_else

from decouple.errors import ConfigError, RunFolderError
from decouple.report.index import write_index
from decouple.report.page import write_page
from decouple.report.sweep import write_sweep_page
from decouple.run import main

EVIL = "<b onclick=x>'&\""


def begun(folder: Path, at: int) -> Path:
    os.utime(folder / "config.yaml", (at, at))
    return folder


def linked(page: Page) -> list[str]:
    return [unquote(attributes["href"]) for attributes in page.all("a")]


def test_runs_at_any_depth_the_latest_first(tmp_path: Path) -> None:
    told = {"psnr_db": 119.25, "differing_pixels_8bit": 0.0}
    first = begun(write_run(tmp_path / "self_transfer" / "one", self_transfer=told), 1_000_000)
    second = begun(write_run(tmp_path / "two", ("source=sample:cat", "layers=1")), 2_000_000)
    (tmp_path / "two" / ".hydra").mkdir()
    (tmp_path / "two" / ".hydra" / "config.yaml").write_text("a: 1\n")
    for run in (first, second):
        write_page(run)
    path, count = write_index(tmp_path)
    page = Page(path)
    check_needs_nothing_else(page)
    assert (path, count) == (tmp_path / "index.html", 2)
    assert linked(page) == ["two/report.html", "self_transfer/one/report.html"]
    assert page.text("code") == ["layers=1", "seed=3"]
    assert page.text("small") == ["sample:cat", "sample:coffee"]
    assert page.text("b") == ["141.26 dB", "0.01 %", "0:01:15", "119.25 dB", "0 %", "0:01:15"]
    assert len(page.all("img")) == 2 + 1, "two results, and the one that is enlarged"


def test_a_run_that_has_not_ended_and_a_damaged_one_are_shown_with_a_word(tmp_path: Path) -> None:
    cut = write_run(tmp_path / "cut", pictures=())
    (cut / "metrics.json").unlink()
    (write_run(tmp_path / "damaged") / "metrics.json").write_text("{")
    notices = " ".join(Page(write_index(tmp_path)[0]).text("p"))
    assert "has not ended" in notices
    assert "damaged" in notices


def test_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    write_run(tmp_path / "run", config={"source": EVIL})
    page = Page(write_index(tmp_path)[0])
    check_needs_nothing_else(page)
    assert EVIL in " ".join(page.text("small"))


def test_sweeps_are_linked_to(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "sweep" / str(k), (f"seed={k}",)) for k in range(2)]
    write_sweep_page(runs, tmp_path / "sweep" / "report.html")
    assert "sweep/report.html" in linked(Page(write_index(tmp_path)[0]))


def test_it_is_written_anew_but_never_over_something_else(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    assert write_index(tmp_path) == write_index(tmp_path)
    (tmp_path / "index.html").write_text("<html>mine</html>")
    with pytest.raises(RunFolderError, match="left as it is"):
        write_index(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<html>mine</html>"


@pytest.mark.parametrize("name", ["", "nowhere", "file", "a\0b"])
def test_where_there_is_no_run_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises((ConfigError, RunFolderError)) as caught:
        write_index(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs" / "one")
    monkeypatch.chdir(tmp_path)
    assert main(["index=runs"]) == 0
    assert capsys.readouterr().out.strip().endswith("index.html (1 run)")
    assert main(["index=runs", "seed=1"]) == 2
    assert "seed= cannot be set with index=" in capsys.readouterr().err
    assert main(["index=nowhere"]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_configuration_that_leads_nowhere_is_shown_with_a_word(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "config.yaml").symlink_to(tmp_path / "nowhere")
    path, count = write_index(tmp_path)
    assert count == 2
    assert "gone" in " ".join(Page(path).text("p"))
