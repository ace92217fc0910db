"""Hydra's ways to start runs: in this process, in several, or as the jobs of a cluster."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, NamedTuple

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override

from decouple.command_line import one_line
from decouple.config import config_folder
from decouple.errors import ConfigError


class Plugin(NamedTuple):
    """What brings a launcher: its module, and the extra with which it is installed."""

    module: str
    extra: str


LAUNCHERS = {
    "joblib": Plugin("hydra_plugins.hydra_joblib_launcher", "cluster"),
    "submitit_local": Plugin("hydra_plugins.hydra_submitit_launcher", "cluster"),
    "submitit_slurm": Plugin("hydra_plugins.hydra_submitit_launcher", "cluster"),
    "ray": Plugin("hydra_plugins.hydra_ray_launcher", "ray"),
}
# Of Hydra's own settings, what a sweep takes; the rest has no effect on what is done here.
OF_SWEEPS = (
    *("hydra/launcher", "hydra.launcher", "hydra.sweep.dir", "hydra.sweeper.max_batch_size"),
    *("hydra.job.name", "hydra.job.env_set", "hydra.job.env_copy"),
)
# Hydra's variable: errors are raised with all that belongs to them.
_RAISING = "HYDRA_FULL_ERROR"
# {Hydra's setting: what has the effect that it has elsewhere}
_OURS = {
    "hydra.run.dir": "run_dir=DIR",
    "hydra.output_subdir": "run_dir=DIR",
    "hydra.sweep.subdir": "hydra.sweep.dir=DIR",
    "hydra.mode": "-m",
}


def check_hydra(settings: Sequence[Override], sweeping: bool) -> None:
    """Refuse settings of Hydra's own that would be ignored.

    Parameters
    ----------
    settings : all that were given
    sweeping : whether there is `-m`

    Raises
    ------
    ConfigError : in one line, with the setting that has the effect.
    """
    for setting in settings:
        name = setting.key_or_group
        if not f"{name}.".startswith(("hydra.", "hydra/")):
            continue
        if not f"{name}.".startswith(tuple(f"{kept}." for kept in OF_SWEEPS)):
            instead = _OURS.get(name)
            raise ConfigError(
                f"{name}= has no effect here: "
                + (
                    f"write {instead}"
                    if instead
                    else f"of Hydra's settings a sweep takes {', '.join(OF_SWEEPS)}"
                )
            )
        if name == "hydra/launcher":
            check_launcher(setting.value(), sweeping)
        elif not sweeping:
            raise ConfigError(f"{name}= has no effect on one run: it needs -m")
        if setting.is_sweep_override():
            raise ConfigError(f"{setting.input_line} names several, and a sweep has one")


def check_launcher(name: object, sweeping: bool) -> None:
    """Refuse a launcher that has nothing to launch, or is not installed.

    Parameters
    ----------
    name : value of `hydra/launcher=`, None where it is not given
    sweeping : whether there is `-m`

    Raises
    ------
    ConfigError : in one line.
    """
    if name is None:
        return
    if not sweeping:
        raise ConfigError(f"hydra/launcher={name} starts the runs of a sweep: it needs -m")
    plugin = LAUNCHERS.get(str(name))
    if plugin is not None and not _installed(plugin.module):
        from decouple.installation import install_command  # seldom needed

        raise ConfigError(
            f"hydra/launcher={name} needs a plugin that is not installed: "
            + install_command(plugin.extra)
        )
    if name == "submitit_slurm" and shutil.which("srun") is None:
        raise ConfigError(
            "hydra/launcher=submitit_slurm needs Slurm, whose srun is not on this "
            "machine: start it where there is one, or give hydra/launcher=joblib"
        )


def _installed(module: str) -> bool:
    with suppress(ModuleNotFoundError):  # of the package that all plugins lie in
        return find_spec(module) is not None
    return False


@contextmanager
def raising_errors() -> Iterator[None]:
    """Let Hydra raise what goes wrong; else it prints it, and ends the process.

    Raises
    ------
    ConfigError : Hydra does not take a setting, such as one of the launcher's.
    """
    former = os.environ.get(_RAISING)
    os.environ[_RAISING] = "1"
    try:
        with one_line():
            yield
    finally:
        os.environ.pop(_RAISING)
        if former is not None:
            os.environ[_RAISING] = former


def hand_to_hydra(arguments: Sequence[str], task: Any = lambda _: None) -> None:
    """Let Hydra read the command line, and call `task` with each configuration it gives."""
    import hydra

    GlobalHydra.instance().clear()
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(config_path=str(config_folder()), config_name="config", version_base="1.3")(task)()
