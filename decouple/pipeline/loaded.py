"""The network of the run before: runs of a sweep that ask for the same do not load it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decouple.features import ChannelMeans, Extractor
from decouple.files import expanded
from decouple.networks import Chain, network


@dataclass(frozen=True)
class Loaded:
    """A network, and what was said of how it was found.

    Attributes
    ----------
    chain : down to the last layer that anything looks at
    extractor : channel means of some of its layers, with the passes compiled so far
    notes : one line each
    """

    chain: Chain
    extractor: Extractor
    notes: tuple[str, ...]


# One, since a network takes up to 80 MB.
_kept: dict[object, Loaded] = {}


def loaded(
    options: Mapping[str, Any],
    last: str,
    layers: tuple[str, ...],
    say: Callable[[str], None],
    device: str = "auto",
) -> Loaded:
    """A network with its weights, loaded now or by the run before.

    Parameters
    ----------
    options : of `network`
    last : where the chain stops
    layers : whose channel means are looked at
    say : told how the weights were found
    device : where its numbers lie

    Raises
    ------
    ConfigError, WeightsError : as `network` does.
    """
    key = (device, last, layers, tuple(sorted(options.items())), _state(str(options["weights"])))
    if key not in _kept:
        notes: list[str] = []
        chain = network(last=last, say=notes.append, **options)
        forget()
        _kept[key] = Loaded(chain, ChannelMeans(chain, layers), tuple(notes))
    found = _kept[key]
    for note in found.notes:
        say(note)
    return found


def forget() -> None:
    """Let the next run load its network itself."""
    _kept.clear()


def _state(weights: str) -> tuple[int, int] | None:
    """What tells a weights file from another that has taken its place; None if it is no file."""
    try:
        about = expanded(weights).stat()
    except (OSError, ValueError):
        return None
    return about.st_mtime_ns, about.st_size
