import os

import pytest

from decouple.documents import json_of, read_json, read_yaml
from decouple.errors import DamagedFile, RunFolderError


@pytest.mark.parametrize(
    "text",
    ["NaN", '{"a": Infinity}', "[1e400]", "[" * 100_000, "[" * 900 + "]" * 900, "{", "", "1 2"],
)
def test_json_that_is_not_strict_is_a_line(text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (whatever it says)
        json_of(text)
    assert str(caught.value).count("\n") == 0


def test_values_of_json():
    assert json_of(b'{"a": [1, 2.5, null, true, "\\u00d7"]}') == {"a": [1, 2.5, None, True, "×"]}


LAUGHS = "a: &a [1, 1]\n" + "".join(
    f"{x}: &{x} [*{y}, *{y}]\n"
    for x, y in zip("bcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxy", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: b: c",
        "a: !!python/object/apply:os.getcwd []",
        "a: !mine 3",
        "a: 2024-01-05",
        "a: !!binary aGVsbG8=",
        "a: !!set {b, c}",
        "1: 2",
        "[a, b]: 2",
        "null: 2",
        "a: &a [*a]",
        LAUGHS,
        "a: " + "[" * 5000,
        "a: " + "[" * 99 + "]" * 99,
        'a: "b\\0c"',
        "a: \x01",
        "a: 1\n---\na: 2",
        b"a: \xff",
        b"\x00\x01\x02",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_yaml_that_is_no_data_is_a_line(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunFolderError, match=r"a\.yaml' is damaged: ") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_values_of_yaml(tmp_path):
    (tmp_path / "a.yaml").write_text("a: {b: [1, 2.5, null, true, ×]}\nc: '${seed}'\n", "utf-8")
    assert read_yaml(tmp_path / "a.yaml") == {"a": {"b": [1, 2.5, None, True, "×"]}, "c": "${seed}"}


def test_what_is_no_plain_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("pipe", "no plain"), (".", "no plain"), ("none", "No such file")):
        for read in (read_json, read_yaml):
            with pytest.raises(RunFolderError, match=words):
                read(tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"[1", b'{"a": 1e999}', b'"\xff"', b"[" * 10**5])
def test_json_that_is_no_data_is_a_line(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(DamagedFile, match=r"a\.json' is damaged: ") as caught:
        read_json(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b'{"a": [1, null]}')
    assert read_json(path) == {"a": [1, None]}
