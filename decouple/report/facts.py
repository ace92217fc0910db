"""What metrics.json and config.yaml say, in words; what they do not say is left out.

Every function takes metrics as in metrics.json (decouple.record.metrics), any part of which may
be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from decouple.experiments import KINDS, Experiment, Fact, experiment_named, experiment_names
from decouple.flows.stop import StopReason
from decouple.overrides import settings
from decouple.record.closing import likeness
from decouple.record.metrics import comparison, roles_of, sources_of
from decouple.record.progress import stage_name
from decouple.record.seal import DIGESTS
from decouple.report.wording import (
    explanation,
    group_of,
    named,
    part,
    share_of,
    shown,
    time_of,
    words_of,
)

_SUCCEEDED = tuple(reason.label for reason in StopReason if reason.succeeded)
# Parts of metrics.json that have a place of their own on the page, beside those that an
# experiment's headline is made of.
_PLACED = {
    *("schema", "experiment", "seed", "versions", "device", "numerics", "seconds"),
    *("peak_memory_bytes", "tolerance", "tolerance_met", "network", "image"),
    *("features", "noise", "flow", "stepper", "stop", "stages", "clipped_share", "difference_gain"),
    *("noisified_range", "compare", "compare_flows", "judges", "classify", DIGESTS),
}


def title(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The experiment in words."""
    name = str(metrics.get("experiment") or config.get("experiment") or "run")
    known = _experiment(name)
    return name.replace("_", " ").capitalize() if known is None else known.titles[name]


def _experiment(name: str) -> Experiment | None:
    """None where nobody knows it: it is a module's of the user's, or another version's."""
    return experiment_named(name) if name in experiment_names() else None


