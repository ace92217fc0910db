"""What a composed configuration must still be asked: ranges, and options that contradict others.

Names and types are OmegaConf's business. Nothing in this module needs TensorFlow, so that a
mistake costs a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import ListConfig, OmegaConf

from decouple.config import CHOICES, EXPERIMENTS, FIXED_STEPPERS, Config, VariationConfig
from decouple.errors import ConfigError, unknown_layer, unknown_name
from decouple.flows import KERAS, STEPPERS, StopRule, StopRules, optimizer
from decouple.images import MIN_SIDE

# {variant: settings that it would ignore}
_OF_GATYS = ("gatys", "classify")
_OF_FLOWS = ("stop.noisify_source", "stop.noisify_target", "stop.impose")
_IGNORED = {
    "self_transfer": (
        "target",
        "strength",
        "impose",
        "transfer",
        "mix",
        "compare_flows",
        "compare",
        *_OF_GATYS,
    ),
    "transfer": ("mix", "compare_flows", "compare", *_OF_GATYS),
    "mix": ("strength", "impose", "transfer", "compare_flows", "compare", *_OF_GATYS),
    "compare_flows": (
        *("target", "strength", "impose", "transfer", "mix", "flow", "stepper"),
        *("optimizer", "stop.max_passes", "compare", *_OF_GATYS),
    ),
    "gatys": (
        *("strength", "impose", "transfer", "mix", "compare_flows", "compare", "flow", "stepper"),
        *("tolerance", "noise", "mask", "classify", *_OF_FLOWS),
    ),
    "compare": (
        *("strength", "impose", "transfer", "mix", "compare_flows", "flow", "stepper", "optimizer"),
        *("stop.max_passes", "gatys.style.statistic", "gatys.scales", "classify"),
    ),
    "classify": (
        *("target", "layers", "strength", "tolerance", "seed", "noise", "mask", "impose", "mix"),
        *("transfer", "compare_flows", "compare", "gatys", "checkpoint", "plan", "flow", "stepper"),
        *("optimizer", "stop", "image.size", "network.activation", "network.width"),
        *("network.pooling", "network.dtype", "record"),
    ),
}
FLOWS_COMPARED = ("lift", "projected_channel", "projected_layer", "gradient")
# Of `compare`: how noisified transfers move the image, and what optimized ones want of the style.
TRANSFERS = ("lift", "projected", "gradient")
STATISTICS = CHOICES["gatys.style.statistic"]
# Of ImageNet, on which VGG was trained.
LABELS = 1000
_TERMS, _TERM_NUMBERS = ("content", "style", "variation"), ("weight", "share")
# What may be set anew when a run goes on; of noisification every layer follows from those before.
_RESUMED_ANEW = ("resume", "checkpoint", "record")
_GATYS_RESUMED_ANEW = (*_RESUMED_ANEW, "stop", "gatys.save_every")


def resumed_anew(experiment: str) -> tuple[str, ...]:
    """What may be set anew when a run of an experiment goes on: groups, and dotted keys."""
    gatys = EXPERIMENTS.get(experiment) == "gatys"
    return _GATYS_RESUMED_ANEW if gatys else _RESUMED_ANEW


def may_change(experiment: str, key: str) -> bool:
    """Whether a setting is among those of `resumed_anew`.

    >>> may_change("gatys_moreno", "stop.loss"), may_change("transfer", "stop.loss")
    (True, False)
    """
    return f"{key}.".startswith(tuple(f"{anew}." for anew in resumed_anew(experiment)))


def check(config: Config, overridden: Iterable[str] = ()) -> None:
    """Ranges, and options that would be ignored.

    Parameters
    ----------
    config : composed
    overridden : dotted keys that the user named

    Raises
    ------
    ConfigError : in one line, what is wrong and what is allowed.
    """
    if config.experiment not in EXPERIMENTS:
        raise ConfigError(unknown_name("experiment", config.experiment, EXPERIMENTS))
    _check_ranges(config)
    for name, choices in CHOICES.items():
        value = OmegaConf.select(config, name)  # type: ignore[arg-type]
        if value not in (None, *choices):
            raise ConfigError(unknown_name(name, value, choices))
    optimizer(**_options(config.optimizer))
    stop_rules(config.stop, "imagenet")
    overridden = set(overridden)
    _check_experiment(config, overridden)
    _check_flow(config, overridden)
    if "network.width" in overridden and config.network.activation == "relu":
        raise ConfigError("network.width= has no meaning with network.activation=relu")


def _check_ranges(config: Config) -> None:
    for name, value, least in (
        ("image.size", config.image.size, MIN_SIDE),
        ("noise.draws", config.noise.draws, 1),
        ("seed", config.seed, 0),
        *((f"stepper.{k}", config.stepper[k], 1) for k in ("steps", "max_steps", "memory")
          if k in config.stepper),
    ):  # fmt: skip
        if value < least:
            raise ConfigError(f"{name}={value} is too small: at least {least}")
    if not 0 < config.tolerance < float("inf"):
        raise ConfigError(f"tolerance={config.tolerance} must be a positive number")
    width = config.network.width
    if width != "auto" and not (_is_number(width) and 0 < width < float("inf")):
        raise ConfigError(f"network.width={width} must be a positive number, or auto")
    if not 0 <= config.mask.min_slope < 1:
        raise ConfigError(f"mask.min_slope={config.mask.min_slope} must be from 0 to below 1")
    if not 0 <= config.checkpoint.every_seconds < float("inf"):
        raise ConfigError(
            f"checkpoint.every_seconds={config.checkpoint.every_seconds} must be a finite number, "
            "not negative"
        )
    size = config.noise.size
    if size != "match" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ConfigError(f"noise.size={size} must be 'match' or a number of pixels")


def _check_experiment(config: Config, overridden: set[str]) -> None:
    kind = EXPERIMENTS[config.experiment]
    if config.experiment.startswith(("self_transfer", "thesis_self")) and config.target is not None:
        raise ConfigError("target= has no meaning in self_transfer: the source is the only image")
    for name in sorted(overridden):
        if any(name == ignored or name.startswith(f"{ignored}.") for ignored in _IGNORED[kind]):
            raise ConfigError(f"{name}= has no meaning in {config.experiment}")
    if kind in ("gatys", "compare"):
        _check_gatys(config, kind)
    if kind in ("transfer", "mix", "gatys", "compare") and config.target is None:
        raise ConfigError(
            f"{config.experiment} needs a target=FILE or target=sample:NAME, the picture that "
            f"receives the source's {'style' if kind in ('gatys', 'compare') else 'features'}"
        )
    if kind == "classify":
        _check_classify(config)
    strengths_of(config.strength, ())
    if kind == "mix":
        if not config.mix.strengths:
            raise ConfigError("mix.strengths= needs at least one strength from 0 to 1")
        for strength in config.mix.strengths:
            strengths_of(strength, ())
    from_source = config.impose.from_source
    if from_source != "all" and not isinstance(from_source, list | ListConfig):
        raise ConfigError(
            f"impose.from_source={from_source} must be 'all' or a list of layers, such as "
            '"impose.from_source=[block1_conv1]"'
        )
    if kind == "compare_flows":
        if not config.compare_flows.methods:
            raise ConfigError("compare_flows.methods= needs at least one FLOW:STEPPER")
        for method in config.compare_flows.methods:
            split_method(method)
        passes = config.compare_flows.passes
        if passes is not None and passes < 1:
            raise ConfigError(f"compare_flows.passes={passes} is too small: at least 1")


def _check_classify(config: Config) -> None:
    if not 1 <= config.classify.top <= LABELS:
        raise ConfigError(f"classify.top={config.classify.top} must be from 1 to {LABELS}")
    if config.image.fit == "keep":
        raise ConfigError(
            "image.fit=keep has no meaning in classify: the network takes a square; give squash "
            "or crop"
        )
    if config.network.weights == "calibrated":
        raise ConfigError(
            "classify needs network.weights=imagenet or a file: calibrated filters have learned "
            "no labels"
        )


def _check_gatys(config: Config, kind: str) -> None:
    gatys = config.gatys
    for name in _TERMS:
        for key in _TERM_NUMBERS:
            if not 0 <= gatys[name][key] < float("inf"):  # type: ignore[index]
                raise ConfigError(
                    f"gatys.{name}.{key}={gatys[name][key]} must be a finite number, "  # type: ignore[index]
                    "not negative"
                )
    if gatys.save_every is not None and gatys.save_every < 1:
        raise ConfigError(f"gatys.save_every={gatys.save_every} is too small: at least 1")
    scales = gatys.scales
    if scales != "auto" and (isinstance(scales, bool) or not isinstance(scales, int) or scales < 1):
        raise ConfigError(f"gatys.scales={scales} must be 'auto' or a number of scales from 1 on")
    if gatys.style.normalization is not None and gatys.style.statistic != "gram":
        raise ConfigError(
            f"gatys.style.normalization= has no meaning with statistic {gatys.style.statistic}"
        )
    if gatys.style.normalization == "raw" and gatys.style.fit == "keep":
        raise ConfigError(
            "gatys.style.normalization=raw needs gatys.style.fit=crop or squash: raw Gram matrices "
            "grow with the picture"
        )
    for used in {"raw": ("weight",), "balanced": ("share",)}.get(gatys.weights, _TERM_NUMBERS):
        if not any(gatys[name][used] > 0 for name in _TERMS):  # type: ignore[index]
            raise ConfigError(f"every gatys.*.{used} is 0: there is nothing to optimize")
    _check_variation(gatys.variation)
    if gatys.start == "style" and gatys.style.fit == "keep":
        raise ConfigError(
            "gatys.start=style needs gatys.style.fit=crop or squash: the image has the target's "
            "shape"
        )
    if kind == "compare":
        if not config.compare.methods:
            raise ConfigError("compare.methods= needs at least one, such as gram:lbfgs")
        for method in config.compare.methods:
            split_compared(method)
        if config.compare.passes is not None and config.compare.passes < 1:
            raise ConfigError(f"compare.passes={config.compare.passes} is too small: at least 1")


def _check_variation(variation: VariationConfig) -> None:
    form, scale = variation.form, variation.scale
    if not 1 <= variation.exponent < float("inf"):
        raise ConfigError(f"gatys.variation.exponent={variation.exponent} must be at least 1")
    if form != "power" and variation.exponent != VariationConfig.exponent:
        raise ConfigError(f"gatys.variation.exponent= has no meaning with form {form}")
    scales = list(scale) if isinstance(scale, list | ListConfig) else [scale] * 3
    numbers = all(isinstance(s, int | float) and 0 < s < float("inf") for s in scales)
    if len(scales) != 3 or not numbers:
        raise ConfigError(
            f"gatys.variation.scale={scale} must be a positive number, or three of them"
        )


def _check_flow(config: Config, overridden: set[str]) -> None:
    if EXPERIMENTS[config.experiment] in ("compare_flows", "gatys", "compare", "classify"):
        return
    lift = config.flow.name == "lift"
    group = ("optimizer", "stop") if lift else ("stepper", "tolerance")
    for name in sorted(overridden):
        if name.split(".")[0] in group:
            raise ConfigError(
                f"{name}= has no meaning with flow={config.flow.name}: "
                + ("it steps as stepper= says" if lift else "it steps as optimizer= and stop= say")
            )
    if not lift:
        bounded = any(config.optimizer.get(k) is not None for k in ("lower", "upper"))
        if config.flow.name == "projected" and bounded:
            raise ConfigError(
                "optimizer.lower and optimizer.upper have no meaning with flow=projected: the "
                "held layers decide where the image may go"
            )
        return
    kinked = config.network.activation == "relu" or config.network.pooling == "max"
    stepper = "rk4" if config.stepper.name == "auto" and kinked else config.stepper.name
    if "tolerance" in overridden and stepper in FIXED_STEPPERS:
        raise ConfigError(f"tolerance= has no meaning with stepper={stepper}: set stepper.steps")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _options(group: Any) -> dict[str, Any]:
    held = OmegaConf.to_container(group, resolve=True)
    assert isinstance(held, dict)
    return {str(key): value for key, value in held.items()}


def stop_rules(stop: Any, weights: str) -> StopRules:
    """The stop rules of `stop.*`.

    Parameters
    ----------
    stop : the configuration's group
    weights : origin of the network's; see `StopConfig.scale`

    Raises
    ------
    ConfigError : a value out of its range.
    """
    options = _options(stop)
    stages = {
        stage: {key: value for key, value in options.pop(stage).items() if value is not None}
        for stage in ("noisify_source", "noisify_target", "impose")
    }
    unit = 1.0
    if options["scale"] == "imagenet":
        options["scale"] = "absolute" if weights == "imagenet" else "initial"
        unit = 1.0 if weights == "imagenet" else 1e-2

    def rule(**more: Any) -> StopRule:
        merged = {**options, **more}
        return StopRule(**{**merged, "loss": unit * merged["loss"]})

    # An image that is noisified again is moved as it was the first time.
    stages["noisify_result"] = stages["noisify_source"]
    return StopRules(rule(), {stage: rule(**more) for stage, more in stages.items()})


def split_method(method: str) -> tuple[str, str]:
    """A method of `compare_flows`, FLOW:STEPPER or FLOW:OPTIMIZER, in its two parts.

    Raises
    ------
    ConfigError : there is no such flow, or it does not move so.
    """
    flow, _, how = str(method).partition(":")
    if flow not in FLOWS_COMPARED:
        raise ConfigError(unknown_name("flow of compare_flows.methods", flow, FLOWS_COMPARED))
    known = STEPPERS if flow == "lift" else [*KERAS, "lbfgs"]
    if how not in known:
        raise ConfigError(unknown_name(f"way to move of {flow}", how, known))
    return flow, how


def split_compared(method: str) -> tuple[str, str]:
    """A method of `compare`, in what moves or describes and how it steps.

    Raises
    ------
    ConfigError : there is no such method, or it does not step so.
    """
    kind, _, how = str(method).partition(":")
    if kind not in (*TRANSFERS, *STATISTICS):
        raise ConfigError(unknown_name("method of compare", kind, [*TRANSFERS, *STATISTICS]))
    known = ["auto", *STEPPERS] if kind == "lift" else [*KERAS, "lbfgs"]
    if how not in known:
        raise ConfigError(unknown_name(f"way to move of {kind}", how, known))
    return kind, how


def strengths_of(strength: Any, layers: Iterable[str]) -> dict[str, float]:
    """`strength=`, a number for all or a mapping {layer: number}, as one number for each layer.

    Raises
    ------
    ConfigError : a layer that there is not, or a strength out of 0 to 1.
    """
    layers = list(layers)
    named = isinstance(strength, Mapping)
    given = dict(strength.items()) if named else dict.fromkeys(layers or [""], strength)
    for layer, value in given.items():
        if layers and layer not in layers:
            raise ConfigError(unknown_layer("layer of strength", layer, layers))
        if not _is_number(value) or not 0 <= value <= 1:
            raise ConfigError(f"strength={value} must be a number from 0 to 1")
    return {layer: float(given.get(layer, 1.0)) for layer in layers}
