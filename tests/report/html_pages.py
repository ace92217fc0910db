"""What a browser would find in a page, without a browser."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """Elements and text of an HTML file.

    Attributes
    ----------
    elements : (tag, {attribute: value}) in document order
    texts : {tag: the text of each such element, inner elements included}
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, int]] = []
        self.feed(self.source)
        assert not self._open, "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.texts.setdefault(tag, []).append("")
            self._open.append((tag, len(self.texts[tag]) - 1))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag

    def handle_data(self, data):
        for tag, index in self._open:
            self.texts[tag][index] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        return [" ".join(text.split()) for text in self.texts.get(tag, [])]

    @property
    def embedded(self) -> list[bytes]:
        """The pictures' bytes; every picture must be inside the page."""
        start = "data:image/png;base64,"
        addresses = [image["src"] for image in self.all("img") if "src" in image]
        assert all(address.startswith(start) for address in addresses)
        return [base64.b64decode(a.removeprefix(start), validate=True) for a in addresses]

    def rows(self) -> list[list[str]]:
        """The cells of all tables' rows, heads included."""
        found: list[list[str]] = []
        cells = {tag: iter(self.text(tag)) for tag in ("th", "td")}
        for tag, _ in self.elements:
            if tag == "tr":
                found.append([])
            elif tag in cells:
                found[-1].append(next(cells[tag]))
        return found


def check_needs_nothing_else(page: Page) -> None:
    """No file and no address is fetched, and no script runs but the page's own."""
    (script,) = page.texts["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (m["content"] for m in page.all("meta") if "content" in m and "src" in m["content"])
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert policy.endswith(f"script-src 'sha256-{digest}'")
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "iframe", "object", "base"})
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        if tag != "a":
            assert attributes.keys().isdisjoint({"href", "srcset", "action", "background"})
            assert attributes.get("src", "data:").startswith("data:")
    (css,) = page.texts["style"]
    assert "url(" not in css
    assert "@import" not in css
