"""The schema of every setting, with its default and what it means.

The YAML files in `configs/` hold only what differs from here. Hydra composes them, OmegaConf
checks names and types, and `check` the ranges and what contradicts what. Nothing in this module
needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from decouple.errors import ConfigError, unknown_name
from decouple.flows.integrators import Adaptive, FixedStep
from decouple.flows.lift import STEPPERS
from decouple.flows.newton import Newton
from decouple.flows.symmetric import Symmetric
from decouple.images import MIN_SIDE, Fit


@dataclass
class AutoStepper:
    """The stepper that suits the network: see `Lift.suited_to`."""

    name: str = "auto"


# The steppers' own dataclasses are their schemas: their defaults live with them.
STEPPER_SCHEMAS = {
    "_auto": AutoStepper,
    "_symmetric": Symmetric,
    "_newton": Newton,
    "_adaptive": Adaptive,
    "_fixed": FixedStep,
}
# Those whose error is set by their number of steps and not by `tolerance`.
FIXED_STEPPERS = tuple(name for name, kind in STEPPERS.items() if kind is FixedStep)
# Checked here as well as where they are used, to refuse a word before TensorFlow is imported.
CHOICES = {
    "image.fit": tuple(fit.value for fit in Fit),
    "network.activation": ("softplus", "relu"),
    "network.pooling": ("average", "max", "l2"),
    "network.dtype": ("float32", "float64"),
}

_HERE = Path(__file__).resolve().parent


def config_folder() -> Path:
    """Where the YAML files are: beside this package in a checkout, inside it in a wheel."""
    inside = _HERE / "configs"
    return inside if inside.is_dir() else _HERE.parent / "configs"


@dataclass
class ImageConfig:
    """size: pixels of the shorter side; fit: keep (proportions), crop (centre square), squash."""

    size: int = 150
    fit: str = "keep"


@dataclass
class NoiseConfig:
    """size: `match` (the image's) or pixels a side; draws: noise images to average over."""

    size: Any = "match"
    draws: int = 1


@dataclass
class NetworkConfig:
    """weights: auto, imagenet, calibrated or a file; width: of softplus, in standard deviations."""

    name: str = MISSING
    weights: str = "auto"
    activation: str = "softplus"
    width: float = 0.1
    pooling: str = "average"
    dtype: str = "float32"


@dataclass
class MaskConfig:
    """min_slope: channels whose mean activation slope is not above it are left out."""

    min_slope: float = 1e-3


@dataclass
class FlowConfig:
    """Which way the image moves."""

    name: str = "lift"


@dataclass
class Config:
    """Everything a run can be told.

    experiment: what to do; source: a file or sample:NAME, whose features are taken; target: the
    picture that receives them (transfer); layers: a number (the first n of block{1..5}_conv1) or
    a list of names; tolerance: RMS error of the round trip, in units of the image's range; seed:
    of the noise; run_dir: where to write (by default runs/<experiment>/<time>-<id>).
    """

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"network": "vgg19"},
            {"flow": "lift"},
            {"stepper": "auto"},
        ]
    )
    experiment: str = MISSING
    source: str = "sample:astronaut"
    target: str | None = None
    layers: Any = 2
    tolerance: float = 1e-4
    seed: int = 0
    run_dir: str | None = None
    image: ImageConfig = field(default_factory=ImageConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    network: NetworkConfig = MISSING
    mask: MaskConfig = field(default_factory=MaskConfig)
    flow: FlowConfig = MISSING
    stepper: Any = MISSING


def register() -> None:
    """Tell Hydra the schemas; a YAML file of a group names the one it fills in."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    store.store(group="network", name="_vgg", node=NetworkConfig)
    store.store(group="flow", name="_flow", node=FlowConfig)
    for schema, node in STEPPER_SCHEMAS.items():
        store.store(group="stepper", name=schema, node=node)


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
    for name, value, least in (
        ("image.size", config.image.size, MIN_SIDE),
        ("noise.draws", config.noise.draws, 1),
        ("seed", config.seed, 0),
        *((f"stepper.{k}", config.stepper[k], 1) for k in ("steps", "max_steps", "memory")
          if k in config.stepper),
    ):  # fmt: skip
        if value < least:
            raise ConfigError(f"{name}={value} is too small: at least {least}")
    for name, value in (("tolerance", config.tolerance), ("network.width", config.network.width)):
        if not 0 < value < float("inf"):
            raise ConfigError(f"{name}={value} must be a positive number")
    if not 0 <= config.mask.min_slope < 1:
        raise ConfigError(f"mask.min_slope={config.mask.min_slope} must be from 0 to below 1")
    size = config.noise.size
    if size != "match" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ConfigError(f"noise.size={size} must be 'match' or a number of pixels")
    for name, choices in CHOICES.items():
        value = OmegaConf.select(config, name)  # type: ignore[arg-type]
        if value not in choices:
            raise ConfigError(unknown_name(name, value, choices))
    overridden = set(overridden)
    if config.experiment == "self_transfer" and config.target is not None:
        raise ConfigError("target= has no meaning in self_transfer: the source is the only image")
    if "network.width" in overridden and config.network.activation == "relu":
        raise ConfigError("network.width= has no meaning with network.activation=relu")
    kinked = config.network.activation == "relu" or config.network.pooling == "max"
    stepper = "rk4" if config.stepper.name == "auto" and kinked else config.stepper.name
    if "tolerance" in overridden and stepper in FIXED_STEPPERS:
        raise ConfigError(f"tolerance= has no meaning with stepper={stepper}: set stepper.steps")
