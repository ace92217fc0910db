"""What single settings stand for. Nothing in this module needs TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from decouple.errors import ConfigError, unknown_layer
from decouple.flows.optimizers import Optimizer, optimizer
from decouple.flows.stopping import StopRule, StopRules
from decouple.images import MAX_PIXELS, MIN_SIDE
from decouple.known_weights import are_imagenets
from decouple.shares import shares_of


def is_number(value: Any) -> bool:
    """Whether a setting's value is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a setting's value is a whole number; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_scale_count(name: str, value: Any) -> None:
    """Refuse what is no number of scales for the setting of this name; ConfigError."""
    if value != "auto" and not (is_whole(value) and value >= 1):
        raise ConfigError(f"{name}={value} must be 'auto' or a number of scales from 1 on")


def check_count(value: Any) -> None:
    """Refuse no images, and what is no number of them; ConfigError."""
    if not is_whole(value) or value < 1:
        raise ConfigError(f"count={value} must be a number of images, at least 1")


def output_size(value: Any) -> tuple[int, int]:
    """Height and width that `output.size` says, a number for a square or [height, width].

    >>> output_size(256), output_size([512, 768])
    ((256, 256), (512, 768))

    Raises
    ------
    ConfigError : it says something else, or sides that no image has.
    """
    sides = [value, value] if is_whole(value) else value
    two = isinstance(sides, Sequence) and not isinstance(sides, str) and len(sides) == 2
    if not two or not all(is_whole(side) and side >= MIN_SIDE for side in sides):
        raise ConfigError(
            f"output.size={value} must be the side of a square in pixels, at least {MIN_SIDE}, or "
            "[height, width]"
        )
    height, width = sides
    if height * width > MAX_PIXELS:
        raise ConfigError(f"output.size={value} is too large: at most {MAX_PIXELS:,} pixels")
    return height, width


def source_weights_of(config: Any) -> dict[str, float]:
    """{role of a picture: its share of the features}, of `source` and `sources`; their sum is 1.

    >>> source_weights_of(OmegaConf.create({"sources": ["b.jpg"], "source_weights": [1, 3]}))
    {'source': 0.25, 'source_2': 0.75}
    """
    count = 1 + len(config.sources)
    weights = [1.0] * count if config.source_weights is None else list(config.source_weights)
    roles = ["source", *(f"source_{n}" for n in range(2, count + 1))]
    return dict(zip(roles, shares_of(weights, "source_weights"), strict=True))


def options_of(group: Any) -> dict[str, Any]:
    """A group of the configuration as plain arguments by name."""
    held = OmegaConf.to_container(group, resolve=True)
    assert isinstance(held, dict)
    return {str(key): value for key, value in held.items()}


def hold_of(config: Any) -> str:
    """`flow.hold`, what imposition pulls earlier layers towards; only some flows have it."""
    return str(config.flow.get("hold", "reference"))


def check_passes(setting: str, passes: int | None) -> None:
    """Refuse a budget of network passes below 1; None is no budget."""
    if passes is not None and passes < 1:
        raise ConfigError(f"{setting}={passes} is too small: at least 1")


def optimizer_of(group: Any) -> Optimizer:
    """The optimizer that a group of the configuration describes.

    Raises
    ------
    ConfigError : no such optimizer, option or value, with the setting's name.
    """
    options = options_of(group)
    try:
        return optimizer(**options)
    except ConfigError as error:
        setting = f"optimizer.{error}" if str(error).partition("=")[0] in options else str(error)
        raise ConfigError(setting) from error


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
    options = options_of(stop)
    stages = {
        stage: {key: value for key, value in options.pop(stage).items() if value is not None}
        for stage in ("noisify_source", "noisify_target", "impose")
    }
    unit = 1.0
    if options["scale"] == "imagenet":
        imagenets = are_imagenets(weights)
        options["scale"] = "absolute" if imagenets else "initial"
        unit = 1.0 if imagenets else 1e-2

    def rule(stage: str = "", **more: Any) -> StopRule:
        merged = {**options, **more}
        try:
            return StopRule(**{**merged, "loss": unit * merged["loss"]})
        except ConfigError as error:  # which begins with the argument's name
            raise ConfigError(f"stop.{stage}{error}") from error

    # An image that is noisified again is moved as it was the first time.
    stages["noisify_result"] = stages["noisify_source"]
    return StopRules(rule(), {stage: rule(f"{stage}.", **more) for stage, more in stages.items()})


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
        if not is_number(value) or not 0 <= value <= 1:
            raise ConfigError(f"strength={value} must be a number from 0 to 1")
    return {layer: float(given.get(layer, 1.0)) for layer in layers}
