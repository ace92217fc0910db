"""The pages of `reports/`: complete, small, and still true where that is quickly checked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from decouple.command_line import cells, compose_checked
from decouple.config import config_folder, register

ROOT = Path(__file__).resolve().parent.parent
REPORTS, EXPERIMENTS = ROOT / "reports", ROOT / "experiments"
# Only a checkout has them.
pytestmark = pytest.mark.skipif(not REPORTS.is_dir(), reason="there are no reports beside it")

PAGES = sorted(path.name for path in REPORTS.glob("*.md"))
DOCS = sorted(f"../docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
MOST_BYTES = 15e6


def commands(page: Path) -> list[str]:
    """The command lines of a page, each as one line."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"python -m (?:decouple\.run|pip) [^\n`]*", text)


@pytest.mark.parametrize("page", ["../README.md", *DOCS, *PAGES])
def test_commands_mean_the_same_in_every_shell(page: str) -> None:
    """In zsh a bracket that is not quoted is an error, and so is a comment behind a command."""
    unquoted = [re.sub(r'"[^"$`\\!]*"', "", command) for command in commands(REPORTS / page)]
    assert [command for command in unquoted if set("[]{}()*?#~$!\"'") & set(command)] == []


def test_commands_of_readme_and_docs_compose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "photo.jpg").touch()
    composed = 0
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        for command in [c for page in ("../README.md", *DOCS) for c in commands(REPORTS / page)]:
            words = shlex.split(command.partition("decouple.run")[2])
            # Launchers come with an extra, and run folders with runs.
            words = [word for word in words if not word.startswith(("-", "hydra"))]
            others = ("index=", "+plugin=", "resume=", "verify=")
            if any(word.startswith(others) or "…" in word for word in words):
                continue
            if not words:
                continue
            for cell in cells(words):
                compose_checked(cell)
                composed += 1
    assert composed > 40


def test_the_index_names_every_page() -> None:
    index = (REPORTS / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if page != "README.md" and f"({page})" not in index] == []


@pytest.mark.parametrize("page", ["../README.md", *DOCS, *PAGES])
def test_what_a_page_shows_or_links_is_there(page: str) -> None:
    text = (REPORTS / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (REPORTS / page).parent.joinpath(link).exists()] == []


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

    monkeypatch.setattr(every, "SCRIPTS", ("imagenet",))
    monkeypatch.delenv("DECOUPLE_IMAGENET_VGG16", raising=False)
    assert every.main([]) == 0
    said = capsys.readouterr()
    assert "left out: DECOUPLE_IMAGENET_VGG16 is not set" in said.out
    assert every.main(["imagenet"]) == 1  # asked for by name
    assert "must name a file of VGG-16's ImageNet filters" in capsys.readouterr().err