def sentence(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """What was run; empty where nothing is known."""
    experiment = metrics.get("experiment") or config.get("experiment")
    if not experiment:
        return ""
    network = part(metrics, "network") or part(config, "network")
    known = _experiment(str(experiment))
    of, to = ("of", "to") if known is None else known.prepositions
    target = part(metrics, "target").get("origin") or config.get("target")
    sources = [part(metrics, role).get("origin") for role in sources_of(metrics)]
    source = ", ".join(filter(None, sources)) or config.get("source")
    words = title(metrics, config)
    if source:
        words += f" {of} {source}"
    if target:
        words += f" {to} {target}"
    image = part(metrics, "image")
    if image.get("height") and image.get("width"):
        words += f", {image['width']}\u00a0×\u00a0{image['height']}\u00a0px"
    layers = [] if part(metrics, "classify") else network.get("layers")  # there it is all of it
    if layers:
        words += f", through {len(layers)} {group_of(metrics)}{'s' if len(layers) > 1 else ''}"
        words += f" of {network.get('name', 'the network')}"
    elif network.get("name"):
        words += f", with {network['name']}"
    if network.get("weights"):
        words += f" ({network['weights']} weights)"
    flow = part(metrics, "flow").get("name")
    stepper = part(metrics, "stepper").get("name")
    if not comparison(metrics):  # there each row has its own
        words += f", flow {flow}" if flow else ""
        words += f", stepper {stepper}" if stepper else ""
    if metrics.get("seconds") is not None:
        words += f", in {time_of(metrics['seconds'])}"
    return words + "."


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """The numbers that tell how well it went, from each experiment that finds some of its own."""
    return [fact for experiment in KINDS for fact in experiment.headline(metrics)]


def objective(metrics: Mapping[str, Any]) -> str:
    """The tree of an objective and how its weights were found; empty where there is none."""
    own = part(metrics, "gatys")
    weighting = f"\nweights: {own['weighting']}" if own.get("weighting") else ""
    return f"{own['objective']}{weighting}" if own.get("objective") else ""


def notices(metrics: Mapping[str, Any], has_result: bool) -> list[str]:
    """What a reader must know before all else: a run without an end, a stage that fell short."""
    if not metrics:
        return ["This run has not ended: there is no metrics.json."]
    found = []
    for row in metrics.get("stages") or ():
        reason = row.get("stop_reason")
        if reason not in (None, *_SUCCEEDED):
            where = ", ".join(filter(None, (stage_name(str(row.get("stage"))), row.get("layer"))))
            where = where[:1].upper() + where[1:]
            found.append(f"{where}: {explanation(reason) or f'{words_of(reason)}.'}")
    if metrics.get("tolerance_met") is False:
        found.append("The round trip's error exceeds the tolerance.")
    if not has_result:
        found.append("There is no result: the run ended before it.")
    return found


def stop_reasons(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The stop reasons that occur, with their sentences."""
    reasons = dict.fromkeys(row.get("stop_reason") for row in metrics.get("stages") or ())
    return [(words_of(reason), explanation(reason)) for reason in reasons if explanation(reason)]


def worst_reason(metrics: Mapping[str, Any]) -> str | None:
    """The first stop reason that is no success, else the first; None where there are none."""
    reasons = [row["stop_reason"] for row in metrics.get("stages") or () if row.get("stop_reason")]
    short = [reason for reason in reasons if reason not in _SUCCEEDED]
    return next(iter(short or reasons), None)


def network_pairs(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was looked through, and how the picture moved."""
    network = part(metrics, "network")
    pairs = [
        ("network", network.get("name")),
        ("weights", network.get("weights")),
        ("digest of weights", network.get("weights_digest")),
        ("preprocessing", network.get("preprocessing")),
        ("activation", _activation(network)),
        ("pooling", network.get("pooling")),
        ("against ReLU and max pooling", likeness(network)),
        ("precision", network.get("dtype")),
        (f"{group_of(metrics)}s", _layers(metrics)),
        ("features", _with_options(part(metrics, "features"))),
        ("noise", _noise(part(metrics, "noise"))),
        ("flow", _with_options(part(metrics, "flow"))),
        ("stepper", _with_options(part(metrics, "stepper"))),
        ("stops at", _stop_rules(part(metrics, "stop"))),
    ]
    return [(label, str(value)) for label, value in pairs if value]


def environment_pairs(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Versions, device and what else the last bits depend on, memory and time."""
    versions = ", ".join(f"{k} {v}" for k, v in part(metrics, "versions").items() if v)
    memory, seconds = metrics.get("peak_memory_bytes"), metrics.get("seconds")
    passes = [row.get("passes") for row in metrics.get("stages") or ()]
    pairs = [
        ("versions", versions),
        ("device", metrics.get("device")),
        *part(metrics, "numerics").items(),
        ("peak memory", None if memory is None else f"{memory / 2**20:,.0f} MiB"),
        ("time", None if seconds is None else time_of(seconds)),
        ("network passes", f"{sum(p for p in passes if p is not None):,}" if any(passes) else None),
        ("seed", metrics.get("seed")),
        *(
            (f"digest of the {role.replace('_', ' ')}", part(metrics, role).get("digest"))
            for role in roles_of(metrics)
        ),
    ]
    return [(label, str(value)) for label, value in pairs if value not in (None, "")]


def other_pairs(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Whatever else was measured, so that a new experiment's numbers are seen at once."""
    placed = _PLACED | {*roles_of(metrics)}
    placed |= {experiment.name for experiment in KINDS if experiment.has_headline}
    rest = {key: value for key, value in metrics.items() if key not in placed}
    return [
        (named(key), shown(key, value))
        for key, value in settings(rest).items()
        if isinstance(value, int | float | str)
    ]


def clipped_note(metrics: Mapping[str, Any], stem: str) -> str:
    """How much of a picture's values its file cannot show; empty for none."""
    share = part(metrics, "clipped_share").get(stem)
    return f"{share_of(share, 2)} of values clipped" if share else ""


def _activation(network: Mapping[str, Any]) -> str | None:
    name, width = network.get("activation"), network.get("width")
    if name in ("softplus", "unbiased_softplus") and width is not None:
        return f"{words_of(name)} of width {width:g}"
    return None if name is None else str(name)


def _layers(metrics: Mapping[str, Any]) -> str:
    network = part(metrics, "network")
    channels, each = part(network, "channels"), "channels"
    if part(metrics, "features").get("name", "means") != "means":
        each = "features"  # of which a channel has several, or none
    directions, words = part(network, "directions"), []
    for layer in network.get("layers") or ():
        used = part(channels, str(layer))
        both = used.get("used") is not None and used.get("of") is not None
        few = directions.get(str(layer))
        of = "" if few is None else f"{few} directions of "
        words.append(f"{layer} ({of}{used['used']} of {used['of']} {each})" if both else str(layer))
    return ", ".join(words)


def _noise(noise: Mapping[str, Any]) -> str:
    if not noise.get("height") or not noise.get("width"):
        return ""
    draws = noise.get("draws")
    words = f"{noise.get('kind', '')} {noise['width']} × {noise['height']} px".lstrip()
    pictures = part(noise, "reference").get("origin")
    if pictures:
        return f"{pictures}, in place of noise"
    return f"{words}, {draws} draw{'s' if draws > 1 else ''}" if draws else words


def _stop_rules(stop: Mapping[str, Any]) -> str:
    """Of a descent: one rule, or those of its stages."""
    of_stages = {stage_name(stage): rule for stage, rule in part(stop, "stages").items()}
    rules = {"": stop.get("common", {key: stop[key] for key in stop if key != "stages"})}
    return "; ".join(
        f"{stage}: {words}" if stage else words
        for stage, rule in (rules | of_stages).items()
        if (words := _with_options(rule))
    )


def _with_options(part: Mapping[str, Any]) -> str:
    options: Iterable[str] = (
        f"{key.replace('_', ' ')} {value:g}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}"
        for key, value in part.items()
        if key != "name" and value is not None
    )
    return ", ".join([*([str(part["name"])] if part.get("name") else []), *options])
