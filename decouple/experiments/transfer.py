"""Transfer: put the source's decoupled features on the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig

from decouple.errors import ConfigError
from decouple.experiments import transferring
from decouple.experiments.registry import Experiment, Fact, register
from decouple.parsing import strengths_of


@dataclass
class ImposeConfig:
    """from_source: the layers whose features come from the source, `all` or a list of names."""

    from_source: Any = "all"


@dataclass
class TransferConfig:
    """check: noisify the result again, to see whether it gives up what was imposed on it."""

    check: bool = True


def check(config: DictConfig) -> None:
    """Refuse strengths out of 0 to 1, and layers that are no list."""
    transferring.check(config)
    if (config.regions.source or config.regions.target) and config.features.name != "means":
        raise ConfigError("regions= need features=means: of others there are none in regions")
    strengths_of(config.strength, ())
    from_source = config.impose.from_source
    if from_source != "all" and not isinstance(from_source, ListConfig):
        raise ConfigError(
            f"impose.from_source={from_source} must be 'all' or a list of layers, such as "
            '"impose.from_source=[block1_conv1]"'
        )


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """How far the result is from the source's features."""
    from decouple.report import wording

    own = wording.part(metrics, "transfer")
    facts = []
    for key, label in (
        ("decoupled_feature_mse", "largest decoupled feature MSE"),
        ("feature_mse_to_source", "largest feature MSE to the source"),
    ):
        if wording.part(own, key):
            layer, value = wording.largest(wording.part(own, key))
            facts.append(Fact(label, wording.scientific(value), layer or ""))
    return [*facts, *wording.others(own)]


TRANSFER = register(
    Experiment(
        name="transfer",
        run="decouple.pipeline.transfer:transfer",
        variants={"transfer": "Transfer", "thesis_transfer": "Thesis transfer"},
        settings={
            "strength": 1.0,
            "impose": ImposeConfig,
            "transfer": TransferConfig,
            **transferring.SETTINGS,
        },
        choices=transferring.CHOICES,
        file_lists=transferring.FILE_LISTS,
        target_receives="features",
        check=check,
        check_inputs="decouple.pipeline.transfer:chosen",
        forecast="decouple.pipeline.transfer:forecast",
        headline=headline,
    )
)
