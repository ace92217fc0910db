"""Rows of pictures on the disk, which any process may leave in the middle of a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from decouple.errors import RunFolderError
from decouple.record.feature_rows import DONE, NAME, FeatureRow, FeatureRows

SIZES = {"one": 2, "two": 1}


def row(path: str, digest: str = "d", scale: float = 1.0) -> FeatureRow:
    held = {"one": [0.1 * scale, 1e-30], "two": [-3.0]}
    return FeatureRow(path, DONE, digest, 1.5, 12, held, held)


def test_rows_come_back_as_they_were_whatever_their_names(tmp_path: Path) -> None:
    rows = [
        row("a.png"),
        row('b "\n,.png'),
        row("caf\udce9.png"),
        FeatureRow("c", "cannot be read"),
    ]
    with FeatureRows(tmp_path, SIZES) as kept:
        for one in rows:
            kept.add(one)
        assert [kept.row(one.path) for one in rows] == rows
    with FeatureRows(tmp_path, SIZES) as again:
        assert [again.row(one.path) for one in rows] == rows
        assert [again.digest(path) for path in ("a.png", "c", "none")] == ["d", "", ""]
        assert "none" not in again


def test_a_later_row_stands_for_an_earlier_one(tmp_path: Path) -> None:
    with FeatureRows(tmp_path, SIZES) as kept:
        kept.add(row("a"))
        kept.add(row("b"))
        kept.add(row("a", "other", 2.0))
    with FeatureRows(tmp_path, SIZES) as again:
        assert again.row("a") == row("a", "other", 2.0)
        assert again.row("b") == row("b")


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_row_that_was_cut_short_is_none_and_the_next_one_is_whole(
    tmp_path: Path, cut: int
) -> None:
    with FeatureRows(tmp_path, SIZES) as kept:
        kept.add(row("a"))
        kept.add(row("b"))
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-cut])
    with FeatureRows(tmp_path, SIZES) as again:
        assert "a" in again
        assert "b" not in again
        again.add(row("c"))
    with FeatureRows(tmp_path, SIZES) as once_more:
        assert [path in once_more for path in "abc"] == [True, False, True]
        assert once_more.row("c") == row("c")


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"-3.0", b"-3.1"), (b'"d"', b'"e"'), (b"1e-30", b"NaN"), (b"12", b"[]"), (b"[", b"{")],
)
def test_a_row_that_was_changed_is_none(tmp_path: Path, old: bytes, new: bytes) -> None:
    with FeatureRows(tmp_path, SIZES) as kept:
        kept.add(row("a"))
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with FeatureRows(tmp_path, SIZES) as again:
        assert "a" not in again


def test_rows_of_other_layers_are_none(tmp_path: Path) -> None:
    with FeatureRows(tmp_path, SIZES) as kept:
        kept.add(row("a"))
    for sizes in ({"one": 2}, {"one": 2, "two": 2}, {"one": 2, "other": 1}):
        with FeatureRows(tmp_path, sizes) as others:
            assert "a" not in others


def test_what_is_no_file_costs_one_line(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(RunFolderError, match=NAME), FeatureRows(tmp_path, SIZES):
        pass
