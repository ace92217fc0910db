"""Style transfer after Gatys: an image optimized for one picture's content, another's style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, ListConfig

from decouple.errors import ConfigError
from decouple.experiments import transferring
from decouple.experiments.registry import RECORDED, Experiment, Fact, register
from decouple.images import Fit
from decouple.parsing import check_scale_count

STATISTICS = ("gram", "means", "mean_covariance")
"""What describes the style."""
STARTS = ("content", "style", "noise")
"""Where the image begins, beside a picture of the user's."""
CHOICES = {
    "gatys.weights": ("auto", "raw", "balanced"),
    "gatys.content.distance": ("sum", "mean"),
    "gatys.style.statistic": STATISTICS,
    "gatys.style.normalization": ("raw", "hw", "chw", "keras"),
    "gatys.style.distance": ("sum", "mean"),
    "gatys.style.fit": tuple(fit.value for fit in Fit),
    "gatys.variation.form": ("power", "squared", "absolute"),
}
_TERMS, _TERM_NUMBERS = ("content", "style", "variation"), ("weight", "share")


@dataclass
class ContentConfig:
    """layers: whose activations of the target are wanted, each with its part of the weight.

    distance: sum or mean of the squares of differences.
    """

    layers: Any = field(default_factory=lambda: ["block4_conv2"])
    weight: float = 1.0
    share: float = 0.02
    distance: str = "sum"


@dataclass
class StyleConfig:
    """What is wanted of the source at `layers`, each with its part of the weight.

    statistic: gram, means or mean_covariance; normalization: of gram, see
    `gatys.terms.Normalization`; fit: how the source meets the target's shape, crop, squash, or
    keep for its own; distance: as of content.
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

    form: power, squared or absolute; exponent: of power; scale: what the image in [0, 1] is
    multiplied by, a number or [R, G, B].
    """

    weight: float = 0.0
    share: float = 0.01
    form: str = "power"
    exponent: float = 1.25
    scale: Any = 255


@dataclass
class GatysConfig:
    """weights: raw (`weight` of each term) | balanced (`share` of the initial gradient) | auto.

    auto is raw with ImageNet's filters, which are known in a file too (docs/weights.md), and
    balanced with others, in whose units no weight was reported. The shares are those that of five
    tried gave the most style at 96 px; as content pulls back only once the image has moved, style
    needs most of the gradient. start: content, style, noise or a picture; save_every: iterations
    between two pictures, null for none. scales: how many sizes to go through, coarse to fine by a
    factor of √2, each from the result of the one before and as long as stop.* says; 1 for the full
    size alone; auto is 1 below 512 px of the shorter side, else as many as keep the coarsest at
    128 px or more.
    """

    weights: str = "auto"
    start: str = "content"
    save_every: int | None = 1
    scales: Any = "auto"
    content: ContentConfig = field(default_factory=ContentConfig)
    style: StyleConfig = field(default_factory=StyleConfig)
    variation: VariationConfig = field(default_factory=VariationConfig)


def check(config: DictConfig) -> None:
    """Refuse objectives of nothing, and parts of one that do not fit each other."""
    transferring.check(config)
    gatys = config.gatys
    for name in _TERMS:
        for key in _TERM_NUMBERS:
            if not 0 <= gatys[name][key] < float("inf"):
                raise ConfigError(
                    f"gatys.{name}.{key}={gatys[name][key]} must be a finite number, not negative"
                )
    if gatys.save_every is not None and gatys.save_every < 1:
        raise ConfigError(f"gatys.save_every={gatys.save_every} is too small: at least 1")
    check_scale_count("gatys.scales", gatys.scales)
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
        if not any(gatys[name][used] > 0 for name in _TERMS):
            raise ConfigError(f"every gatys.*.{used} is 0: there is nothing to optimize")
    _check_variation(gatys.variation)
    if gatys.start == "style" and gatys.style.fit == "keep":
        raise ConfigError(
            "gatys.start=style needs gatys.style.fit=crop or squash: the image has the target's "
            "shape"
        )


def _check_variation(variation: DictConfig) -> None:
    form, scale = variation.form, variation.scale
    if not 1 <= variation.exponent < float("inf"):
        raise ConfigError(f"gatys.variation.exponent={variation.exponent} must be at least 1")
    if form != "power" and variation.exponent != VariationConfig.exponent:
        raise ConfigError(f"gatys.variation.exponent= has no meaning with form {form}")
    scales = list(scale) if isinstance(scale, ListConfig) else [scale] * 3
    numbers = all(isinstance(s, int | float) and 0 < s < float("inf") for s in scales)
    if len(scales) != 3 or not numbers:
        raise ConfigError(
            f"gatys.variation.scale={scale} must be a positive number, or three of them"
        )


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """What an optimization came to: its loss, and the distances to the style picture."""
    from decouple.report import wording

    facts = []
    for row in metrics.get("stages") or ():
        before, after = wording.part(row, "losses_before"), wording.part(row, "losses")
        if str(row.get("stage")).startswith("scale_"):
            continue  # on the way to the full size
        if before.get("total") and after.get("total") is not None:
            note = f"of {before['total']:.4g} at the start"
            facts.append(Fact("loss", f"{after['total']:.4g}", note))
    own = wording.part(metrics, "gatys")
    for kind, label in (("gram", "Gram matrix"), ("means", "channel means")):
        by_layer, of_target = (
            wording.part(own, f"{kind}_distance{name}_to_source") for name in ("", "_target")
        )
        if by_layer and of_target:
            layer, distance = wording.largest(by_layer)
            note = f"{layer}, relative; the target's {of_target.get(str(layer), 0):.3g}"
            value = wording.general(distance, ".3g")
            facts.append(Fact(f"largest distance of {label} to the source", value, note))
    return facts


GATYS = register(
    Experiment(
        name="gatys",
        run="decouple.pipeline.gatys:gatys",
        variants={
            "gatys_moreno": "Style transfer with Moreno's settings",
            "gatys_sbruzzi": "Style transfer with Sbruzzi's settings",
            "gatys_course": "Style transfer with the course's settings",
            "gatys_monet": "Style transfer with the settings of Chavez et al.",
        },
        of_vgg=True,
        takes=("source", "layers", "seed", "image", "network", "optimizer", "stop", *RECORDED),
        ignores=("stop.noisify_source", "stop.noisify_target", "stop.impose"),
        settings={"gatys": GatysConfig, **transferring.SETTINGS},
        choices={**CHOICES, **transferring.CHOICES},
        files={"gatys.start": STARTS},
        file_lists=transferring.FILE_LISTS,
        target_receives="style",
        check=check,
        looks_at={"gatys.content.layers": ("target", "start")},
        check_inputs="decouple.pipeline.state:check_unfinished",
        forecast="decouple.pipeline.gatys:forecast",
        resumed_anew=("stop", "gatys.save_every"),
        objective=True,
        headline=headline,
        prepositions=("from", "to"),
    )
)
