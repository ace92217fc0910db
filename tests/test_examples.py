"""Each name of the interface has an example in its docstring, which is run as a doctest."""

from __future__ import annotations

import inspect

import pytest

import decouple as dc

# {name: why it has none}
WITHOUT = {
    "Chain": "`vgg16` and `vgg19` make it",
    "DecoupleError": "an exception",
    "FeatureTable": "`read_table` makes it",
    "Features": "a base class; docs/extending.md has what may stand in its place",
    "join_tables": "asks for tables of runs; docs/tables.md has it, run by test_commands",
    "Motion": "what a flow is given; docs/extending.md has a flow",
    "Prepared": "`prepare` makes it",
    "read_table": "asks for a table of a run; docs/tables.md has it, run by test_listings",
    "Reference": "`noise_reference` makes it",
    "StageError": "an exception",
    "StopReason": "sentences, which the examples of flows show",
    "__version__": "a text",
}


@pytest.mark.parametrize("name", dc.__all__)
def test_it_has_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(dc, name)) or ""
    assert (">>> " in text) == (name not in WITHOUT)
    if name not in WITHOUT:
        assert "\nExamples\n--------\n>>> " in text, "elsewhere it is shown as no example"
        assert "dc." in text.partition("\nExamples\n")[2]


def test_what_has_none_exists() -> None:
    assert set(WITHOUT) <= set(dc.__all__)
