"""The pages of `reports/`: complete, small, and still true where that is quickly checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT, of_a_checkout

REPORTS, EXPERIMENTS = ROOT / "reports", ROOT / "experiments"
pytestmark = of_a_checkout

PAGES = sorted(path.name for path in REPORTS.glob("*.md"))
MOST_BYTES = 25e6


def test_the_index_names_every_page() -> None:
    index = (REPORTS / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if page != "README.md" and f"({page})" not in index] == []


def test_every_picture_is_shown_and_they_are_small() -> None:
    pages = [*REPORTS.glob("*.md"), ROOT / "README.md"]
    shown = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    pictures = list(REPORTS.glob("*.png"))
    assert [path.name for path in pictures if f"{path.name})" not in shown] == []
    assert sum(path.stat().st_size for path in REPORTS.iterdir()) < MOST_BYTES


def test_all_goes_on_after_a_script_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments import all as every

    scripts = {"bad": "print('halfway'); raise SystemExit(3)", "good": "print('done')"}
    for name, text in scripts.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(every, "HERE", tmp_path)
    monkeypatch.setattr(every, "SCRIPTS", tuple(scripts))
    assert every.main([]) == 1
    said = capsys.readouterr()
    lines = [line.split() for line in said.out.splitlines()]
    assert [(line[0], line[-1] == "FAILED") for line in lines] == [
        ("bad", True),
        ("good", False),
        ("in", False),
    ]
    assert said.err.strip() == "halfway"
    assert every.main(["good"]) == 0
    monkeypatch.setattr(every, "BENCHMARKS", ("good", "good"))
    assert every.main(["benchmarks"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-3:]] == [
        "good",
        "good",
        "in",
    ]
    assert every.main(["--at-once", "2", "good", "bad", "good"]) == 1
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["good", "bad", "good", "in"]  # in their order, whichever ends first
    assert every.main(["god"]) == 2
    assert "did you mean 'good'" in capsys.readouterr().err


def test_all_runs_every_script_that_writes_a_page() -> None:
    from experiments.all import SCRIPTS

    text = {page: (REPORTS / page).read_text(encoding="utf-8") for page in PAGES}
    named = {
        name
        for words in text.values()
        for name in re.findall(r"Made by `(?:\w+=FILE )?python experiments/(\w+)\.py", words)
    }
    assert named == set(SCRIPTS)
    assert all((EXPERIMENTS / f"{name}.py").is_file() for name in SCRIPTS)


def test_what_needs_a_file_is_left_out_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments import all as every

    monkeypatch.setattr(every, "SCRIPTS", ("gatys",))
    monkeypatch.delenv("DECOUPLE_IMAGENET_VGG16", raising=False)
    assert every.main([]) == 0
    said = capsys.readouterr()
    assert "left out: DECOUPLE_IMAGENET_VGG16 is not set" in said.out
    assert every.main(["gatys"]) == 1  # asked for by name
    assert "must name a file of VGG-16's ImageNet filters" in capsys.readouterr().err
