"""The table that closes a run: how each stage went, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from decouple.legible import printable
from decouple.record.progress import scientific, stage_name


def closing_table(metrics: Mapping[str, Any], folder: str | Path | None = None) -> Table:
    """Metrics as a table that is legible from 80 columns on.

    Parameters
    ----------
    metrics : as in metrics.json
    folder : the run folder, to say where its result and its page lie, if they are there

    Returns
    -------
    A row for each stage and layer: why it ended, network passes, seconds, feature MSE of the
    active layer (or, of an objective, its loss) and the largest of the held ones, PSNR between the
    images before and after (`change`). The caption holds the self-transfer numbers.
    """
    table = Table(
        box=None,  # rules and edges would cost the columns that 80 characters need
        padding=(0, 1, 0, 0),
        caption="\n" + "\n".join(_caption(metrics, folder)),
        caption_justify="left",
        caption_style="",
    )
    table.add_column("stage", min_width=13)
    table.add_column("layer", no_wrap=True)
    table.add_column("ended", min_width=7)
    stages = metrics.get("stages", ())
    error = "loss" if any(row.get("losses") for row in stages) else "MSE"
    for title in ("passes", "seconds", error, "held", "change\n(dB)"):
        table.add_column(title, justify="right", no_wrap=True)
    former = None
    for row in stages:
        stage = row.get("stage")
        layer = row.get("layer")
        active, held = active_and_held(row)
        table.add_row(
            "" if stage == former else stage_name(str(stage)),
            str(layer or "–"),
            str(row.get("stop_reason") or "–").replace("_", " "),
            _number(row.get("passes"), "d"),
            _number(row.get("seconds"), ".1f"),
            scientific((row.get("losses") or {}).get("total", active)),
            scientific(held),
            _number(row.get("image_change_psnr_db"), ".1f"),
        )
        former = stage
    return table


def active_and_held(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Feature MSE of the active layer of an entry of `stages[]`, and the largest of the held."""
    mse = row.get("feature_mse") or {}
    # A layer that was not measured (null) says nothing about how well it was held.
    held = [
        value for layer, value in mse.items() if layer != row.get("layer") and value is not None
    ]
    return mse.get(row.get("layer")), max(held, default=None)


def _number(value: float | None, spec: str) -> str:
    return "–" if value is None else format(value, spec)


def _caption(metrics: Mapping[str, Any], folder: str | Path | None) -> list[str]:
    lines = []
    result = metrics.get("self_transfer")
    if result:
        differing = result.get("differing_pixels_8bit")
        share = "–" if differing is None else f"{100 * differing:.4g} %"
        psnr = _number(result.get("psnr_db"), ".2f")
        error = _number(result.get("max_error_8bit"), ".3g")
        lines = [
            f"self-transfer  {psnr} dB PSNR to the source, "
            f"excursion recovered {recovered(result.get('excursion_recovered'))}",
            f"in 8 bits      largest error {error} levels of 255, differing values {share}",
        ]
    found = likeness(metrics.get("network") or {})
    if found:
        lines.append(f"fidelity       {found}, against ReLU and max pooling")
    if folder is not None:
        # A run that fell short has no result; in a comparison each method has its own.
        for name, place in (("result", "images/result.png"), ("report", "report.html")):
            path = Path(folder) / place
            if path.exists():
                # Escaped: a bracket in a path is no markup.
                lines.append(f"{name:<15}" + printable(str(path)).replace("[", "\\["))
    return lines


def likeness(network: Mapping[str, Any]) -> str:
    """How near the features are to those of the network as it was trained; empty if unknown."""
    layers = (network.get("fidelity") or {}).values()
    if not layers:
        return ""
    correlation = min(layer["correlation"] for layer in layers)
    difference = max(layer["relative_difference"] for layer in layers)
    return f"correlation at least {correlation:.4f}, relative difference at most {difference:.3f}"


def recovered(share: float | None) -> str:
    """A share near 1 by what it lacks: `1 − 2.3e-08` tells more than 100 %."""
    if share is None:
        return "–"
    if 0 < 1 - share < 1e-3:
        return f"1 − {1 - share:.1e}"
    return f"{share:.4f}"
