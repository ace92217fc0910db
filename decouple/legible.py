r"""Names of files as text that every file and terminal takes.

A name is bytes. Where they are no UTF-8, Python keeps them in half characters (PEP 383), with
which a file is found again, but which no encoding can write. They are shown as a shell shows them,
`\xe9`. So are, to people, characters that a terminal obeys instead of showing them.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable

ERRORS = "decouple.legible"
"""How `encode`, `open` and `write_text` are to treat what they cannot write."""

# Of ASCII and Latin-1, the ends of lines and paragraphs, and what turns the direction of text.
CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Characters that a terminal obeys, as a range of a regular expression."""

_KEPT_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")
_CONTROL = re.compile(f"[{CONTROLS}]")


def legible(text: str) -> str:
    r"""Text without half characters.

    >>> print(legible("caf\udce9.png"), legible("café 絵.png"))
    caf\xe9.png café 絵.png
    """
    return text.encode("utf-8", ERRORS).decode("utf-8")


def printable(line: str) -> str:
    r"""A line without half characters, and without what a terminal would obey: colours, line ends.

    >>> print(printable("a\x1b[31m.png\n"), printable("\u202egnp.a"))
    a\x1b[31m.png\n \u202egnp.a
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), legible(line))


def make_legible(streams: Iterable[object]) -> None:
    """Let streams print every text, whatever their encoding; what is no text stream is left."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    escapes, end = codecs.backslashreplace_errors(error)
    return _KEPT_BYTE.sub(r"\\x\1", str(escapes)), end


codecs.register_error(ERRORS, _escaped)
