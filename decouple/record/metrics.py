"""metrics.json: what a run measured, in one contract for every experiment."""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decouple import __version__, files
from decouple.documents import read_json
from decouple.errors import DamagedFile, RunFolderError
from decouple.memory import peak_memory_bytes
from decouple.numerics import numerics
from decouple.record.compounds import Maybe, Several, Table
from decouple.record.folder import RunFolder
from decouple.record.forms import Count, Held, Misfit, Number, Plain, Text
from decouple.record.seal import DIGESTS, sealed
from decouple.versions import TENSORFLOW, version

if TYPE_CHECKING:
    from decouple.flows.trace import LayerTrace

NAME = "metrics.json"
SCHEMA = 1
CHANGED = "changed_on_the_way"
"""Key of what `changes` says of a run that was gone on with in another setting."""

# Experiments whose part, of this name, has a row for each method.
_COMPARISONS = ("compare", "compare_flows")
_TEXT, _MAYBE_TEXT, _COUNT = Text(), Maybe(Text()), Count()
_NUMBER, _MAYBE_NUMBER = Number(finite=True), Maybe(Number(finite=True))
_NUMBERS = Table(_MAYBE_NUMBER)
_PICTURE = {"digest": _TEXT}
STAGE_ROW = {
    "stage": _TEXT,
    "layer": _MAYBE_TEXT,
    "stop_reason": _TEXT,
    "passes": _COUNT,
    "seconds": _NUMBER,
    "feature_mse": _NUMBERS,
    "image_change_psnr_db": _MAYBE_NUMBER,
}
_COMPARE_ROW = {
    "method": _TEXT,
    **dict.fromkeys(("psnr_db", "passes", "seconds"), _MAYBE_NUMBER),
}
# {key: form of its value, or what a mapping has at least, or each row of a list}
_REQUIRED: dict[str, Any] = {
    "experiment": _TEXT,
    "seed": _COUNT,
    "versions": dict.fromkeys(("decouple", "python", "tensorflow", "keras", "numpy"), _MAYBE_TEXT),
    "device": _TEXT,
    "seconds": _NUMBER,
    "peak_memory_bytes": _MAYBE_NUMBER,
    "network": {
        "name": _TEXT,
        **dict.fromkeys(("weights", "weights_digest", "activation", "pooling"), _MAYBE_TEXT),
        "layers": Several(_TEXT),
    },
    "image": {"height": _COUNT, "width": _COUNT},
    "flow": {"name": _MAYBE_TEXT},
    "stepper": {"name": _MAYBE_TEXT},
    "stages": [STAGE_ROW],
}
_WHERE_IT_APPLIES: dict[str, Any] = {
    **dict.fromkeys(("source", "target", "start"), _PICTURE),
    "features": {"name": _TEXT},
    "numerics": Table(Plain()),
    DIGESTS: Table(_TEXT),
    "self_transfer": dict.fromkeys(
        ("psnr_db", "max_error_8bit", "differing_pixels_8bit", "excursion_recovered"),
        _MAYBE_NUMBER,
    ),
    "transfer": {"feature_mse_to_source": _NUMBERS, "decoupled_feature_mse": Maybe(_NUMBERS)},
    **{key: {"rows": [_COMPARE_ROW]} for key in _COMPARISONS},
}
_MISSING = object()


def sources_of(metrics: Mapping[str, Any]) -> list[str]:
    """Roles of the pictures whose features were taken: source, source_2, and so on."""
    return [key for key in metrics if re.fullmatch(r"source(_\d+)?", key)]


def roles_of(metrics: Mapping[str, Any]) -> list[str]:
    """Roles of all pictures that went into a run."""
    return [*sources_of(metrics), *(role for role in ("target", "start") if role in metrics)]


def check_metrics(metrics: Mapping[str, Any]) -> None:
    """Compare metrics with the contract.

    Raises
    ------
    ValueError
        listing every key that is missing, as `stages[2].layer`.
    """
    missing = [name for name, held, _ in _contract(metrics) if held is _MISSING]
    if missing:
        raise ValueError(f"metrics lack {', '.join(missing)}")


