"""The schema of every setting, with its default and what it means.

The YAML files in `configs/` hold only what differs from here. Hydra composes them, OmegaConf
checks names and types, and `decouple.checks` the ranges and what contradicts what. Nothing in
this module needs TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from decouple.flows.integrators import Adaptive, FixedStep
from decouple.flows.lift import STEPPERS
from decouple.flows.newton import Newton
from decouple.flows.optimizers import KERAS, KerasOptimizer, Lbfgs
from decouple.flows.stopping import StopRule
from decouple.flows.symmetric import Symmetric
from decouple.images import Fit

# {experiment: what it is a variant of}; each has a file in configs/experiment.
EXPERIMENTS = {
    "self_transfer": "self_transfer",
    "thesis_self_transfer": "self_transfer",
    "transfer": "transfer",
    "thesis_transfer": "transfer",
    "mix": "mix",
    "compare_flows": "compare_flows",
    "compare": "compare",
    "gatys_moreno": "gatys",
    "gatys_sbruzzi": "gatys",
    "gatys_course": "gatys",
    "gatys_monet": "gatys",
    "classify": "classify",
}
# Those whose error is set by their number of steps and not by `tolerance`.
FIXED_STEPPERS = tuple(name for name, kind in STEPPERS.items() if kind is FixedStep)
# Files and folders: a leading ~ is the home folder.
PATHS = (
    *("source", "target", "gatys.start", "network.weights"),
    *("run_dir", "resume", "verify", "hydra.sweep.dir"),
)
# Of the Gatys family, beside a picture.
STARTS = ("content", "style", "noise")
# Checked here as well as where they are used, to refuse a word before TensorFlow is imported.
CHOICES = {
    "device": ("auto", "cpu", "gpu"),
    "image.fit": tuple(fit.value for fit in Fit),
    "network.activation": ("auto", "softplus", "unbiased_softplus", "relu"),
    "network.pooling": ("auto", "average", "max", "l2", "smooth_max"),
    "network.dtype": ("float32", "float64"),
    "flow.hold": ("reference", "features"),
    "flow.path": ("blend", "geometric", "straight"),
    "flow.projection": ("channel", "layer"),
    "stop.scale": ("absolute", "initial", "imagenet"),
    "gatys.weights": ("auto", "raw", "balanced"),
    "gatys.content.distance": ("sum", "mean"),
    "gatys.style.statistic": ("gram", "means", "mean_covariance"),
    "gatys.style.normalization": ("raw", "hw", "chw", "keras"),
    "gatys.style.distance": ("sum", "mean"),
    "gatys.style.fit": tuple(fit.value for fit in Fit),
    "gatys.variation.form": ("power", "squared", "absolute"),
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
    """weights: auto, imagenet, calibrated or a file; width: of softplus, in standard deviations.

    activation, width and pooling are auto by default: see `networks.network`.
    """

    name: str = MISSING
    weights: str = "auto"
    activation: str = "auto"
    width: Any = "auto"
    pooling: str = "auto"
    dtype: str = "float32"


@dataclass
class MaskConfig:
    """min_slope: channels whose mean activation slope is not above it are left out."""

    min_slope: float = 1e-3


@dataclass
class AutoStepper:
    """The stepper that suits the network: see `Lift.suited_to`."""

    name: str = "auto"


@dataclass
class LiftConfig:
    """The flow that retraces itself; its stepper has a group of its own.

    path: which features the image has on its way, see `flows.paths`: `blend`, `geometric` or
    `straight`.
    """

    name: str = "lift"
    path: str = "blend"


@dataclass
class GradientConfig:
    """hold: what imposition pulls earlier layers towards, `reference` (text) or `features` (code).

    Both are the thesis's: METHOD.md, section 2.
    """

    name: str = "gradient"
    hold: str = "reference"


@dataclass
class ProjectedConfig:
    """projection: orthogonal to each held `channel`, or only to each held `layer`'s loss."""

    name: str = "projected"
    projection: str = "channel"


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
class ImposeConfig:
    """from_source: the layers whose features come from the source, `all` or a list of names."""

    from_source: Any = "all"


@dataclass
class TransferConfig:
    """check: noisify the result again, to see whether it gives up what was imposed on it."""

    check: bool = True


@dataclass
class GridConfig:
    """strengths: the columns of the mixing grid, each from 0 to 1."""

    strengths: list[float] = field(default_factory=lambda: [0.25, 0.5, 0.75, 1.0])


@dataclass
class CompareConfig:
    """methods: FLOW:STEPPER or FLOW:OPTIMIZER, see `METHODS`; passes: a layer's budget.

    passes: null gives every method that descends a loss as many network passes, in each stage and
    layer, as the first method took there on average.
    """

    methods: list[str] = field(
        default_factory=lambda: [
            "lift:symmetric",
            "lift:rk4",
            "projected_channel:lbfgs",
            "projected_channel:adam",
            "projected_layer:lbfgs",
            "projected_layer:adam",
            "gradient:lbfgs",
            *(f"gradient:{name}" for name in KERAS),
        ]
    )
    passes: int | None = None


@dataclass
class ContentConfig:
    """layers: whose activations of the target are wanted, each with its part of the weight."""

    layers: Any = field(default_factory=lambda: ["block4_conv2"])
    weight: float = 1.0
    share: float = 0.02
    distance: str = "sum"


