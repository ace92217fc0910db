"""Which versions of other packages are installed, told without importing them."""

from __future__ import annotations

from importlib import metadata

# It comes under several names.
TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-intel")


def version(*names: str) -> str | None:
    """That of whichever of these distributions is installed; None where none is."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
