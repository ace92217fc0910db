"""The flags of the command line, and the settings among which they stand in any order."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from decouple.catalogue import defaults, groups, is_text
from decouple.errors import ConfigError, unknown_name
from decouple.overrides import quoted, word

_FLAGS = ("--help", "--version", "-m", "--multirun", "--cfg", "--info", "--resolve", "--traceback")
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


@dataclass(frozen=True)
class Arguments:
    """What stands on a command line.

    Attributes
    ----------
    settings : the words NAME=VALUE, as they were typed
    helped, version, completion, sweeping : whether that was asked for
    shown : flags with which Hydra shows a configuration instead of using it, and their values
    """

    settings: list[str]
    helped: bool
    version: bool
    completion: bool
    sweeping: bool
    shown: list[str]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def parse(arguments: Sequence[str]) -> Arguments:
    """Tell flags from settings; Hydra must be initialized.

    Raises
    ------
    ConfigError : a flag that there is not, or a value that it does not take.
    """
    parser = _Parser(prog="decouple", add_help=False, allow_abbrev=False)
    parser.add_argument("settings", nargs="*")
    for flags in (("-h", "--help"), ("--version",), ("-m", "--multirun"), ("--resolve",)):
        parser.add_argument(*flags, action="store_true")
    parser.add_argument("-sc", "--shell-completion", action="store_true")
    parser.add_argument("-c", "--cfg", choices=("job", "hydra", "all"))
    parser.add_argument("-p", "--package")
    parser.add_argument("-i", "--info", nargs="?", const="all", choices=_INFO)
    told, unknown = parser.parse_known_intermixed_args(list(arguments))
    # argparse takes what holds a blank for no flag.
    unknown += [typed for typed in told.settings if typed.startswith("-")]
    if unknown:
        raise ConfigError(_unknown_flag(unknown[0], arguments))
    if told.cfg is None and (told.resolve or told.package):
        raise ConfigError(
            "--resolve and --package say how --cfg shows a configuration: add --cfg job"
        )
    shown = [
        *(["--cfg", told.cfg] if told.cfg else []),
        *(["--package", told.package] if told.package else []),
        *(["--resolve"] if told.resolve else []),
        *(["--info", told.info] if told.info else []),
    ]
    return Arguments(
        told.settings, told.help, told.version, told.shell_completion, told.multirun, shown
    )


def _unknown_flag(flag: str, arguments: Sequence[str]) -> str:
    """What to say of a flag that there is not; it may be meant for a setting."""
    name, _, value = flag.lstrip("-").partition("=")
    flags = {known.lstrip("-"): known for known in _FLAGS}
    nearest = difflib.get_close_matches(name, [*flags, *defaults(), *groups()], n=1)
    if not nearest or nearest[0] in flags:
        return unknown_name("flag", flag, _FLAGS)
    setting = "+experiment" if nearest[0] == "experiment" else nearest[0]
    following = [*arguments[list(arguments).index(flag) + 1 :], "VALUE"][0]
    if not value:
        value = "VALUE" if following.startswith("-") or "=" in following else following
    value = word(value) if is_text(setting) else value
    return f"'{flag}' is no flag, and settings have no dashes: {quoted(f'{setting}={value}')}"
