"""metrics.json: what a run measured, in one contract for every experiment."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decouple import __version__
from decouple.memory import peak_memory_bytes
from decouple.numerics import numerics
from decouple.record.folder import RunFolder
from decouple.versions import TENSORFLOW, version

if TYPE_CHECKING:
    from decouple.flows.trace import LayerTrace

SCHEMA = 1
CHANGED = "changed_on_the_way"
"""Key of what `changes` says of a run that was gone on with in another setting."""

_REQUIRED: dict[str, tuple[str, ...]] = {
    "experiment": (),
    "seed": (),
    "versions": ("decouple", "python", "tensorflow", "keras", "numpy"),
    "device": (),
    "seconds": (),
    "peak_memory_bytes": (),
    "network": ("name", "weights", "weights_digest", "activation", "pooling", "layers"),
    "image": ("height", "width"),
    "flow": ("name",),
    "stepper": ("name",),
    "stages": (),
}
_WHERE_IT_APPLIES: dict[str, tuple[str, ...]] = {
    "self_transfer": (
        "psnr_db",
        "max_error_8bit",
        "differing_pixels_8bit",
        "excursion_recovered",
    ),
    "transfer": ("feature_mse_to_source", "decoupled_feature_mse"),
    "compare": ("rows",),
}
STAGE_ROW = (
    "stage",
    "layer",
    "stop_reason",
    "evaluations",
    "seconds",
    "feature_mse",
    "image_change_psnr_db",
)
_COMPARE_ROW = ("method", "psnr_db", "evaluations", "seconds")


def check_metrics(metrics: Mapping[str, Any]) -> None:
    """Compare metrics with the contract.

    Raises
    ------
    ValueError
        listing every key that is missing, as `stages[2].layer`.
    """
    missing = [key for key in _REQUIRED if key not in metrics]
    for key, parts in {**_REQUIRED, **_WHERE_IT_APPLIES}.items():
        if parts and key in metrics:
            missing += _missing(metrics[key], parts, key)
    missing += _missing_in_rows(metrics.get("stages", ()), STAGE_ROW, "stages")
    compare = metrics.get("compare")
    rows = compare.get("rows", ()) if isinstance(compare, Mapping) else ()
    missing += _missing_in_rows(rows, _COMPARE_ROW, "compare.rows")
    if missing:
        raise ValueError(f"metrics lack {', '.join(missing)}")


def _missing(part: object, keys: Iterable[str], name: str) -> list[str]:
    held = part if isinstance(part, Mapping) else {}
    return [f"{name}.{key}" for key in keys if key not in held]


def _missing_in_rows(rows: object, keys: Iterable[str], name: str) -> list[str]:
    if not isinstance(rows, list | tuple):
        return [f"{name}[]"]
    return [
        lack for index, row in enumerate(rows) for lack in _missing(row, keys, f"{name}[{index}]")
    ]


def write_metrics(folder: RunFolder | str | Path, metrics: Mapping[str, Any]) -> None:
    """Write `metrics.json`: `schema` first, then the given keys in the given order.

    NaN and infinities become null.

    Raises
    ------
    ValueError
        when the contract's keys are not all there.
    RunFolderError
        when the file cannot be written.
    """
    check_metrics(metrics)
    folder = folder if isinstance(folder, RunFolder) else RunFolder(Path(folder))
    # A second `schema` among the given keys must not override this one.
    rest = {key: value for key, value in metrics.items() if key != "schema"}
    folder.write_json("metrics.json", {"schema": SCHEMA, **rest})


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """The metrics of a run folder; empty while the run has not written them."""
    path = Path(folder) / "metrics.json"
    if not path.exists():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8")))


def stage_row(trace: LayerTrace) -> dict[str, Any]:
    """One entry of `stages[]`."""
    change = trace.image_change_psnr_db
    return {
        "stage": trace.stage,
        "layer": trace.layer or None,
        "stepper": trace.stepper,
        "stop_reason": trace.stop_reason.label,
        "steps": trace.steps,
        "evaluations": trace.evaluations,
        "seconds": trace.seconds,
        "feature_mse": dict(trace.feature_mse),
        "image_change_psnr_db": change if math.isfinite(change) else None,
        **({"image_digest": trace.image_digest} if trace.image_digest else {}),
        **({"path": trace.path} if trace.path else {}),
        **({} if trace.growth is None else {"growth_db": 20 * math.log10(trace.growth)}),
        **({} if trace.threshold is None else {"threshold": trace.threshold}),
        **({"losses": dict(trace.losses)} if trace.losses else {}),
        **({"losses_before": dict(trace.losses_before)} if trace.losses_before else {}),
    }


def environment(device: str) -> dict[str, Any]:
    """What a run was computed with and on, as metrics.json has it.

    Parameters
    ----------
    device : name of what it was computed on
    """
    return {
        "versions": {
            "decouple": __version__,
            "python": platform.python_version(),
            "tensorflow": version(*TENSORFLOW),
            "keras": version("keras"),
            "numpy": version("numpy"),
        },
        "device": device,
        "numerics": numerics(),
        "peak_memory_bytes": peak_memory_bytes(),
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What last bits depend on that is not as it was, as far as the former record tells.

    Parameters
    ----------
    before, now : with parts of what `environment` gives

    >>> changes({"versions": {"numpy": "1.26.4"}, "numerics": {"threads": 2}},
    ...         {"versions": {"numpy": "1.26.4"}, "numerics": {"threads": 4, "XLA_FLAGS": "x"}})
    ['threads was 2, is 4', 'XLA_FLAGS was not set, is x']
    """
    found = []
    for part in ("versions", "device", "numerics"):
        if part not in before:
            continue
        was, now_is = (
            held if isinstance(held, Mapping) else {part: held}
            for held in (before[part], now.get(part, {}))
        )
        found += [
            f"{name} was {was.get(name, 'not set')}, is {now_is.get(name, 'not set')}"
            for name in dict.fromkeys([*was, *now_is])
            if was.get(name) != now_is.get(name)
        ]
    return found
