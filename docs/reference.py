"""Pages of the site that follow from the code: the settings, and the interface of Python."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path

from hydra import initialize_config_dir

import decouple as dc
from decouple.catalogue import defaults, groups
from decouple.config import Config, choices, config_folder, own_settings, register, schemas
from decouple.overrides import word

# Of the interface, by what a reader looks for; whatever is not named stands at the end.
PARTS = {
    "Pictures": ("load", "save", "psnr_db"),
    "Networks": ("vgg16", "vgg19", "keras_network", "smoothed", "Chain"),
    "Features": (
        *("ChannelMeans", "LayerStatistics", "FunctionFeatures", "Moments", "Joined", "Features"),
        *("RegionMeans", "check_features"),
    ),
    "The four steps": (
        *("prepare", "noise_image", "noise_reference", "noisify", "impose", "impose_retraced"),
        *("round_trip", "mix", "match", "metamer", "interpolate"),
        *("decoupling_defect", "bracket_shares"),
        *("Prepared", "Reference", "DecoupledFeatures"),
    ),
    "Tables of features": ("read_table", "join_tables"),
    "Ways to move": (
        *("Lift", "stepper", "Projected", "Gradient", "optimizer", "StopRule", "StopRules"),
        *("StopReason", "Motion"),
    ),
}


def write_reference(folder: Path) -> None:
    """Write `api.md` and `settings.md` into a folder; what does not change is not touched."""
    folder.mkdir(exist_ok=True)
    for name, text in (("api", _api()), ("settings", _settings())):
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _api() -> str:
    placed = {name for names in PARTS.values() for name in names}
    others = [name for name in dc.__all__ if name not in placed and not name.startswith("_")]
    lines = [
        "# In Python",
        "",
        "Everything of `import decouple as dc`. The examples are tests. Most are of",
        "`dc.Moments`, which are features of the pixels and quick; a network's take their place.",
    ]
    for title, names in {**PARTS, "Others": others}.items():
        shown = [name for name in names if name in dc.__all__]
        if shown:
            lines += ["", f"## {title}", "", "```{eval-rst}", *map(_directive, shown), "```"]
    return "\n".join(lines) + "\n"


def _directive(name: str) -> str:
    thing = getattr(dc, name)
    if not inspect.isclass(thing):
        return f".. autofunction:: decouple.{name}\n"
    return f".. autoclass:: decouple.{name}\n   :members:\n"


def _settings() -> str:
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        held, named = defaults(), groups()
    lines = [
        "# All settings",
        "",
        "Written as `NAME=VALUE` behind `python -m decouple.run +experiment=NAME`; the table in",
        "the [README](../../README.md#use-it-on-your-pictures) has those that most need, with",
        "more words. An experiment refuses settings that it has no use for.",
        "",
        "| group | choices |",
        "| --- | --- |",
        *(f"| `{group}` | {_words(names)} |" for group, names in named.items()),
    ]
    of_groups = _kinds()
    for group, kinds in of_groups.items():
        own = {name: value for name, value in held.items() if _group(name, of_groups) == group}
        lines += ["", f"## {group or 'Of every run'}", "", "| setting | default | words |"]
        lines += ["| --- | --- | --- |"]
        for name, value in own.items():
            lines.append(f"| `{name}` | `{word(value)}` | {_words(choices().get(name, ()))} |")
        for kind in explaining(kinds):
            lines += ["", *_said(kind)]
    return "\n".join(lines) + "\n"


def explaining(kinds: Iterable[type]) -> list[type]:
    """The dataclasses of a group, what they are derived from, and those of its parts."""
    found: dict[type, None] = {}
    for kind in kinds:
        parts = [] if kind is Config else [field.default_factory for field in fields(kind)]
        nested = [part for part in parts if isinstance(part, type) and is_dataclass(part)]
        bases = [base for base in kind.__mro__ if is_dataclass(base)]
        found |= dict.fromkeys([*bases, *explaining(nested)])
    return list(found)


def _said(kind: type) -> list[str]:
    """What the docstring of a group's dataclass says of its settings."""
    text = inspect.getdoc(kind) or ""
    if "\n---" not in text:
        return [text]
    home = f"{kind.__module__}.{kind.__qualname__}"
    return ["```{eval-rst}", f".. autoclass:: {home}", "   :no-index:", "```"]


def _kinds() -> dict[str, list[type]]:
    """{group of settings: the dataclasses of it}, first that of all that are in none."""
    found: dict[str, list[type]] = {"": [Config]}
    of_run = {field.name: field.default_factory for field in fields(Config)}
    of_experiments = {**of_run, **own_settings()}
    for name, kind in of_experiments.items():
        if isinstance(kind, type) and is_dataclass(kind):
            found[name] = [kind]
        elif is_dataclass(kind):
            found[name] = [type(kind)]
    for group, kinds in schemas().items():
        found[group] = list(kinds.values())
    return found


def _group(name: str, groups: Iterable[str]) -> str:
    """The group that a setting is in; that of no name where it is in none."""
    first = name.split(".")[0]
    return first if first in groups else ""


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
