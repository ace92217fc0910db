"""From the words of the command line to a checked configuration, or to one clear line.

Hydra composes; what is added here are messages that name the nearest valid setting or choice,
and the help page, both without TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from decouple import __version__
from decouple.checks import check, may_change, resumed_anew
from decouple.config import SCHEMAS, config_folder
from decouple.errors import ConfigError, unknown_name
from decouple.overrides import overrides as words_of
from decouple.overrides import read_config

HELP = """\
decouple {version}: take an image's decoupled features off, and put them back.

usage: python -m decouple.run +experiment=NAME [SETTING=VALUE ...]

experiments
  {experiments}

settings (with their defaults)
{settings}

choices
{choices}

examples
  python -m decouple.run +experiment=self_transfer
  python -m decouple.run +experiment=self_transfer source=photo.jpg layers=3 image.size=128
  python -m decouple.run +experiment=self_transfer stepper=rk4 stepper.steps=16
  python -m decouple.run -m +experiment=self_transfer layers=1,2 seed=0,1      one run for each
  python -m decouple.run resume=RUN_DIR          go on with a run that was cut short
  python -m decouple.run verify=RUN_DIR          run it again, and say how alike the two are

flags: -m (sweep), --cfg job (show the composed configuration), --traceback (on errors)
What each setting means: decouple/config.py, or the README.
"""


def compose_checked(overrides: list[str]) -> DictConfig:
    """The configuration, checked; ConfigError in one line."""
    parsed = _parse(overrides)
    for override in parsed:
        _check_name(override)
    overrides = _resumed(parsed, overrides)
    try:
        config = compose("config", overrides=overrides)
        missing = OmegaConf.missing_keys(config)
        if "experiment" in missing:
            raise ConfigError(
                f"name an experiment: +experiment=NAME with one of {', '.join(_experiments())}"
            )
        if missing:
            raise ConfigError(f"{', '.join(sorted(missing))} must have a value")
        check(config, (o.key_or_group for o in parsed))  # type: ignore[arg-type]
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_first_line(error)) from error
    return config


def _resumed(parsed: list[Override], overrides: list[str]) -> list[str]:
    """With `resume=`, the words of that run before those given now; else the words as they are."""
    named = {override.key_or_group: override.value() for override in parsed}
    run_dir = named.get("resume")
    if run_dir is None:
        return overrides
    config = read_config(str(run_dir))
    if not config:
        raise ConfigError(f"resume={run_dir}: there is no run folder with a config.yaml")
    if named.get("experiment", config.get("experiment")) != config.get("experiment"):
        raise ConfigError(f"resume={run_dir} is a run of +experiment={config.get('experiment')}")
    experiment = str(config.get("experiment"))
    for key in named:
        if key != "experiment" and not may_change(experiment, key):
            anew = (k for k in resumed_anew(experiment) if k != "resume")
            raise ConfigError(
                f"{key}= cannot be set with resume=: a run goes on with its own settings; only "
                f"{', '.join(anew)} may change"
            )
    own = [o.input_line or "" for o in parsed if o.key_or_group != "experiment"]
    return [*words_of(config), *own]


def verified_run(overrides: list[str]) -> tuple[str, DictConfig] | None:
    """The folder and the configuration of `verify=RUN_DIR`; None where nothing is verified.

    Raises
    ------
    ConfigError : there is no such run, or other settings are given with it.
    """
    if not any(override.startswith("verify=") for override in overrides):
        return None
    parsed = {override.key_or_group: override.value() for override in _parse(overrides)}
    if len(parsed) > 1:
        other = next(key for key in parsed if key != "verify")
        raise ConfigError(f"{other}= cannot be set with verify=: a run is repeated as it was")
    run_dir = str(parsed["verify"])
    config = read_config(run_dir)
    if not config:
        raise ConfigError(f"verify={run_dir}: there is no run folder with a config.yaml")
    return run_dir, compose_checked(words_of(config))


def _parse(overrides: list[str]) -> list[Override]:
    try:
        return list(OverridesParser.create().parse_overrides(overrides))
    except HydraException as error:
        raise ConfigError(
            f"{_first_line(error)} (settings are NAME=VALUE; quote values that hold spaces, "
            "commas or '=': \"source='a, b.jpg'\")"
        ) from error


def cells(overrides: list[str]) -> list[list[str]]:
    """A sweep's overrides, one list for each run."""
    choices = []
    for override in _parse(overrides):
        if override.is_sweep_override():
            name = override.get_key_element()
            choices.append([f"{name}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([override.input_line or ""])
    return [list(cell) for cell in product(*choices)]


def launcher_of(overrides: list[str]) -> object:
    """What `hydra/launcher=` names; None where it is not given."""
    named = {override.key_or_group: override.value() for override in _parse(overrides)}
    return named.get("hydra/launcher")


def sweep_folder(cell: list[str]) -> Path:
    """Where Hydra would keep a sweep, from the overrides of one of its cells."""
    config = compose("config", overrides=cell, return_hydra_config=True)
    return Path(str(config.hydra.sweep.dir))


def _first_line(error: Exception) -> str:
    """The part of a Hydra or OmegaConf message that says what is wrong."""
    cause: BaseException = error
    while isinstance(cause.__cause__, (HydraException, OmegaConfBaseException)):
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    if "not in" in lines[0] and lines[0].startswith("Key"):
        # A setting that exists, but not with the choices made.
        option, kind = lines[0].split("'")[1::2]
        return f"'{option}' is not an option of {kind.lower()}: it would be ignored"
    key = next((line[len("full_key: ") :] for line in lines if line.startswith("full_key:")), "")
    return f"{key}: {lines[0]}" if key and key not in lines[0] else lines[0]


def _groups() -> dict[str, list[str]]:
    """{group: its choices}, from the folders of `configs/`."""
    return {
        folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
        for folder in sorted(config_folder().iterdir())
        if folder.is_dir()
    }


def _experiments() -> list[str]:
    return _groups()["experiment"]


def _settings() -> dict[str, Any]:
    """{dotted key: default} of everything that is not a group, steppers' options included."""
    composed = OmegaConf.to_container(compose("config"))
    assert isinstance(composed, dict)
    settings = dict(_flat(composed))
    del settings["experiment"]
    for group, schemas in SCHEMAS.items():
        for schema in schemas.values():
            for key, default in _flat(OmegaConf.to_container(OmegaConf.structured(schema))):
                settings.setdefault(f"{group}.{key}", default)
    return {
        key: value
        for key, value in settings.items()
        if not (key.endswith(".name") and key.split(".")[0] in SCHEMAS)
    }


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested dictionaries with their dotted keys."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _check_name(override: Override) -> None:
    """Say the nearest valid name of a setting or a choice that does not exist."""
    key, groups = override.key_or_group, _groups()
    if key.split("/")[0] == "hydra" or key.startswith("hydra."):
        return
    value = override.value()
    if key in groups:
        if key == "experiment" and not override.is_add():
            raise ConfigError(f"write +experiment={value}, with a plus sign")
        if isinstance(value, str) and value not in groups[key]:
            raise ConfigError(unknown_name(key, value, groups[key]))
        return
    if override.is_add() or override.is_delete():
        sign = "+" if override.is_add() else "~"
        raise ConfigError(f"{sign}{key}: only +experiment takes a sign; write {key}=VALUE")
    settings = _settings()
    if key not in settings:
        raise ConfigError(unknown_name("setting", key, [*settings, *groups]))


def help_page() -> str:
    """What `--help` prints: experiments, settings with their defaults, and choices."""
    groups, settings = _groups(), _settings()
    return HELP.format(
        version=__version__,
        experiments="\n  ".join(_experiments()),
        settings="\n".join(
            f"  {key}={'null' if value is None else value}" for key, value in settings.items()
        ),
        choices="\n".join(
            f"  {group}: {', '.join(names)}"
            for group, names in groups.items()
            if group != "experiment"
        ),
    )
