"""README, docs and the files beside them: what they show is run, and where they lead is there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from pages import (
    GUIDES,
    NOTEBOOKS,
    REPORTS,
    ROOT,
    Block,
    anchors,
    blocks,
    commands,
    links,
    of_a_checkout,
)

pytestmark = of_a_checkout

PAGES = [*GUIDES, *REPORTS, *NOTEBOOKS]
TESTS = {p.name: p.read_text(encoding="utf-8") for p in (ROOT / "tests").glob("test_*.py")}
BY_NAME = ("test_plugins.py", "test_extending.py")
ARXIV = r"\d\d(0[1-9]|1[0-2])\.\d{4,5}"
# No test visits them: CONTRIBUTING.md has the command that does, and a workflow that runs it.
OUTSIDE = sorted({link for page in PAGES for link in links(page) if "://" in link})


@pytest.mark.parametrize("block", blocks(*PAGES), ids=str)
def test_every_block_is_run(block: Block) -> None:
    """One that has a name by a test that asks for it; test_commands has all commands there are."""
    if block.name:
        assert any(f'"{block.name}"' in TESTS[name] for name in BY_NAME)
    elif block.language == "python":
        assert f'"{block.page}",' in TESTS["test_listings.py"]
    elif block.language == "{toctree}":
        named = re.findall(r"^[\w./]+$", block.text, re.M)
        folder = (ROOT / block.page).parent
        missing = [name for name in named if not list(folder.glob(f"{name}.*"))]
        assert [name for name in missing if not name.startswith("generated/")] == []
    else:
        assert block.language == "sh", f"no test runs a block of {block.language or 'no language'}"


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_or_links_is_there(page: str) -> None:
    folder = (ROOT / page).parent
    lost = []
    for link in links(page):
        place, _, anchor = link.partition("#")
        if "://" in link or (not place and not anchor):
            continue
        at = folder / place if place else ROOT / page
        if not at.exists() or (anchor and anchor not in anchors(at.resolve().relative_to(ROOT))):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("link", OUTSIDE)
def test_links_to_elsewhere_are_well_formed(link: str) -> None:
    parts = urlsplit(link)
    assert parts.scheme == "https"
    assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc)
    if parts.netloc == "doi.org":
        assert re.fullmatch(r"/10\.\d{4,9}/\S+", parts.path)
    if parts.netloc == "arxiv.org":
        assert re.fullmatch(rf"/abs/{ARXIV}", parts.path)


@pytest.mark.parametrize("folder", ["decouple", "docs", "reports", "."])
def test_identifiers_of_arxiv_are_well_formed(folder: str) -> None:
    for path in (ROOT / folder).glob("*.*" if folder == "." else "**/*.*"):
        if path.suffix in (".py", ".md", ".cff", ".ipynb"):
            named = re.findall(r"arXiv[\s:]+(\d\S*\d)", path.read_text(encoding="utf-8"))
            assert [name for name in named if not re.match(rf"{ARXIV}\b", name)] == [], path


def test_links_to_elsewhere_are_visited_every_week_by_the_command_that_is_shown() -> None:
    workflow = (ROOT / ".github" / "workflows" / "links.yml").read_text(encoding="utf-8")
    (visit,) = [c for c in commands("CONTRIBUTING.md") if " linkcheck " in c]
    assert f"- run: {visit}\n" in workflow
    assert "schedule:" in workflow
