"""From a configuration back to the words of the command line that compose it.

The inverse of `decouple.command_line`, without TensorFlow: what a run changed from the defaults,
and the command that repeats it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from decouple import files
from decouple.catalogue import groups
from decouple.config import config_folder, register, registered
from decouple.documents import read_yaml
from decouple.errors import ConfigError, RunFolderError
from decouple.experiments import experiment_named
from decouple.legible import CONTROLS

REFUSALS = (HydraException, OmegaConfBaseException, OverflowError)
"""What Hydra refuses to compose with; the last, of a whole number that no float can be."""

# Settings that may themselves be a mapping with names of the user's own.
_MAPPINGS = frozenset({"strength", "optimizer.options"})
# What runs had from before there were these settings.
_BEFORE: dict[str, Any] = {
    "plugin": None,
    "features.name": "means",
    "network.preprocessing": "auto",
    "network.padding": "zero",
    "colour": "source",
    "record.animation": False,
    "image.output": "png",
    "sources": [],
    "source_weights": None,
    "regions.source": [],
    "regions.target": [],
}
# Where a run wrote, and went on, says nothing of what it computed.
_OF_ONE_RUN = frozenset({"run_dir", "resume", "plan"})
# Of a name: bytes that are no UTF-8, as Python keeps them, and what a terminal would obey.
_UNPRINTABLE = re.compile(f"[\udc80-\udcff{CONTROLS}]+")
_MAYBE_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./:%@+-]*")


def read_config(run_dir: str | Path) -> dict[str, Any]:
    """config.yaml in plain containers; empty where there is none.

    Raises
    ------
    RunFolderError : it cannot be read, or holds something else than settings.
    """
    path = Path(run_dir) / "config.yaml"
    if not files.there(path):
        return {}
    # Not OmegaConf.load: values are resolved, and a `${` in them is a name's own.
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise RunFolderError(f"'{path}' is damaged: it holds no settings")
    return found


@dataclass(frozen=True)
class Difference:
    """A setting that is not at its default.

    Attributes
    ----------
    setting : as on the command line, a group (`stepper`) or a dotted key (`stepper.steps`)
    value : what the run has
    default : what it has without being told: in the experiment, and in the chosen groups
    """

    setting: str
    value: Any
    default: Any


def differences(config: Mapping[str, Any]) -> list[Difference]:
    """What a run was told: groups first, then single settings, in the schema's order.

    Parameters
    ----------
    config : plain containers, as config.yaml has them, all interpolations resolved

    Raises
    ------
    ConfigError
        when no command line of this version composes it: an unknown experiment, choice or
        setting, or one that is missing.
    """
    if not isinstance(config.get("experiment"), str):
        raise ConfigError(f"experiment={config.get('experiment')} is no name")
    experiment = f"+experiment={word(config['experiment'])}"
    base = composed(experiment)
    choices = [
        Difference(group, value["name"], base[group]["name"])
        for group, value in config.items()
        if _is_choice(group, value) and _is_choice(group, base.get(group))
    ]
    choices = [choice for choice in choices if choice.value != choice.default]
    chosen = [experiment, *(f"{choice.setting}={word(choice.value)}" for choice in choices)]
    had = settings(composed(*chosen))
    # Not every network, say, has each of them.
    has = {**{name: _BEFORE[name] for name in _BEFORE.keys() & had.keys()}, **settings(config)}
    # What other experiments have come to ask for says nothing of this run.
    takes = experiment_named(config["experiment"]).takes_setting
    has = {**{name: had[name] for name in had.keys() - has.keys() if not takes(name)}, **has}
    strangers = sorted((has.keys() ^ had.keys()) - _OF_ONE_RUN)
    if strangers:
        raise ConfigError(f"settings of another version of decouple: {', '.join(strangers)}")
    found = choices + [
        Difference(setting, value, had[setting])
        for setting, value in has.items()
        if setting not in _OF_ONE_RUN and not _same(value, had[setting])
    ]
    words = (f"{change.setting}={word(change.value)}" for change in found)
    again = settings(composed(experiment, *words))
    for setting in has.keys() - _OF_ONE_RUN:
        if not _same(has[setting], again[setting]):
            raise ConfigError(f"no word of the command line gives {setting}={has[setting]!r}")
    return found


def overrides(config: Mapping[str, Any]) -> list[str]:
    """The words after `decouple.run`, the experiment first; raises ConfigError as `differences`."""
    found = differences(config)
    experiment = f"+experiment={word(config['experiment'])}"
    return [experiment, *(f"{change.setting}={word(change.value)}" for change in found)]


def same_run(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configurations, in plain containers, compute the same."""
    computed = [
        {name: value for name, value in settings(config).items() if name not in _OF_ONE_RUN}
        for config in (one, other)
    ]
    return computed[0] == computed[1]


