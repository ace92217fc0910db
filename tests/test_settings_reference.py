"""The settings' reference of the site, which is made of the schema and its docstrings."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_setting_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    import reference

    kinds = reference._kinds()
    page = reference._settings()
    unexplained = []
    for group in re.split(r"^## ", page, flags=re.M)[1:]:
        title = group.partition("\n")[0]
        of = kinds["" if title == "Of every run" else title]
        words = "\n".join(inspect.getdoc(kind) or "" for kind in reference.explaining(of))
        for name in re.findall(r"^\| `([\w.]+)` \|", group, re.M):
            if not re.search(rf"\b{name.rpartition('.')[2]}\b", words):
                unexplained.append(name)
    assert unexplained == []
    assert page.count("\n| `") > 80
