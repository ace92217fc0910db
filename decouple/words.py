"""The words of a command line as they were typed, put so that Hydra reads what is meant.

Hydra's grammar takes `1_2` for the number 12 and stumbles over `é`, `(` and `~`. Where a setting is
text, what was typed is its text; what has no meaning, or two, is one line that says how to write it
in a shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from glob import glob
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from antlr4 import InputStream
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    Glob,
    Override,
    Quote,
    QuotedString,
    Transformer,
    ValueType,
)
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import OverrideLexer

from decouple.catalogue import defaults, groups, is_text, may_be_list
from decouple.config import choices, paths
from decouple.errors import ConfigError, unknown_name
from decouple.files import expanded
from decouple.overrides import literal, quoted, word

# Of one setting in a sweep; a range may have no end.
_MOST_VALUES = 10_000
_NUMBERS = (OverrideLexer.INT, OverrideLexer.FLOAT, OverrideLexer.BOOL)
# What stands beside a value.
_EDGES = {OverrideLexer.COMMA, OverrideLexer.POPEN, OverrideLexer.PCLOSE}


def read(words: Iterable[str], sweeping: bool = False) -> list[Override]:
    """Settings and their values; `input_line` of each is the word that Hydra is to be given.

    Parameters
    ----------
    words : as they were typed; Hydra must be initialized
    sweeping : whether a setting may have several values; however they were written (`a,b`,
        `range(1,4)`, `glob(*.png)`), they become a list by commas

    Raises
    ------
    ConfigError : a word that is not NAME=VALUE, a name that there is not, a value that cannot be
        read, or several where a run takes one.
    """
    settings = []
    for typed in words:
        override = _read(typed)
        _check_name(override)
        if override.is_sweep_override():
            if not sweeping:
                raise ConfigError(_several(typed, override))
            override = _listed(override)
        settings.append(override)
    return settings


def _read(typed: str) -> Override:
    name, equals, value = typed.partition("=")
    setting = name.lstrip("+~")
    if not equals and not name.startswith("~"):
        raise ConfigError(_no_setting(typed))
    if equals and is_text(setting):
        typed = f"{name}={_as_text(name, value)}"
    try:
        return _parsed(typed)
    except HydraException as error:
        _check_name(_named(name))
        raise ConfigError(_unreadable(typed, error)) from error


def _named(name: str) -> Override:
    try:
        return _parsed(f"{name}=")
    except HydraException as error:
        names = [*defaults(), *groups()]
        raise ConfigError(unknown_name("setting", name.lstrip("+~"), names)) from error


def _parsed(typed: str) -> Override:
    return OverridesParser.create().parse_override(typed)


def _as_text(name: str, value: str) -> str:
    """A value that is text, in Hydra's grammar; what that cannot read is text as it stands."""
    setting = name.lstrip("+~")
    place = _at_home if setting in paths() else str
    try:
        parsed = _parsed(f"{name}={value}")
    except HydraException as error:
        if "," in value:
            raise ConfigError(_one_or_several(name, value)) from error
        return word(place(value))
    if parsed.is_range_sweep() or parsed.is_interval_sweep():
        return value
    named = setting in paths() and not setting.startswith("hydra.")
    return "".join(_part_as_text(part, place, named) for part in _parts(_tokens(value)))


def _parts(tokens: Iterable[Any]) -> Iterator[list[Any]]:
    """What stands between commas and parentheses, and these."""
    for is_edge, tokens_of in groupby(tokens, lambda token: token.type in _EDGES):
        part = list(tokens_of)
        yield from ([token] for token in part) if is_edge else [part]


def _part_as_text(part: list[Any], place: Callable[[str], str], named: bool) -> str:
    """Such a part in Hydra's grammar.

    Parameters
    ----------
    part : its tokens
    place : puts a path where it lies
    named : whether it names a file or a folder: `${` begins nothing in it, or what it stood for,
        such as a part of the environment, would be written into every record
    """
    text = "".join(token.text for token in part)
    if named and "${" in text:
        if len(part) == 1 and part[0].type == OverrideLexer.QUOTED_VALUE:
            text = literal(str(_parsed(f"text={text}").value()))
        return word(place(text))
    return _token_as_text(part[0], place) if len(part) == 1 else text


def _tokens(value: str) -> list[Any]:
    lexer = OverrideLexer(InputStream(value.strip()))
    lexer.mode(OverrideLexer.VALUE_MODE)
    return list(lexer.getAllTokens())


def _token_as_text(token: Any, place: Callable[[str], str]) -> str:
    """A token that is all of a value: a number as it was typed, a quoted path with its home."""
    if token.type in _NUMBERS:
        return word(token.text)
    if token.type != OverrideLexer.QUOTED_VALUE:
        return str(token.text)
    text = str(_parsed(f"text={token.text}").value())
    return str(token.text) if place(text) == text else _in_quotes(place(text))