def repeat_command(config: Mapping[str, Any]) -> str:
    """The command that repeats a run; see `command`.

    Raises
    ------
    ConfigError
        as `differences`.

    >>> print(repeat_command(composed("+experiment=self_transfer", "source='my photo.jpg'")))
    python -m decouple.run +experiment=self_transfer "source='my photo.jpg'"
    """
    return command(*overrides(config))


def command(*words: str) -> str:
    """The command line of these words, quoted for a shell."""
    return " ".join(["python -m decouple.run", *map(quoted, words)])


def quoted(word: str) -> str:
    r"""A word as a shell takes it: in double quotes, which all shells know, where they are enough.

    >>> print(quoted("layers=[block1_conv1]"), quoted("source='$a.jpg'"), quoted("seed=1"))
    "layers=[block1_conv1]" 'source='"'"'$a.jpg'"'"'' seed=1
    >>> print(quoted("resume='caf\udce9'"))
    'resume='"'"'caf'$'\xe9'''"'"''
    """
    plain = shlex.quote(word)
    if _UNPRINTABLE.search(word):
        # Such a byte stands in a quoted word, which it leaves for quotes that know escapes.
        return _UNPRINTABLE.sub(lambda found: f"'$'{_escaped(found[0])}''", plain)
    return plain if plain == word or set('"$`\\!') & set(word) else f'"{word}"'


def _escaped(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogateescape"))


def settings(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested groups as one level, `{"image": {"size": 48}}` as `{"image.size": 48}`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and above + key not in _MAPPINGS:
            flat.update(settings(value, f"{above}{key}."))
        else:
            flat[f"{above}{key}"] = value
    return flat


def word(value: Any) -> str:
    """A value as Hydra's grammar reads it back, quoted where it must be.

    >>> [word(value) for value in (None, True, 1e-05, "sample:coffee", "a, b.jpg")]
    ['null', 'true', '1e-05', 'sample:coffee', "'a, b.jpg'"]
    >>> word(["x", 2]), word({"x": 2})
    ('[x,2]', '{x:2}')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(word, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{word(key)}:{word(held)}' for key, held in value.items())}}}"
    if not isinstance(value, str):
        return str(value)
    if _MAYBE_PLAIN.fullmatch(value) and _reads_as_itself(value):
        return value
    return QuotedString(escaped(value), Quote.single).with_quotes()


def escaped(text: str) -> str:
    r"""Text as OmegaConf holds it: a dollar and a brace would be an interpolation, in quotes too.

    >>> print(escaped("${seed}.jpg"), escaped("\\${seed}.jpg"))
    \${seed}.jpg \\\${seed}.jpg
    """
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def literal(held: str) -> str:
    r"""What is left of text that OmegaConf would hold, if nothing in it is an interpolation.

    The inverse of `escaped`, which takes what was not escaped as it stands.

    >>> print(literal("\\${seed}.jpg"), literal("${seed}.jpg"))
    ${seed}.jpg ${seed}.jpg
    """
    return re.sub(r"(\\*)\$\{", lambda found: found[1][: len(found[1]) // 2] + "${", held)


def _reads_as_itself(text: str) -> bool:
    """Whether Hydra takes it for this very string, and not for a null, a truth or a number."""
    try:
        read = OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        return False
    return isinstance(read, str) and read == text


def _is_choice(group: object, value: object) -> bool:
    """Whether this part of a configuration was chosen among the files of a group."""
    if not isinstance(value, Mapping):
        return False
    return value.get("name") in groups().get(str(group), ())


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def composed(*words: str) -> dict[str, Any]:
    """What these words compose, in plain containers that are not to be changed."""
    return _composed(registered(), *words)


@lru_cache(maxsize=64)
def _composed(_: tuple[object, ...], *words: str) -> dict[str, Any]:
    register()
    # While a sweep runs, Hydra is at work already; it stands aside for a moment.
    at_work, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            config = OmegaConf.to_container(compose("config", overrides=list(words)), resolve=True)
    except REFUSALS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{' '.join(words)} does not compose: {reason}") from error
    finally:
        GlobalHydra.instance().hydra = at_work
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}
