"""The notebooks of docs/notebooks; `.ci/run` runs them as it makes the site."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request: pytest.FixtureRequest) -> list[dict]:
    return json.loads(request.param.read_text(encoding="utf-8"))["cells"]


def test_what_they_gave_is_not_kept(cells: list[dict]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []


def test_something_in_them_can_fail(cells: list[dict]) -> None:
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert re.search(r"^\s*assert ", "\n".join(code), re.M)


def test_what_they_link_is_there(cells: list[dict]) -> None:
    words = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", "\n".join(words))
    assert links
    assert [link for link in links if not (DOCS / "notebooks" / link).exists()] == []


def test_the_site_has_each_of_them() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) >= 3
    assert [path.stem for path in NOTEBOOKS if f"\nnotebooks/{path.stem}\n" not in index] == []
