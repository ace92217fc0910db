"""The network of the run before: runs of a sweep that ask for the same do not load it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decouple.families import Family
from decouple.features import Features
from decouple.files import expanded
from decouple.network_kinds import VGG, network_kind
from decouple.networks import network
from decouple.networks.network import Network
from decouple.registry import function_at


@dataclass(frozen=True)
class Loaded:
    """A network, and what was said of how it was found.

    Attributes
    ----------
    network : down to the last layer that anything looks at; None where nothing looks at one
    extractor : features of some of its layers, with the passes compiled so far
    notes : one line each
    """

    network: Network | None
    extractor: Features
    notes: tuple[str, ...]


# One, since a network takes up to 80 MB.
_kept: dict[object, Loaded] = {}


def loaded(
    options: Mapping[str, Any] | None,
    last: str | None,
    layers: Any,
    say: Callable[[str], None],
    family: Family,
    settings: Mapping[str, Any],
    device: str = "auto",
) -> Loaded:
    """A network with its weights and the features of its layers, of now or of the run before.

    Parameters
    ----------
    options : of `network`; None for features of none
    last : where VGG stops
    layers : whose features are looked at
    say : told how the weights were found
    family, settings : of the features, and its settings
    device : where the network's numbers lie

    Raises
    ------
    ConfigError, WeightsError : as `network` and the family do.
    """
    options = options or {}
    files = [_state(str(options.get(key))) for key in ("weights", "model")]
    key = (device, last, str(layers), str(options), family.build, str(settings), *files)
    if key not in _kept:
        notes: list[str] = []
        made = _network(options, last, notes.append)
        names = layers if made is None else made.resolve_layers(layers)
        forget()
        extractor = function_at(family.build)(settings, made, names)
        _kept[key] = Loaded(made, extractor, tuple(notes))
    found = _kept[key]
    for note in found.notes:
        say(note)
    return found


def _network(
    options: Mapping[str, Any], last: str | None, say: Callable[[str], None]
) -> Network | None:
    if not options:
        return None
    if network_kind(options["name"]) is VGG:
        return network(last=last, say=say, **options)
    from decouple.networks.keras_files import keras_model  # imports Keras, which takes a second

    return keras_model(**{key: value for key, value in options.items() if key != "name"})


def forget() -> None:
    """Let the next run load its network itself."""
    _kept.clear()


def _state(name: str) -> tuple[int, int] | None:
    """What tells a file from another that has taken its place; None if it is no file."""
    try:
        about = expanded(name).stat()
    except (OSError, ValueError):
        return None
    return about.st_mtime_ns, about.st_size
