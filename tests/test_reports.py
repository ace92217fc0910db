"""The pages of `reports/`: complete, small, and still true where that is quickly checked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from decouple.run import main

ROOT = Path(__file__).resolve().parent.parent
REPORTS, EXPERIMENTS = ROOT / "reports", ROOT / "experiments"
# Only a checkout has them.
pytestmark = pytest.mark.skipif(not REPORTS.is_dir(), reason="there are no reports beside it")

PAGES = sorted(path.name for path in REPORTS.glob("*.md"))
MOST_BYTES = 15e6


def test_the_index_names_every_page() -> None:
    index = (REPORTS / "README.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if page != "README.md" and f"({page})" not in index] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_or_links_is_there(page: str) -> None:
    text = (REPORTS / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (REPORTS / link).exists()] == []


def test_every_picture_is_shown_and_they_are_small() -> None:
    pages = [*REPORTS.glob("*.md"), ROOT / "README.md"]
    shown = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    pictures = list(REPORTS.glob("*.png"))
    assert [path.name for path in pictures if f"{path.name})" not in shown] == []
    assert sum(path.stat().st_size for path in REPORTS.iterdir()) < MOST_BYTES


def test_all_runs_every_script_that_writes_a_page() -> None:
    from experiments.all import SCRIPTS

    text = {page: (REPORTS / page).read_text(encoding="utf-8") for page in PAGES}
    named = {
        name
        for words in text.values()
        for name in re.findall(r"Made by `python experiments/(\w+)\.py", words)
    }
    assert named == set(SCRIPTS)
    assert all((EXPERIMENTS / f"{name}.py").is_file() for name in SCRIPTS)


def test_the_first_picture_of_the_front_page_still_comes_back(tmp_path: Path) -> None:
    """Its run, at a small size: within the tolerance, and the same picture in 8 bits."""
    from experiments.self_transfer import COMMON, HEADER, NAME, TWO_LAYERS, row

    assert f"reports/{NAME}.png" in (ROOT / "README.md").read_text(encoding="utf-8")
    page = (REPORTS / f"{NAME}.md").read_text(encoding="utf-8")
    first = next(line for line in page.splitlines() if line.startswith(f"| {TWO_LAYERS[0]} "))
    words = [*COMMON, f"source=sample:{TWO_LAYERS[0]}", "image.size=24"]
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    reported = [cell.strip() for cell in first.strip("|").split("|")]
    psnr, differing = (HEADER.index(name) for name in ("PSNR (dB)", "values that differ in 8 bits"))
    for cells in (reported, row(TWO_LAYERS[0], metrics)):
        assert float(cells[psnr]) >= 80  # the default tolerance
        assert cells[differing] == "0 %"
