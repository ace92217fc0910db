"""The errors a user can cause, each one line long and with the way out in it.

Everything the command line reports in one line (exit code 2) derives from
`DecoupleError`; any other exception is a defect of this package and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

Choice = TypeVar("Choice", bound="NamedChoice")
# More than these are no help in a line.
_MOST_CHOICES = 40
# Names in a message; the rest are counted.
_FEW = 3
# conv1_1 and, behind its activation, relu1_1, in Caffe's VGG and in much style transfer; also r11.
_CAFFE = re.compile(r"(?:conv|relu|r)_?(\d)[_-]?(\d)", re.IGNORECASE)


class DecoupleError(Exception):
    """Base of every error that the user can mend; `str(error)` is one clear line."""


class ConfigError(DecoupleError, ValueError):
    """A setting that does not exist, has the wrong type or contradicts another."""


class ImageError(DecoupleError, ValueError):
    """A picture that cannot be read, is too small, or holds no usable values."""


class WeightsError(DecoupleError, ValueError):
    """Network weights that cannot be found, fetched or read."""


class FeaturesError(DecoupleError, ValueError):
    """Features that do not do what `decouple.features.Features` promises."""


class FailedRun(DecoupleError):
    """A run that ended early; what it reached is in its folder.

    Attributes
    ----------
    folder : the run folder
    """

    def __init__(self, reason: str, folder: Path) -> None:
        """Say why it ended, and where to look."""
        super().__init__(f"{reason} What was reached is in {folder}")
        self.folder = folder


class RunFolderError(DecoupleError, OSError):
    """A run folder that cannot be made or written."""


class DamagedFile(RunFolderError):
    """A file that is not as it was written."""


def unknown_name(
    kind: str, name: object, choices: Iterable[str], meant: object | None = None
) -> str:
    """One line that says what was wrong, the nearest valid name, and the choices.

    The nearest is that to `meant`, another spelling of the name, where that is given.

    >>> unknown_name("pooling", "averege", ["average", "max", "l2"])
    "unknown pooling 'averege'; did you mean 'average'? Choices: average, max, l2"
    """
    choices = list(choices)
    nearest = difflib.get_close_matches(str(meant or name), choices, n=1, cutoff=0.5)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else "."
    if len(choices) > _MOST_CHOICES:
        return f"unknown {kind} '{name}'{hint} --help lists all {len(choices)}"
    return f"unknown {kind} '{name}'{hint} Choices: {', '.join(choices)}"


def unknown_layer(kind: str, name: object, layers: Iterable[str]) -> str:
    """As `unknown_name`, which takes Caffe's names of VGG's layers for what they are here.

    >>> unknown_layer("layer", "relu2_1", ["block1_conv1", "block2_conv1"])
    "unknown layer 'relu2_1'; did you mean 'block2_conv1'? Choices: block1_conv1, block2_conv1"
    """
    caffe = _CAFFE.fullmatch(str(name))
    meant = f"block{caffe[1]}_conv{caffe[2]}" if caffe else name
    return unknown_name(kind, name, layers, meant)


def some_of(names: Sequence[str]) -> str:
    """The first few names, and how many more there are.

    >>> some_of(["a.png", "b.png", "c.png", "d.png", "e.png"])
    "'a.png', 'b.png', 'c.png' and 2 more"
    """
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(map(repr, names[:_FEW]))}{more}"


class NamedChoice(str, Enum):
    """An option with a fixed set of names, spelled in lower case."""

    @classmethod
    def named(cls: type[Choice], name: str) -> Choice:
        """The member called `name`; ConfigError with the nearest name if there is none."""
        try:
            return cls(name)
        except ValueError:
            choices = [member.value for member in cls]
            raise ConfigError(unknown_name(cls.__name__.lower(), name, choices)) from None
