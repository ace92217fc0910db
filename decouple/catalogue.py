"""Which settings there are: their names, defaults and choices, and which of them are text.

All of it follows from the schema, from the files in `configs/`, and from what a user's module adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any, get_origin, get_type_hints

from hydra import compose
from omegaconf import OmegaConf

from decouple.config import Config, config_folder, own_settings, paths, registered, schemas
from decouple.experiments import experiment_names
from decouple.families import FAMILIES
from decouple.flow_kinds import FLOWS


def groups() -> dict[str, list[str]]:
    """{group: its choices}, from the folders of `configs/` and from what is registered."""
    return _groups(registered())


@lru_cache(maxsize=8)
def _groups(_: tuple[object, ...]) -> dict[str, list[str]]:
    found = {
        folder.name: {file.stem for file in folder.glob("*.yaml")}
        for folder in sorted(config_folder().iterdir())
        if folder.is_dir()
    }
    found["experiment"] |= set(experiment_names())
    found["features"] = set(FAMILIES.names())
    found["flow"] |= set(FLOWS.names())
    return {group: sorted(names) for group, names in found.items()}


def defaults() -> dict[str, Any]:
    """{dotted key: default} of everything that is not a group, steppers' options included.

    Hydra must be initialized.
    """
    return _defaults(registered())


@lru_cache(maxsize=8)
def _defaults(_: tuple[object, ...]) -> dict[str, Any]:
    composed = OmegaConf.to_container(compose("config"))
    assert isinstance(composed, dict)
    settings = dict(_leaves(composed))
    del settings["experiment"]
    for group, kinds_of_group in schemas().items():
        for kind in kinds_of_group.values():
            for key, default in _leaves(OmegaConf.to_container(OmegaConf.structured(kind))):
                settings.setdefault(f"{group}.{key}", default)
    return {
        key: value
        for key, value in settings.items()
        if not (key.endswith(".name") and key.split(".")[0] in schemas())
    }


def is_text(setting: str) -> bool:
    """Whether a value of this setting is text whatever it looks like, 1_2 and 1e5 too.

    >>> [is_text(setting) for setting in ("source", "run_dir", "stepper", "seed", "layers")]
    [True, True, True, False, False]
    """
    # Hydra's own have types, by which OmegaConf makes numbers of text where they are meant.
    return (
        setting in paths()
        or setting in groups()
        or setting.startswith(("hydra.", "hydra/"))
        or _kinds(registered()).get(setting) in (str, str | None)
    )


def may_be_list(setting: str) -> bool:
    """Whether the schema lets this setting be a list.

    >>> [may_be_list(setting) for setting in ("layers", "compare.methods", "source", "flow")]
    [True, True, False, False]
    """
    kind = _kinds(registered()).get(setting)
    return setting not in groups() and (kind is Any or get_origin(kind) is list)


@lru_cache(maxsize=8)
def _kinds(_: tuple[object, ...]) -> dict[str, Any]:
    """{dotted key: the type that the schema gives it}."""
    kinds = dict(_fields(Config))
    for name, default in own_settings().items():
        grouped = isinstance(default, type) and is_dataclass(default)
        kinds.update(_fields(default, f"{name}.") if grouped else [(name, Any)])
    for group, kinds_of_group in schemas().items():
        for kind in kinds_of_group.values():
            kinds.update(_fields(kind, f"{group}."))
    return kinds


def _fields(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields of nested dataclasses with their dotted keys."""
    for name, held in get_type_hints(kind).items():
        if is_dataclass(held):
            yield from _fields(held, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield f"{prefix}{name}", held


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested dictionaries with their dotted keys."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
