"""Settings that are shared by all that puts what a source has on a target."""

from __future__ import annotations

from typing import Any

COLOURS = ("source", "target", "matched")
"""Whose colours a result has: the source's, as its features carry them; the target's, of which the
luminance alone is changed; or the source's, once their mean and covariance are the target's."""
SETTINGS: dict[str, Any] = {"colour": "source"}
CHOICES = {"colour": COLOURS}