@dataclass
class StyleConfig:
    """What is wanted of the source at `layers`, each with its part of the weight.

    statistic: gram, means or mean_covariance; normalization: of gram, see
    `gatys.terms.Normalization`; fit: how the source meets the target's shape, crop, squash, or
    keep for its own.
    """

    weight: float = 1.0
    share: float = 0.97
    statistic: str = "gram"
    normalization: str | None = None
    distance: str = "sum"
    fit: str = "keep"


@dataclass
class VariationConfig:
    """Total variation of the image, see `gatys.total_variation`.

    scale: what the image in [0, 1] is multiplied by, a number or [R, G, B].
    """

    weight: float = 0.0
    share: float = 0.01
    form: str = "power"
    exponent: float = 1.25
    scale: Any = 255


@dataclass
class GatysConfig:
    """weights: raw (`weight` of each term) | balanced (`share` of the initial gradient) | auto.

    auto is raw with network.weights=imagenet and balanced with others, in whose units no weight
    was reported. The shares are those that of five tried gave the most style at 96 px; as content
    pulls back only once the image has moved, style needs most of the gradient. start: content,
    style, noise or a picture; save_every: iterations between two pictures, null for none. scales:
    how many sizes to go through, coarse to fine by a factor of √2, each from the result of the one
    before and as long as stop.* says; 1 for the full size alone; auto is 1 below 512 px of the
    shorter side, else as many as keep the coarsest at 128 px or more.
    """

    weights: str = "auto"
    start: str = "content"
    save_every: int | None = 1
    scales: Any = "auto"
    content: ContentConfig = field(default_factory=ContentConfig)
    style: StyleConfig = field(default_factory=StyleConfig)
    variation: VariationConfig = field(default_factory=VariationConfig)


@dataclass
class CompareStylesConfig:
    """methods: FLOW:STEPPER, FLOW:OPTIMIZER or STATISTIC:OPTIMIZER; passes: a method's budget.

    passes: null gives every method that descends a loss as many network passes as the first
    method took. held_out: layers that no method uses, at which all are measured.
    """

    methods: list[str] = field(
        default_factory=lambda: ["lift:auto", "projected:lbfgs", "gram:lbfgs", "means:lbfgs"]
    )
    passes: int | None = None
    held_out: Any = field(default_factory=lambda: ["block3_conv3"])


@dataclass
class ClassifyConfig:
    """top: how many of the 1000 labels are listed, the most probable ones."""

    top: int = 3


@dataclass
class RecordConfig:
    """tensorboard: also write scalars and pictures for TensorBoard, to `tensorboard/`."""

    tensorboard: bool = False


@dataclass
class CheckpointConfig:
    """every_seconds: between two states from which `resume=` goes on; written at iterations."""

    every_seconds: float = 30.0


# The dataclasses of steppers, optimizers and stop rules are their schemas: their defaults live
# with them.
SCHEMAS: dict[str, dict[str, type]] = {
    "network": {"_vgg": NetworkConfig},
    "flow": {"_lift": LiftConfig, "_gradient": GradientConfig, "_projected": ProjectedConfig},
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
    """Everything a run can be told.

    experiment: what to do; source: a file or sample:NAME, whose features are taken; target: the
    picture that receives them (transfer, mix); layers: a number (the first n of
    block{1..5}_conv1) or a list of names; strength: how much of the source's features is imposed,
    0 (the target's own) to 1, a number or one for each layer, {block1_conv1: 0.5}; tolerance: RMS
    error of the round trip, in units of the image's range; seed: of the noise; run_dir: where to
    write (by default runs/<experiment>/<time>-<id>); resume: a run folder to go on with; plan: say
    how much memory, passes and time it would take, and do nothing; device: cpu, gpu, or auto for a
    GPU where there is one.
    """

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"network": "vgg19"},
            {"flow": "lift"},
            {"stepper": "auto"},
            {"optimizer": "lbfgs"},
            {"stop": "loss"},
        ]
    )
    experiment: str = MISSING
    source: str = "sample:astronaut"
    target: str | None = None
    layers: Any = 2
    strength: Any = 1.0
    tolerance: float = 1e-4
    seed: int = 0
    run_dir: str | None = None
    resume: str | None = None
    plan: bool = False
    device: str = "auto"
    image: ImageConfig = field(default_factory=ImageConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    network: NetworkConfig = MISSING
    mask: MaskConfig = field(default_factory=MaskConfig)
    impose: ImposeConfig = field(default_factory=ImposeConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    mix: GridConfig = field(default_factory=GridConfig)
    compare_flows: CompareConfig = field(default_factory=CompareConfig)
    gatys: GatysConfig = field(default_factory=GatysConfig)
    compare: CompareStylesConfig = field(default_factory=CompareStylesConfig)
    classify: ClassifyConfig = field(default_factory=ClassifyConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    record: RecordConfig = field(default_factory=RecordConfig)
    flow: Any = MISSING
    stepper: Any = MISSING
    optimizer: Any = MISSING
    stop: StopConfig = MISSING


def register() -> None:
    """Tell Hydra the schemas; a YAML file of a group names the one it fills in."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for group, schemas in SCHEMAS.items():
        for schema, node in schemas.items():
            store.store(group=group, name=schema, node=node)