def _contract(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each name of the contract, its value or `_MISSING`, and the form of its value."""
    applying = {key: parts for key, parts in _WHERE_IT_APPLIES.items() if key in metrics}
    for key, parts in {**_REQUIRED, **applying}.items():
        yield from _walked(metrics.get(key, _MISSING), parts, key)


def _walked(held: Any, parts: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    if held is _MISSING:
        yield name, held, parts
    elif isinstance(parts, Mapping):
        held = held if isinstance(held, Mapping) else {}
        for key, part in parts.items():
            yield from _walked(held.get(key, _MISSING), part, f"{name}.{key}")
    elif isinstance(parts, list):
        if not isinstance(held, list | tuple):
            yield f"{name}[]", _MISSING, parts
            return
        for index, row in enumerate(held):
            yield from _walked(row, parts[0], f"{name}[{index}]")
    else:
        yield name, held, parts


def write_metrics(folder: RunFolder | str | Path, metrics: Mapping[str, Any]) -> None:
    """Write `metrics.json`: `schema` first, then the given keys in the given order, then digests.

    The digests are of the run's files, which must be there before; see `record.seal`. NaN and
    infinities become null.

    Raises
    ------
    ValueError
        when the contract's keys are not all there.
    RunFolderError
        when the file cannot be written, or one of the others cannot be read.
    """
    check_metrics(metrics)
    folder = folder if isinstance(folder, RunFolder) else RunFolder(Path(folder))
    # A second `schema` among the given keys must not override this one.
    rest = {key: value for key, value in metrics.items() if key != "schema"}
    folder.write_json(NAME, sealed(folder.path, {"schema": SCHEMA, **rest}))


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """The metrics of a run folder, in today's words; empty while the run has not written them.

    Raises
    ------
    DamagedFile : they are no strict JSON, or no mapping.
    RunFolderError : they cannot be read.
    """
    path = Path(folder) / NAME
    if not files.there(path):
        return {}
    metrics = read_json(path)
    if not isinstance(metrics, dict):
        raise DamagedFile(f"'{path}' is damaged: it holds no metrics")
    return _in_todays_words(metrics)


def _in_todays_words(metrics: dict[str, Any]) -> dict[str, Any]:
    # Once both comparisons had a part of the same name.
    former = metrics.get("experiment") == "compare_flows" and "compare_flows" not in metrics
    told = {"compare_flows" if former and k == "compare" else k: v for k, v in metrics.items()}
    # And passes were called evaluations, in stages and in rows of comparisons.
    if "stages" in told:
        told["stages"] = _with_passes(told["stages"])
    for name in _COMPARISONS:
        if isinstance(told.get(name), Mapping) and "rows" in told[name]:
            told[name] = {**told[name], "rows": _with_passes(told[name]["rows"])}
    # Before preprocessing was said, VGG's trained filters were taken for Caffe's.
    network = told.get("network")
    if isinstance(network, dict) and network.get("name") in ("vgg16", "vgg19"):
        calibrated = network.get("weights") == "calibrated"
        told["network"] = {"preprocessing": None if calibrated else "caffe", **network}
    return told


def _with_passes(rows: Any) -> Any:
    if not isinstance(rows, list):
        return rows
    return [
        {"passes" if k == "evaluations" else k: v for k, v in row.items()}
        if isinstance(row, dict)
        else row
        for row in rows
    ]


def comparison(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a run says of the methods that it compared, `rows` above all; empty if it did not."""
    told = (metrics.get(name) for name in _COMPARISONS)
    return next((part for part in told if isinstance(part, Mapping)), {})


def finished_metrics(folder: str | Path) -> dict[str, Any]:
    """The metrics of a run that has ended, of which each value is what the contract says.

    Raises
    ------
    RunFolderError : it has not ended; or they are damaged, or of another version.
    """
    metrics, path = read_metrics(folder), Path(folder) / NAME
    if not metrics:
        raise RunFolderError(f"'{folder}' has no {NAME}: it is no finished run")
    if metrics.get("schema") != SCHEMA:
        raise RunFolderError(f"'{path}' was written by another version of decouple")
    for name, held, form in _contract(metrics):
        if held is _MISSING:
            raise DamagedFile(f"'{path}' is damaged: it has no {name}")
        try:
            form.read(held, name, Held({}))
        except Misfit as error:
            raise DamagedFile(f"'{path}' is damaged: {error}") from error
    return metrics


def stage_row(trace: LayerTrace) -> dict[str, Any]:
    """One entry of `stages[]`."""
    change = trace.image_change_psnr_db
    return {
        "stage": trace.stage,
        "layer": trace.layer or None,
        "stepper": trace.stepper,
        "stop_reason": trace.stop_reason.label,
        "steps": trace.steps,
        "passes": trace.passes,
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
            "scipy": version("scipy"),
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
            for name in dict.fromkeys([*was, *(now_is if part == "numerics" else ())])
            if was.get(name) != now_is.get(name)
        ]
    return found