def _in_quotes(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()


def _at_home(path: str) -> str:
    return str(expanded(path)) if path.startswith("~") else path


def _listed(override: Override) -> Override:
    """A choice among several values as a list by commas."""
    told, name = override.input_line, override.get_key_element()
    if override.is_interval_sweep():
        raise ConfigError(f"{told}: an interval names no values; give some, or a range(1,4)")
    try:
        listed = list(islice(_values(override), _MOST_VALUES + 1))
    except ConfigError:
        raise
    except (HydraException, ValueError, ArithmeticError) as error:
        raise ConfigError(
            f"{told} cannot be counted out; a range is range(START,STOP,STEP), its step not 0"
        ) from error
    if not listed:
        raise ConfigError(f"{told} names no value")
    if len(listed) > _MOST_VALUES:
        raise ConfigError(f"{told} names more than {_MOST_VALUES} values")
    return _parsed(f"{name}={','.join(listed)}")


def _values(override: Override) -> Iterator[str]:
    """The values in Hydra's grammar."""
    chosen = override.value()
    if isinstance(chosen, Glob):
        yield from map(word, _matches(override.key_or_group, chosen))
    elif is_text(override.key_or_group):
        yield from map(_still_text, override.sweep_iterator())
    else:
        yield from override.sweep_string_iterator()


def _still_text(value: Any) -> str:
    """A value in Hydra's grammar; a function such as `choice()` has taken the quotes off it."""
    if not isinstance(value, str):
        return Transformer.str(value)
    return _in_quotes(value) if "${" in value else word(value)


def _matches(setting: str, chosen: Glob) -> list[str]:
    """The choices, or the files, that `glob()` means; sorted.

    Raises
    ------
    ConfigError : the setting has neither choices nor files.
    """
    include, exclude = ([_plain(p) for p in ps] for ps in (chosen.include, chosen.exclude))
    known = groups().get(setting) or choices().get(setting)
    if known:
        return Glob(include, exclude).filter(list(known))
    if setting not in paths():
        raise ConfigError(f"{setting}= is neither a file nor a name that glob() could choose")
    found = {path for pattern in include for path in glob(_at_home(pattern))}  # noqa: PTH207
    left = {path for path in found for pattern in exclude if fnmatch(path, _at_home(pattern))}
    return sorted(path for path in found - left if Path(path).is_file())


def _check_name(override: Override) -> None:
    """Say the nearest valid name of a setting or a choice that does not exist."""
    key = override.key_or_group
    if override.is_hydra_override():
        return
    value = override.value()
    if key in groups():
        if key == "experiment" and not override.is_add():
            raise ConfigError(f"write +{override.input_line}, with a plus sign")
        if isinstance(value, str) and value not in groups()[key]:
            raise ConfigError(unknown_name(key, value, groups()[key]))
        return
    if (override.is_add() and key != "plugin") or override.is_delete():
        sign = "+" if override.is_add() else "~"
        raise ConfigError(
            f"{sign}{key}: only +experiment and +plugin take a sign; write {key}=VALUE"
        )
    if key not in defaults() and key not in ("verify", "index"):
        raise ConfigError(unknown_name("setting", key, [*defaults(), *groups()]))


def _plain(text: str | QuotedString) -> str:
    return literal(text.text if isinstance(text, QuotedString) else text)


def _no_setting(typed: str) -> str:
    """What to say of a word without an equals sign."""
    line = f"'{typed}' is no setting: they are NAME=VALUE"
    if typed in defaults() or typed in groups():
        return f"{line}, as {typed}=VALUE"
    if Path(typed).suffix:
        return f"{line}, and a picture is {quoted(f'source={word(typed)}')}"
    return line


def _unreadable(typed: str, error: HydraException) -> str:
    """What to say of a word that Hydra's grammar has no meaning for."""
    name, _, value = typed.partition("=")
    if "while evaluating" in str(error):  # a function that there is not, or with wrong arguments
        return f"{typed}: {error}"
    return (
        f"{typed} cannot be read: brackets, braces and quotes come in pairs, and text with other "
        f"signs is written {quoted(f'{name}={word(value)}')}"
    )


def _one_or_several(name: str, value: str) -> str:
    """What to say of text with commas that Hydra's grammar has no meaning for."""
    one, several = word(value), ",".join(map(word, value.split(",")))
    return (
        f"{name}={value} can be read in two ways: one value with a comma in it is written "
        f"{quoted(f'{name}={one}')}, several are {quoted(f'{name}={several}')}"
    )


def _several(typed: str, override: Override) -> str:
    """What to say of several values where a run takes one."""
    name, _, value = typed.partition("=")
    ways = ["-m makes a run of each"]
    if override.value_type is ValueType.SIMPLE_CHOICE_SWEEP:
        if may_be_list(override.key_or_group) and not value.replace(",", "").isdigit():
            ways.insert(0, f"a list is written {quoted(f'{name}=[{value}]')}")
        if override.key_or_group in paths():
            ways.insert(0, f"a name with a comma is written {quoted(f'{name}={word(value)}')}")
    return f"{typed} names several, and a run takes one: {', '.join(ways)}"
