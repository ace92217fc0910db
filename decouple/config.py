"""The schema of every setting, with its default and what it means.

What all runs share stands here; those of an experiment or a flow stand with it, in
`decouple.experiments` and `decouple.flow_kinds`. The YAML files in `configs/` hold only what
differs from there. Hydra composes them, OmegaConf checks names and types, and `decouple.checks` the
ranges and what contradicts what. Nothing in this module needs TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from decouple.errors import ConfigError
from decouple.experiments import KINDS, Experiment
from decouple.families import FAMILIES, Family
from decouple.flow_kinds import FLOWS, FlowKind
from decouple.flows.integrators import Adaptive, FixedStep
from decouple.flows.newton import Newton
from decouple.flows.optimizers import KerasOptimizer, Lbfgs
from decouple.flows.stopping import StopRule
from decouple.flows.symmetric import Symmetric
from decouple.images import Fit
from decouple.images.deep import Output
from decouple.images.noise import NOISES
from decouple.network_kinds import CHOICES as NETWORK_CHOICES
from decouple.network_kinds import KERAS, VGG

# Files and folders, beside those of experiments: a leading ~ is the home folder.
_PATHS = (
    *("source", "target", "network.weights", "network.model", "noise.reference"),
    *("run_dir", "resume", "verify", "index", "hydra.sweep.dir"),
)
# Checked here as well as where they are used, to refuse a word before TensorFlow is imported.
_CHOICES = {
    "device": ("auto", "cpu", "gpu"),
    "image.fit": tuple(fit.value for fit in Fit),
    "image.output": tuple(output.value for output in Output),
    **NETWORK_CHOICES,
    "noise.kind": NOISES,
    "stop.scale": ("absolute", "initial", "imagenet"),
}

_HERE = Path(__file__).resolve().parent


def config_folder() -> Path:
    """Where the YAML files are: beside this package in a checkout, inside it in a wheel."""
    inside = _HERE / "configs"
    return inside if inside.is_dir() else _HERE.parent / "configs"


@dataclass
class ImageConfig:
    """size: pixels of the shorter side; fit: keep (proportions), crop (centre square), squash;
    output: of the result, png (8 bits), png16 or tiff (floats): see docs/pictures.md.
    """

    size: int = 150
    fit: str = "keep"
    output: str = "png"


@dataclass
class NoiseConfig:
    """size: `match` (the image's) or pixels a side; draws: noise images to average over. kind:
    uniform; gaussian or pink, of its mean and variance; phase, the source with random phases.
    reference: a folder, pattern or list of pictures whose mean features take the noise's place.
    """

    size: Any = "match"
    draws: int = 1
    kind: str = "uniform"
    reference: str | None = None


@dataclass
class MaskConfig:
    """min_slope: channels whose mean activation slope is not above it are left out, and those that
    answer at less than two positions in all, unless it is 0. directions: how many linear
    combinations of each layer's features take their place, those that the pictures move most; null:
    none, the features themselves.
    """

    min_slope: float = 1e-3
    directions: int | None = None


@dataclass
class AutoStepper:
    """The stepper that suits the network: see `Lift.suited_to`."""

    name: str = "auto"


@dataclass
class StageStop:
    """What differs at one stage from `stop.*`; null where nothing does."""

    loss: float | None = None
    max_iterations: int | None = None
    check_every: int | None = None


@dataclass
class StopConfig(StopRule):
    """See `flows.stopping.StopRule`; `scale` may also be `imagenet`.

    That is for thresholds that were chosen for ImageNet weights: absolute with those, and with
    others in hundredths of the loss at the start.
    """

    noisify_source: StageStop = field(default_factory=StageStop)
    noisify_target: StageStop = field(default_factory=StageStop)
    impose: StageStop = field(default_factory=StageStop)


@dataclass
class RecordConfig:
    """tensorboard: also write scalars and pictures for TensorBoard, to `tensorboard/`; animation:
    also write the steps in motion, as animation.webp and, where ffmpeg is at hand, animation.mp4.
    """

    tensorboard: bool = False
    animation: bool = False


@dataclass
class CheckpointConfig:
    """every_seconds: between two states from which `resume=` goes on; written at iterations."""

    every_seconds: float = 30.0


# The dataclasses of steppers, optimizers and stop rules are their schemas: their defaults live
# with them.
_SCHEMAS: dict[str, dict[str, type]] = {
    "network": {f"_{kind.name}": kind.schema for kind in (VGG, KERAS)},
    "stepper": {
        "_auto": AutoStepper,
        "_symmetric": Symmetric,
        "_newton": Newton,
        "_adaptive": Adaptive,
        "_fixed": FixedStep,
    },
    "optimizer": {"_lbfgs": Lbfgs, "_keras": KerasOptimizer},
    "stop": {"_stop": StopConfig},
}


@dataclass
class Config:
    """What a run of any experiment can be told; `schema` adds what single ones can.

    experiment: what to do; plugin: a module of your own with experiments or features in it (see
    docs/extending.md); source: a file or sample:NAME, whose features are taken; target: the picture
    that receives them (transfer, mix); layers: a number (of VGG, the first n of block{1..5}_conv1)
    or a list of names; strength (of a transfer): how much of the source's features is imposed, 0
    (the target's own) to 1, a number or one for each layer, {block1_conv1: 0.5}; tolerance: RMS
    error of the round trip, in units of the image's range; seed: of the noise; run_dir: where to
    write (by default runs/<experiment>/<time>-<id>); resume: a run folder to go on with; plan: say
    how much memory, passes and time it would take, and do nothing; device: cpu, gpu, or auto for a
    GPU where there is one.

    Of single experiments: colour (transfer, and after Gatys): whose colours the result has;
    sources, source_weights (the same): further sources beside source, and how much each counts,
    source's first; count
    (synthesize, metamers): how many images, of the seeds from seed on; frames (interpolate): how
    many, both ends included; shard (features): i/n for the i-th of every n pictures.
    """

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"network": "vgg19"},
            {"features": "means"},
            {"flow": "lift"},
            {"stepper": "auto"},
            {"optimizer": "lbfgs"},
            {"stop": "loss"},
        ]
    )
    experiment: str = MISSING
    plugin: str | None = None
    source: str = "sample:astronaut"
    target: str | None = None
    layers: Any = 2
    tolerance: float = 1e-4
    seed: int = 0
    run_dir: str | None = None
    resume: str | None = None
    plan: bool = False
    device: str = "auto"
    image: ImageConfig = field(default_factory=ImageConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    network: Any = MISSING
    features: Any = MISSING
    mask: MaskConfig = field(default_factory=MaskConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    record: RecordConfig = field(default_factory=RecordConfig)
    flow: Any = MISSING
    stepper: Any = MISSING
    optimizer: Any = MISSING
    stop: StopConfig = MISSING


def registered() -> tuple[Experiment | FlowKind | Family, ...]:
    """What the schema depends on, as a key to whatever is made from it."""
    return (*KINDS, *FLOWS, *FAMILIES)


def schemas() -> dict[str, dict[str, type]]:
    """{group of which one is chosen: {name: dataclass}}, as its YAML files name them."""
    flows = {f"_{kind.name}": kind.schema for kind in FLOWS}
    return {**_SCHEMAS, "flow": flows, "features": {f.name: f.schema for f in FAMILIES}}


def own_settings() -> dict[str, Any]:
    """{name: dataclass of a group, or a default}, of the settings that experiments add.

    Two experiments may share one, with one default.

    Raises
    ------
    ConfigError : two experiments add different ones of a name, or there is one already.
    """
    common = {setting.name for setting in fields(Config)}
    found: dict[str, Any] = {}
    for experiment in KINDS:
        for name, default in experiment.settings.items():
            if name in common or found.setdefault(name, default) != default:
                raise ConfigError(f"setting {name} of {experiment.home} exists already")
    return found


def schema() -> DictConfig:
    """All settings with their types and defaults; a class made for them would not be found again
    by the processes of a sweep."""
    node: DictConfig = OmegaConf.structured(Config)
    with open_dict(node):
        for name, default in own_settings().items():
            node[name] = OmegaConf.structured(default) if is_dataclass(default) else default
    return node


def choices() -> dict[str, tuple[str, ...]]:
    """{dotted key: the words that it may be}, of settings that take one of a few."""
    found = dict(_CHOICES)
    for thing in registered():
        found.update(thing.choices)
    return found


def paths() -> tuple[str, ...]:
    """Dotted keys of the settings that name files or folders."""
    return (*_PATHS, *(key for experiment in KINDS for key in experiment.files))


def register() -> None:
    """Tell Hydra the schemas; a YAML file of a group names the one it fills in."""
    _store_schemas(registered())
    # Read each time: files of one's own may have changed.
    for experiment in KINDS:
        for name in experiment.titles:
            preset = {"experiment": name}
            _store_unless_filed("experiment", name, experiment.yaml, preset, "_global_")
    for kind in FLOWS:
        _store_unless_filed("flow", kind.name, kind.yaml, {"defaults": [f"_{kind.name}"]})


@lru_cache(maxsize=1)  # what the store holds is of the last ones that were told
def _store_schemas(_: tuple[object, ...]) -> None:
    store = ConfigStore.instance()
    store.store(name="schema", node=schema())
    for group, kinds in schemas().items():
        for name, node in kinds.items():
            store.store(group=group, name=name, node=node)


def _store_unless_filed(
    group: str,
    name: str,
    yaml: str | Path | None,
    preset: dict[str, Any],
    package: str | None = None,
) -> None:
    """A choice that has no file in `configs/`: what its own file holds, and what it must hold."""
    if (config_folder() / group / f"{name}.yaml").exists():
        return
    told: Any = {}
    typed = f"+{group}={name}" if package else f"{group}={name}"
    if yaml is not None:
        try:
            told = OmegaConf.to_container(OmegaConf.load(yaml))
        except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ConfigError(f"{typed}: '{yaml}': {said.splitlines()[0]}") from error
        if not isinstance(told, dict):
            raise ConfigError(f"{typed}: '{yaml}' must hold settings")
    node = {**told, **preset}
    ConfigStore.instance().store(group=group, name=name, node=node, package=package)
