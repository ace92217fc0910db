"""Templates to pages: one file that needs no other, from the network or from the disk."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

_FOLDER = Path(__file__).resolve().parent / "templates"
_CSS_PIXELS_PER_INCH = 96
# Media types of pictures that are embedded as they are, by Pillow's names of their formats.
_MEDIA = {"PNG": "image/png", "WEBP": "image/webp"}

# One for all pages: it keeps what it has compiled of each template.
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """Fill in `templates/<template>`; every value is escaped, wherever it stands.

    The page's own policy lets no file be fetched and no script run but the page's own, so that
    a name which holds HTML would do no harm even if it were not escaped.
    """
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; script-src 'sha256-{digest}'"
    )
    # These two files are the package's own.
    css = Markup((_FOLDER / "page.css").read_text(encoding="utf-8"))
    page = _ENVIRONMENT.get_template(template)
    return page.render(css=css, script=Markup(script), policy=policy, **values)


@dataclass(frozen=True)
class Embedded:
    """A picture, or an animated WebP, inside the page.

    Attributes
    ----------
    data : a file's bytes, as a `data:` address
    width, height : in pixels
    dots_per_inch : what the file says of itself; 96, a browser's own, where it says nothing
    """

    data: str
    width: int
    height: int
    dots_per_inch: float = _CSS_PIXELS_PER_INCH

    @classmethod
    def of(cls, path: Path, largest: int | None = None) -> Embedded | None:
        """Read a picture; None if it is not there, or is none.

        Parameters
        ----------
        path : a PNG file, or a WebP
        largest : pixels of the longer side; a larger PNG is scaled down to it
        """
        try:
            return cls.of_content(path.read_bytes(), largest)
        except OSError:
            return None

    @classmethod
    def of_content(cls, content: bytes, largest: int | None = None) -> Embedded | None:
        """As `of`, from a file's bytes; OSError if they are no picture."""
        with Image.open(io.BytesIO(content)) as picture:
            if picture.format not in _MEDIA:
                return None
            media = _MEDIA[picture.format]
            if largest is not None and max(picture.size) > largest:
                picture.thumbnail((largest, largest), Image.Resampling.LANCZOS)
                smaller = io.BytesIO()
                picture.save(smaller, format="PNG")
                content = smaller.getvalue()
            width, height = picture.size
            dots = picture.info.get("dpi", (_CSS_PIXELS_PER_INCH,))[0]
        return cls.of_bytes(content, width, height, float(dots), media)

    @classmethod
    def thumbnail(cls, path: Path, largest: int) -> Embedded | None:
        """A small JPEG of a PNG file, of which a page may hold many; None as with `of`.

        Parameters
        ----------
        path : a PNG file
        largest : pixels of the longer side, at most
        """
        try:
            with Image.open(path, formats=["PNG"]) as picture:
                small = picture.convert("RGB")
                small.thumbnail((largest, largest), Image.Resampling.LANCZOS)
        except (OSError, Image.DecompressionBombError):
            return None
        content = io.BytesIO()
        small.save(content, format="JPEG", quality=85)
        width, height = small.size
        return cls.of_bytes(content.getvalue(), width, height, _CSS_PIXELS_PER_INCH, "image/jpeg")

    @classmethod
    def of_bytes(
        cls,
        content: bytes,
        width: int,
        height: int,
        dots_per_inch: float,
        media: str = "image/png",
    ) -> Embedded:
        """A picture's bytes with what is known of them."""
        data = f"data:{media};base64,{base64.b64encode(content).decode()}"
        return cls(data, width, height, dots_per_inch)

    @property
    def inches_wide(self) -> int:
        """Width in CSS pixels, of which an inch has 96, that gives the size it was drawn for."""
        return round(self.width * _CSS_PIXELS_PER_INCH / self.dots_per_inch)

    @property
    def inches_high(self) -> int:
        """Height, likewise."""
        return round(self.height * _CSS_PIXELS_PER_INCH / self.dots_per_inch)


@dataclass(frozen=True)
class Column:
    """Of a table: its title, and whether it holds numbers, which stand on the right."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Cell:
    """Of a table: its text, a longer explanation, an address."""

    text: str
    title: str = ""
    link: str = ""


def texts(row: Sequence[str]) -> list[Cell]:
    """A row of cells that are text alone."""
    return [Cell(text) for text in row]
