"""What a composed configuration must still be asked: ranges, and options that contradict others.

Names and types are OmegaConf's business, and what a single experiment asks for is its own. Nothing
in this module needs TensorFlow, so that a mistake costs a second.
"""

from __future__ import annotations

from collections.abc import Iterable

from omegaconf import DictConfig, OmegaConf

from decouple.config import choices, own_settings
from decouple.errors import ConfigError, unknown_name
from decouple.experiments import Experiment, experiment_named
from decouple.families import FAMILIES
from decouple.flow_kinds import FLOWS, STEPPING
from decouple.images import MIN_SIDE
from decouple.network_kinds import VGG, check_width, network_kind
from decouple.parsing import is_whole, optimizer_of, options_of, stop_rules


def check(config: DictConfig, overridden: Iterable[str] = ()) -> None:
    """Ranges, and options that would be ignored.

    Parameters
    ----------
    config : composed
    overridden : dotted keys that the user named

    Raises
    ------
    ConfigError : in one line, what is wrong and what is allowed.
    """
    experiment = experiment_named(config.experiment)
    _check_ranges(config)
    untyped = own_settings()
    for name, words in choices().items():
        value = OmegaConf.select(config, name)
        # Of settings without a type null is as wrong as another word; others may have to be null.
        if value not in words and (value is not None or untyped.get(name) is not None):
            raise ConfigError(unknown_name(name, value, words))
    optimizer_of(config.optimizer)
    stop_rules(config.stop, "imagenet")
    overridden = set(overridden)
    _check_experiment(experiment, config, overridden)
    if experiment.takes_setting("flow"):
        _check_flow(config, overridden)
    _check_network(experiment, config, overridden)


def _check_ranges(config: DictConfig) -> None:
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
    check_width(config.network.width)
    if not 0 <= config.mask.min_slope < 1:
        raise ConfigError(f"mask.min_slope={config.mask.min_slope} must be from 0 to below 1")
    if config.mask.directions is not None and config.mask.directions < 1:
        raise ConfigError(f"mask.directions={config.mask.directions} must be at least 1, or null")
    if not 0 <= config.checkpoint.every_seconds < float("inf"):
        raise ConfigError(
            f"checkpoint.every_seconds={config.checkpoint.every_seconds} must be a finite number, "
            "not negative"
        )
    size = config.noise.size
    if size != "match" and (not is_whole(size) or size < 1):
        raise ConfigError(f"noise.size={size} must be 'match' or a number of pixels")


def _check_experiment(experiment: Experiment, config: DictConfig, overridden: set[str]) -> None:
    """Refuse what an experiment has no use for, and what it cannot use."""
    own = {key for key in overridden if not key.startswith(("hydra.", "hydra/"))}
    for name in sorted(own):
        if not experiment.takes_setting(name):
            why = ": the source is the only image" if name == "target" else ""
            raise ConfigError(f"{name}= has no meaning in {config.experiment}{why}")
        word = experiment.idle_with(name, config)
        if word is not None:
            raise ConfigError(f"{name}= has no meaning with {word}")
    if experiment.target_receives is not None and config.target is None:
        raise ConfigError(
            f"{config.experiment} needs a target=FILE or target=sample:NAME, the picture that "
            f"receives the source's {experiment.target_receives}"
        )
    if experiment.of_many and config.noise.kind == "phase":
        raise ConfigError(
            f"noise.kind=phase is one picture's, and in {config.experiment} all share a reference"
        )
    if config.noise.reference is not None:
        for name in sorted(own & {"noise.draws", "noise.kind"}):
            raise ConfigError(f"{name}= has no meaning with noise.reference")
    experiment.check(config)


def _check_network(experiment: Experiment, config: DictConfig, overridden: set[str]) -> None:
    """Refuse networks that an experiment, and settings that features cannot use."""
    kind = network_kind(config.network.name)
    if "network.width" in overridden and config.network.get("activation") == "relu":
        raise ConfigError("network.width= has no meaning with network.activation=relu")
    if kind is not VGG and experiment.of_vgg:
        raise ConfigError(
            f"network={config.network.name} has no meaning in {config.experiment}, which needs "
            "vgg16 or vgg19"
        )
    family = FAMILIES.named(config.features.name)
    try:
        family.check(options_of(config.features))
    except ConfigError as error:  # which begins with the setting's name
        raise ConfigError(f"features.{error}") from error
    if kind is not VGG and family.layers is not None:
        raise ConfigError(f"features={family.name} needs network=vgg16 or vgg19")
    if family.of_network:
        kind.check(config.network, config.layers)
    for name in sorted(overridden):
        if not family.of_network and name.split(".")[0] in ("network", "layers"):
            raise ConfigError(f"{name}= has no meaning with features={family.name}")


def _check_flow(config: DictConfig, overridden: set[str]) -> None:
    """Refuse what has no meaning for the flow, and what it cannot use."""
    kind = FLOWS.named(config.flow.name)
    says = [f"{group}=" for group in kind.steps_by if group != "tolerance"]
    why = f": it steps as {' and '.join(says)} {'say' if len(says) > 1 else 'says'}" if says else ""
    for name in sorted(overridden):
        group = name.split(".")[0]
        if group in STEPPING and group not in kind.steps_by:
            raise ConfigError(f"{name}= has no meaning with flow={kind.name}{why}")
    kind.check(config, overridden)
