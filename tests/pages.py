"""The pages that people read, README, docs and reports, as Markdown reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
# Those for users and contributors; reports are written by scripts.
GUIDES = sorted(
    p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
)
REPORTS = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("reports/*.md"))
NOTEBOOKS = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/notebooks/*.ipynb"))
# Reports, and what is for contributors, are not in a distribution.
of_a_checkout = pytest.mark.skipif(not REPORTS, reason="only a checkout has all pages")
# {how a command begins: why no test runs it}; all others of GUIDES and NOTEBOOKS are run, or are
# read by the command line up to where a run would begin. Listings are run without exception.
NOT_RUN = {
    "python -m venv ": ".ci/run makes an environment of its own",
    ". .venv/bin/activate": ".ci/run makes an environment of its own",
    "python -m pip install ": "fetches packages; .ci/run installs this one with its extras",
    "pip install ": "fetches packages; .ci/run installs this one with its extras",
    "python -m pytest ": "runs these tests",
    "python -m sphinx -W ": "runs the notebooks; .ci/run makes the site",
    "python -m sphinx -b linkcheck ": "visits other places; a workflow does every week",
    "jupyter execute ": "runs a notebook; .ci/run runs all as it makes the site",
    "python experiments/all.py": "takes hours; test_reports holds scripts and pages together",
    "tensorboard --logdir ": "another program, which comes with no extra",
}
# How a command begins that is quoted within a sentence.
_PROGRAMS = r"(?:\w+=\S+ )?(?:python |pip |sphinx-build |tensorboard |decouple \S*=)"


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, and the name in the comment before it."""

    page: str
    line: int
    language: str
    text: str
    name: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@lru_cache
def tokens(page: str | Path) -> list[Token]:
    """What a page consists of; of a notebook its cells of text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if Path(page).suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return MarkdownIt("commonmark").enable("table").parse(text)


def _inline(page: str) -> Iterator[Token]:
    for token in tokens(page):
        yield from token.children or ()


def blocks(*pages: str) -> list[Block]:
    """The fenced blocks of pages."""
    found = []
    for page in pages:
        before = ""
        for token in tokens(page):
            if token.type == "fence":
                named = re.fullmatch(r"<!-- (?!end of )(.+) -->\s*", before)
                line = (token.map or [0])[0] + 1
                name = named[1] if named else ""
                found.append(Block(page, line, token.info.strip(), token.content, name))
            before = token.content if token.type == "html_block" else ""
    return found


def listing(name: str) -> str:
    """The block that is called so in the comment before it."""
    (found,) = [block.text for block in blocks(*GUIDES) if block.name == name]
    return found


def commands(page: str) -> list[str]:
    """The command lines of a page, in its blocks and in its sentences, each as one line."""
    shell = [block.text for block in blocks(page) if block.language == "sh"]
    lines = "\n".join(shell).replace("\\\n", " ").splitlines()
    found = [part.strip() for line in lines for part in line.split(" && ") if part.strip()]
    quoted = [token.content for token in _inline(page) if token.type == "code_inline"]
    return [*found, *(text for text in quoted if re.match(_PROGRAMS, text))]


def links(page: str) -> list[str]:
    """Where a page's links and pictures lead."""
    found = [token.attrGet("href") or token.attrGet("src") for token in _inline(page)]
    return [str(link) for link in found if link]


def anchors(page: str | Path) -> set[str]:
    """The names of a page's headings, as GitHub and MyST make them."""
    found = set()
    parts = tokens(page)
    for opened, title in pairwise(parts):
        if opened.type == "heading_open":
            words = "".join(child.content for child in title.children or ())
            found.add(re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-"))
    return found
