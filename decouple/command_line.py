"""From the words of the command line to a checked configuration, or to one clear line.

Hydra composes; what is added here are its refusals in one line, what `resume=` and `verify=` stand
for, and the help page, all without TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from decouple import __version__
from decouple.catalogue import defaults, groups
from decouple.checks import check
from decouple.errors import ConfigError
from decouple.experiments import ANEW, experiment_named
from decouple.overrides import REFUSALS, literal, read_config
from decouple.overrides import overrides as words_of
from decouple.plugins import load_of as load_plugins_of
from decouple.record.places import seen_from_here
from decouple.words import read

# What may be named with `resume=`, as long as it is what the run was told.
_OF_THE_RUN = ("experiment", "plugin")
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
  python -m decouple.run index=runs              one page over all runs in a folder
  python -m decouple.run +plugin=my_module +experiment=mine     one of your own

flags: -m (sweep), --cfg job (show the composed configuration), --version, --traceback (on errors)
What each setting means: decouple/config.py, decouple/experiments, or the README.
"""


def compose_checked(overrides: list[str]) -> DictConfig:
    """The configuration, checked; ConfigError in one line."""
    config, parsed = _composed(overrides)
    with one_line():
        missing = OmegaConf.missing_keys(config)
        if "experiment" in missing:
            names = ", ".join(groups()["experiment"])
            raise ConfigError(f"name an experiment: +experiment=NAME with one of {names}")
        if missing:
            raise ConfigError(f"{', '.join(sorted(missing))} must have a value")
        check(config, (o.key_or_group for o in parsed))
    return config


def check_names(overrides: list[str]) -> None:
    """Raise ConfigError unless the words compose a configuration, which may lack something."""
    _composed(overrides)


def _composed(overrides: list[str]) -> tuple[DictConfig, list[Override]]:
    """The configuration of one run, and the settings that were named."""
    parsed = read(overrides)
    with one_line():
        return compose("config", overrides=_resumed(parsed)), parsed


@contextmanager
def one_line() -> Iterator[None]:
    """Say in one line what Hydra and OmegaConf say in several."""
    try:
        yield
    except REFUSALS as error:
        raise ConfigError(_first_line(error)) from error


def _resumed(parsed: list[Override]) -> list[str]:
    """With `resume=`, the words of that run before those given now; else the words as they are."""
    named = {override.key_or_group: override.value() for override in parsed}
    run_dir = named.get("resume")
    if run_dir is None:
        return [override.input_line or "" for override in parsed]
    config = _settings_of("resume", literal(str(run_dir)))
    for key in _OF_THE_RUN:
        if named.get(key, config.get(key)) != config.get(key):
            raise ConfigError(f"resume={run_dir} is a run of +{key}={config.get(key)}")
    experiment = experiment_named(str(config.get("experiment")))
    for key in named:
        if key not in _OF_THE_RUN and not experiment.may_change(key):
            anew = (*ANEW, *experiment.resumed_anew)
            raise ConfigError(
                f"{key}= cannot be set with resume=: a run goes on with its own settings; only "
                f"{', '.join(k for k in anew if k != 'resume')} may change"
            )
    own = [o.input_line or "" for o in parsed if o.key_or_group not in _OF_THE_RUN]
    return [*words_of(config), *own]


def indexed_folder(overrides: list[str]) -> str | None:
    """The folder of `index=FOLDER`; None where no page over a folder is asked for.

    Raises
    ------
    ConfigError : other settings are given with it.
    """
    return _alone("index", overrides, "a page over runs that have been made")


def _alone(setting: str, overrides: list[str], why: str) -> str | None:
    """The value of a setting that stands alone; None where it is not named."""
    if not any(override.startswith(f"{setting}=") for override in overrides):
        return None
    parsed = read(overrides)
    for override in parsed:
        if override.key_or_group != setting:
            raise ConfigError(f"{override.key_or_group}= cannot be set with {setting}=: {why}")
    return literal(str(parsed[-1].value()))


def verified_run(overrides: list[str]) -> tuple[str, DictConfig] | None:
    """The folder and the configuration of `verify=RUN_DIR`; None where nothing is verified.

    Raises
    ------
    ConfigError : there is no such run, or other settings are given with it.
    """
    run_dir = _alone("verify", overrides, "a run is repeated as it was")
    if run_dir is None:
        return None
    return run_dir, compose_checked(words_of(_settings_of("verify", run_dir)))


def _settings_of(setting: str, run_dir: str) -> dict[str, Any]:
    """What an earlier run was told, its files as they are named from this folder."""
    config = read_config(run_dir)
    if not config:
        raise ConfigError(f"{setting}={run_dir}: there is no run folder with a config.yaml")
    load_plugins_of(config)
    return seen_from_here(config, run_dir)


def cells(overrides: list[str]) -> list[list[str]]:
    """A sweep's overrides, one list for each run; of a setting that is named twice the latter."""
    choices = {}
    for override in read(overrides, sweeping=True):
        name, values = override.get_key_element(), [override.input_line or ""]
        if override.is_sweep_override():
            values = [f"{name}={value}" for value in override.sweep_string_iterator()]
        choices[name] = values
    return [list(cell) for cell in product(*choices.values())]


def sweep_folder(cell: list[str]) -> Path | None:
    """What `hydra.sweep.dir` names in a sweep's cell; None where it is not given."""
    if not any(override.key_or_group == "hydra.sweep.dir" for override in read(cell)):
        return None
    config = compose("config", overrides=cell, return_hydra_config=True)
    return Path(str(config.hydra.sweep.dir))


def _first_line(error: Exception) -> str:
    """The part of a Hydra or OmegaConf message that says what is wrong."""
    cause: BaseException = error
    while isinstance(cause.__cause__, (HydraException, OmegaConfBaseException)):
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    if lines[0].endswith("raised while composing config:"):
        return f"{lines[0].partition(':')[0]}: {_reason(lines[1:])}"  # of a file of the user's
    return _reason(lines)


def _reason(lines: list[str]) -> str:
    """What the lines of a message say is wrong."""
    if "not in" in lines[0] and lines[0].startswith("Key"):
        # A setting that exists, but not with the choices made.
        option, *kind = lines[0].split("'")[1::2]
        if not kind:  # of a mapping without a schema, such as hydra.job.env_set
            return f"'{option}' is not there to be changed: a new entry takes a plus sign"
        of_two_words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind[0].removesuffix("Config"))
        owner = of_two_words.lower() or "config"
        return f"'{option}' is not an option of {owner}: it would be ignored"
    key = next((line[len("full_key: ") :] for line in lines if line.startswith("full_key:")), "")
    return f"{key}: {lines[0]}" if key and key not in lines[0] else lines[0]


def help_page() -> str:
    """What `--help` prints: experiments, settings with their defaults, and choices."""
    return HELP.format(
        version=__version__,
        experiments="\n  ".join(groups()["experiment"]),
        settings="\n".join(
            f"  {key}={'null' if value is None else value}" for key, value in defaults().items()
        ),
        choices="\n".join(
            f"  {group}: {', '.join(names)}"
            for group, names in groups().items()
            if group != "experiment"
        ),
    )
