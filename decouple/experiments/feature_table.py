"""Features: a table with the raw and the decoupled features of many pictures, a row each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from decouple.errors import ConfigError
from decouple.experiments.registry import COMPARED, Experiment, Fact, register
from decouple.images import MAX_PIXELS
from decouple.parsing import is_whole

_SHARD = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,8})")
FORMATS = ("auto", "csv", "parquet")


@dataclass
class TableConfig:
    """labels: a CSV file with columns path and label, of a folder's or pattern's pictures.

    accuracy: what decoupled features may be wrong by, RMS over a layer's, relative to their own;
    steps are as exact as that asks for, which is found on ten of all pictures. checked: how many
    pictures are moved once more, ten times more exactly, to see how wrong they are.
    format: `csv`; `parquet`, which comes beside it and needs pyarrow; `auto`, both where pyarrow is
    there.
    """

    labels: str | None = None
    accuracy: float = 1e-3
    checked: int = 3
    format: str = "auto"


def shard_of(value: Any) -> tuple[int, int]:
    """`shard=i/n` as (i, n); (1, 1) where nothing is said.

    >>> shard_of("2/3"), shard_of(None)
    ((2, 3), (1, 1))

    Raises
    ------
    ConfigError : it says something else, or an i beyond n.
    """
    if value is None:
        return 1, 1
    found = _SHARD.fullmatch(str(value))
    if found is None or int(found[1]) > int(found[2]):
        raise ConfigError(
            f"shard={value} must be i/n, the i-th of n parts: shard=1/4 to shard=4/4 for four"
        )
    return int(found[1]), int(found[2])


def check(config: DictConfig) -> None:
    """Refuse pictures of several sizes, and settings out of their range."""
    shard_of(config.shard)
    if config.image.fit == "keep":
        raise ConfigError(
            "image.fit=keep has no meaning in features: a table has pictures of one size; give "
            "crop or squash"
        )
    if config.image.size**2 > MAX_PIXELS:
        raise ConfigError(
            f"image.size={config.image.size} is too large: at most {MAX_PIXELS:,} pixels"
        )
    if not 1e-6 <= config.table.accuracy <= 0.1:
        raise ConfigError(f"table.accuracy={config.table.accuracy} must be from 1e-6 to 0.1")
    if not is_whole(config.table.checked) or config.table.checked < 0:
        raise ConfigError(f"table.checked={config.table.checked} is too small: at least 0")
    if config.table.format == "parquet":
        from decouple.record.parquet import check_parquet

        check_parquet()


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """How many pictures there are, how many have all features, how fast, and how exact."""
    from decouple.report import wording

    own = wording.part(metrics, "feature_table")
    if not own:
        return []
    failed = own.get("failed") or 0
    facts = [
        Fact("pictures", f"{own.get('pictures', 0):,}"),
        Fact("without all features", f"{failed:,}", "see their status below" if failed else ""),
    ]
    seconds = own.get("seconds")
    if seconds:
        facts.append(Fact("pictures a second", f"{own['pictures'] / seconds:.2g}"))
    error = wording.part(own, "accuracy").get("largest_error")
    if error is not None:
        asked = wording.part(own, "accuracy").get("asked")
        facts.append(Fact("largest error of features", f"{error:.1e}", f"asked for {asked:.0e}"))
    return facts


FEATURE_TABLE = register(
    Experiment(
        name="feature_table",
        run="decouple.pipeline.feature_table:feature_table",
        variants={"features": "Features"},
        takes=(
            *(setting for setting in COMPARED if setting not in ("tolerance", "checkpoint")),
            *("flow", "stepper", "optimizer"),
        ),
        ignores=("stop.noisify_target", "stop.impose", "record", "image.output"),
        settings={"table": TableConfig, "shard": None},
        choices={"table.format": FORMATS},
        files={"table.labels": ()},
        of_many=True,
        check=check,
        check_inputs="decouple.pipeline.feature_table:check_shard",
        forecast="decouple.pipeline.feature_table:forecast",
        headline=headline,
    )
)
