"""How the values of metrics.json read: units, digits, a dash for what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from decouple.experiments.registry import Fact
from decouple.flows.stop import StopReason
from decouple.record.closing import recovered
from decouple.record.progress import duration, scientific

NONE = "–"
_NAMES = {
    "psnr_db": "PSNR (dB)",
    "seconds": "seconds",
    "max_error_8bit": "largest error (8 bits)",
    "differing_pixels_8bit": "differing share",
    "mse": "MSE",
    "ssim": "SSIM",
}
_NAMES_BY_ENDING = {"_db": " (dB)", "_bytes": " (GiB)"}


def largest(by_layer: Mapping[str, float | None]) -> tuple[str | None, float | None]:
    """The layer with the largest value, and the value."""
    known = {layer: value for layer, value in by_layer.items() if value is not None}
    if not known:
        return None, None
    layer = max(known, key=lambda name: known[name])
    return layer, known[layer]


def group_of(metrics: Mapping[str, Any]) -> str:
    """What a group of features is: a `layer` of a network, or a `group` of no network's."""
    network = metrics.get("network") or {}
    return "group" if network and not network.get("weights") else "layer"


def psnr(own: Mapping[str, Any]) -> str:
    """PSNR in decibels; null in metrics.json stands for infinity where nothing differs."""
    value = own.get("psnr_db")
    if value is None:
        return "∞ dB" if own.get("max_error_8bit") == 0 else NONE
    return f"{value:.2f} dB"


def explanation(reason: str | None) -> str:
    """The sentence of a stop reason, by its name in metrics.json; empty for an unknown one."""
    return next((member.value for member in StopReason if member.label == reason), "")


def shown(key: str, value: Any) -> str:
    """A measured value, formatted by what its key says it is."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(shown(key, item) for item in value)
    if key.endswith("_bytes") and isinstance(value, int):
        return f"{value / 2**30:.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    if "mse" in key or "loss" in key:
        return scientific(value)
    if key.endswith("_db"):
        return f"{value:.2f}"
    if key.endswith("seconds"):
        return f"{value:.1f}"
    if key.endswith("excursion_recovered"):
        return recovered(value)
    return f"{value:.4g}"


def part(metrics: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what a key holds, if it holds more keys; else nothing."""
    value = metrics.get(key)
    return value if isinstance(value, Mapping) else {}


def named(key: str) -> str:
    """A key of metrics.json as words: `feature_mse.block1_conv1` is `feature MSE, block1_conv1`."""
    first, *rest = key.split(".")
    if first in _NAMES:
        words = _NAMES[first]
    else:
        unit = next((u for end, u in _NAMES_BY_ENDING.items() if first.endswith(end)), "")
        end = next((end for end in _NAMES_BY_ENDING if first.endswith(end)), "")
        words = " ".join(_NAMES.get(w, w) for w in first.removesuffix(end).split("_"))
        words = words.replace("psnr", "PSNR") + unit
    return ", ".join([words, *rest])


def words_of(reason: object) -> str:
    """Write a name such as a stop reason's in words."""
    return NONE if reason is None else str(reason).replace("_", " ")


def general(value: float | None, spec: str) -> str:
    """Format a number, which may be missing."""
    return NONE if value is None else format(value, spec)


def share_of(share: float | None, digits: int = 4) -> str:
    """Write a share as a percentage."""
    return NONE if share is None else f"{100 * share:.{digits}g} %"


def time_of(seconds: float) -> str:
    """Short times in seconds, long ones as hours, minutes and seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def others(own: Mapping[str, Any], known: Iterable[str] = ()) -> list[Fact]:
    """Whatever else was measured, so that a new number is seen at once."""
    return [
        Fact(named(key), shown(key, value))
        for key, value in own.items()
        if key not in tuple(known) and isinstance(value, int | float | str)
    ]
