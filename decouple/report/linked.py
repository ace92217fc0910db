"""What a page of many runs says of one: its numbers, and where its own page is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from decouple.record.progress import scientific
from decouple.report import facts, wording
from decouple.report.page import PAGE


def measures(metrics: Mapping[str, Any]) -> dict[str, str]:
    """The numbers that runs are compared by."""
    found = {}
    if metrics.get("self_transfer"):
        found["PSNR"] = wording.psnr(metrics["self_transfer"])
        share = metrics["self_transfer"].get("differing_pixels_8bit")
        found["differing"] = "–" if share is None else f"{100 * share:.4g} %"
    transfer = metrics.get("transfer") or {}
    for key, title in (
        ("decoupled_feature_mse", "decoupled feature MSE"),
        ("feature_mse_to_source", "feature MSE to source"),
    ):
        if transfer.get(key):
            found[title] = scientific(wording.largest(transfer[key])[1])
    for kind, title in (("gram", "Gram distance"), ("means", "means distance")):
        distances = (metrics.get("gatys") or {}).get(f"{kind}_distance_to_source")
        if distances:
            found[f"{title} to source"] = f"{wording.largest(distances)[1]:.3g}"
    # Of an experiment of the user's: what stands at the head of its page.
    return found or {fact.label: fact.value for fact in facts.headline(metrics)}


def address_of(folder: Path | None, page: Path, finished: bool = True) -> str:
    """Of a run's own page, from another one; of its folder where an unfinished run has no page.

    Parameters
    ----------
    folder : the run folder; None where there is none, and no address
    page : that is to link to it
    finished : whether the run has ended
    """
    if folder is None:
        return ""
    own = folder / PAGE
    if not finished and not own.exists():
        own = folder
    if not own.exists():
        return ""
    own = own.resolve()
    try:
        return quote(os.fsencode(Path(os.path.relpath(own, page.resolve().parent)).as_posix()))
    except ValueError:  # another drive
        return own.as_uri()
