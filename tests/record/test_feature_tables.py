"""Tables of features: what is written is what is read, and only the same features are joined."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouple.errors import ConfigError, DamagedFile, RunFolderError
from decouple.record import feature_tables, parquet
from decouple.record.feature_rows import DONE, FeatureRow
from decouple.record.feature_table import begin_table, columns_of, write_table
from decouple.record.feature_tables import join_tables, read_table

ABOUT: dict[str, Any] = {
    "features": {"network": "vgg19", "weights": "abc"},
    "channels": {"one": [0, 2], "two": [1]},
    "image": {"height": 8, "width": 9, "fit": "crop"},
    "noise": {"seed": 0},
    "flow": {"name": "lift"},
}


def rows() -> list[tuple[FeatureRow, str]]:
    made = []
    for number, name in enumerate(["a", 'b,"\n', "c", "d", "é"]):
        raw = {"one": [0.1 * number, 1 / 3], "two": [-1e-17]}
        moved = {"one": [1e300, 2.0], "two": [float(number)]}
        made.append(
            (FeatureRow(name, DONE, f"{number}", 1.0, 1, raw, moved), "x" if number else "y")
        )
    made[2] = (FeatureRow("c", "cannot be read: it is empty"), "x")
    made[3] = (FeatureRow("d", "cannot be moved", "3", 1.0, 1, made[3][0].raw, {}), "x")
    return made


def table(folder: Path, some: list[tuple[FeatureRow, str]], about: Any = ABOUT, **how: Any) -> Path:
    folder.mkdir()
    begin_table(folder, about)
    write_table(folder, about, some, **{"parquet": False, **how})
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = read_table(table(tmp_path / "t", rows()))
    assert found.paths == ("a", 'b,"\n', "c", "d", "é")
    assert found.labels == ("y", "x", "x", "x", "x")
    np.testing.assert_array_equal(found.done, [True, True, False, False, True])
    assert found.status[2] == "cannot be read: it is empty"
    np.testing.assert_array_equal(found.raw["one"][1], [0.1, 1 / 3])
    np.testing.assert_array_equal(found.raw["two"][:, 0], [-1e-17, -1e-17, np.nan, -1e-17, -1e-17])
    np.testing.assert_array_equal(found.decoupled["two"][:, 0], [0, 1, np.nan, np.nan, 4])
    np.testing.assert_array_equal(found.channels["one"], [0, 2])
    assert found.about == ABOUT
    with (tmp_path / "t" / "table.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["height"], first["width"], first["raw.one.2"]) == ("8", "9", repr(1 / 3))
    assert list(first) == list(columns_of(ABOUT))


def test_no_labels_are_none(tmp_path: Path) -> None:
    assert read_table(table(tmp_path / "t", [(row, "") for row, _ in rows()])).labels is None


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_parts_joined_are_the_whole_byte_for_byte(tmp_path: Path, shards: int) -> None:
    whole = table(tmp_path / "whole", rows())
    parts = [table(tmp_path / f"{k}", rows()[k::shards]) for k in range(shards)]
    joined = join_tables(parts[::-1], tmp_path / "joined")
    for name in ("table.csv", "table.json"):
        assert (joined.parent / name).read_bytes() == (whole / name).read_bytes()
    both, one = read_table(*parts), read_table(whole)
    assert (both.paths, both.labels, both.status) == (one.paths, one.labels, one.status)
    np.testing.assert_array_equal(both.decoupled["one"], one.decoupled["one"])
    with pytest.raises(ConfigError, match="holds a table already"):
        join_tables(parts, tmp_path / "joined")


@pytest.mark.parametrize(
    ("part", "key", "words"),
    [
        ("features", "weights", "features weights other, not abc"),
        ("image", "fit", "image fit other, not crop"),
        ("noise", "seed", "noise seed other, not 0"),
        ("noise", "kind", "noise kind other, not uniform"),
        ("flow", "path", "flow path other, not unknown"),
    ],
)
def test_tables_of_other_features_are_refused(
    tmp_path: Path, part: str, key: str, words: str
) -> None:
    other = {**ABOUT, part: {**ABOUT[part], key: "other"}}
    places = [table(tmp_path / "a", rows()[:1]), table(tmp_path / "b", rows()[1:], other)]
    with pytest.raises(ConfigError, match=words):
        read_table(*places)
    with pytest.raises(ConfigError, match=words):
        join_tables(places, tmp_path / "joined")
    with pytest.raises(ConfigError, match="this run has other features"):
        begin_table(tmp_path / "a", other)
    assert not (tmp_path / "joined").exists()


def test_noise_of_which_nothing_is_said_was_uniform(tmp_path: Path) -> None:
    assert "kind" not in ABOUT["noise"]
    said = {**ABOUT, "noise": {"kind": "uniform", **ABOUT["noise"]}}
    places = [table(tmp_path / "a", rows()[:1]), table(tmp_path / "b", rows()[1:], said)]
    assert len(read_table(*places).paths) == len(rows())
    begin_table(tmp_path / "a", said)


def test_other_channels_are_other_features(tmp_path: Path) -> None:
    other = {**ABOUT, "channels": {"one": [0, 1], "two": [1]}}
    places = [table(tmp_path / "a", rows()[:1]), table(tmp_path / "b", rows()[1:], other)]
    with pytest.raises(ConfigError, match="channels one"):
        read_table(*places)


def test_a_picture_in_two_tables_is_refused(tmp_path: Path) -> None:
    places = [table(tmp_path / "a", rows()[:2]), table(tmp_path / "b", rows()[1:])]
    for put in (lambda: read_table(*places), lambda: join_tables(places, tmp_path / "joined")):
        with pytest.raises(ConfigError, match="two of the tables have a row of 'b"):
            put()
    assert not (tmp_path / "joined").exists()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("table.csv", "raw.one.0", "raw.one.1"),
        ("table.csv", "\na,", "\né,"),
        ("table.csv", "0.3333333333333333", "0.3,3"),
        ("table.csv", "1e+300", "one"),
        ("table.json", '"schema": 1', '"schema": 2'),
        ("table.json", '"noise"', '"no"'),
        ("table.json", "{", ""),
        ("table.json", "2\n", "2.5\n"),
    ],
)
def test_damage_costs_one_line(tmp_path: Path, name: str, old: str, new: str) -> None:
    folder = table(tmp_path / "t", rows())
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8", newline="")
    with pytest.raises(DamagedFile, match=name) as refused:
        read_table(folder)
    assert "\n" not in str(refused.value)


def test_what_is_not_there_costs_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="there is no table"):
        read_table(tmp_path)
    for nothing in (lambda: read_table(), lambda: join_tables([], tmp_path)):
        with pytest.raises(ConfigError, match="at least one table"):
            nothing()
    folder = table(tmp_path / "t", rows())
    (folder / "table.json").unlink()
    with pytest.raises(RunFolderError, match=r"table\.json"):
        read_table(folder)


def test_parquet_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(parquet, "_ROWS", 2)
    folder = table(tmp_path / "t", rows(), parquet=True)
    one, other = read_table(folder), read_table(folder / "table.parquet")
    assert (one.paths, one.labels, one.status) == (other.paths, other.labels, other.status)
    assert one.about == other.about
    for layer in one.raw:
        np.testing.assert_array_equal(one.raw[layer], other.raw[layer])
        np.testing.assert_array_equal(one.decoupled[layer], other.decoupled[layer])
    with pytest.raises(ConfigError, match="joined from their CSV"):
        join_tables([folder / "table.parquet"], tmp_path / "joined")
    (folder / "table.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DamagedFile, match=r"table\.parquet"):
        read_table(folder / "table.parquet")


def test_without_pyarrow_there_is_csv_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    folder = table(tmp_path / "t", rows())
    assert join_tables([folder], tmp_path / "joined").exists()
    assert not (tmp_path / "joined" / "table.parquet").exists()
    (folder / "table.parquet").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"decouple-features\[tables\]"):
        read_table(folder / "table.parquet")
    assert feature_tables.can_write_parquet() is False
    assert json.loads((folder / "table.json").read_text(encoding="utf-8"))["schema"] == 1
