"""Another module of this package's name."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def namesake(places: Iterable[str] | None = None) -> str | None:
    """One line on another module `decouple` in the environment, such as python-decouple's.

    Parameters
    ----------
    places : where Python looks for modules; by default `sys.path`
    """
    for place in sys.path if places is None else places:
        path = Path(place).absolute() / "decouple.py"
        if path.is_file():
            return (
                f"'{path}', which python-decouple installs, and this package are both imported as "
                "`decouple`, and one hides the other: give each an environment of its own"
            )
    return None
