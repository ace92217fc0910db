import errno
import hashlib
import math
import os
from dataclasses import replace

import pytest

from decouple.errors import RunFolderError
from decouple.flows.trace import StepReport
from decouple.record.history import (
    Extent,
    History,
    earlier_rows,
    iterate_history,
    put_fractions_anew,
    read_history,
)
from decouple.record.observers import fan_out

LAYERS = ("block1_conv1", "block2_conv1")


def report(passes, layer="block1_conv1", stage="impose", mse=None):
    return StepReport(stage, layer, 0.5, passes, 1.25, mse or {layer: 1e-15})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_rows_come_back_as_they_were_reported(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(3, mse={"block1_conv1": 1.5, "block2_conv1": 0.0}))
        history(report(9))
        assert names(tmp_path) == [".history.csv.part"]
    assert names(tmp_path) == ["history.csv"]
    first, second = read_history(tmp_path / "history.csv")
    assert first.feature_mse == {"block1_conv1": 1.5, "block2_conv1": 0.0}
    assert second.feature_mse == {"block1_conv1": 1e-15}
    assert (second.stage, second.layer, second.step) == ("impose", "block1_conv1", 2)
    assert (second.fraction, second.passes, second.seconds) == (0.5, 9, 1.25)


def test_columns_are_the_contract(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(3))
    header, row = (tmp_path / "history.csv").read_text().splitlines()
    assert header == "stage,layer,step,fraction,passes,seconds,mse_block1_conv1,mse_block2_conv1"
    assert row == "impose,block1_conv1,1,0.5,3,1.25,1e-15,"


def as_before(folder):
    """Let a history say what it said when passes were called evaluations."""
    path = folder / "history.csv"
    path.write_text(path.read_text().replace("passes", "evaluations", 1))
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size


def test_rows_of_an_older_run_are_read_and_gone_on_with(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(3))
    digest, size = as_before(tmp_path)
    assert [row.passes for row in read_history(tmp_path / "history.csv")] == [3]
    with History(tmp_path, LAYERS, known=Extent(size, digest)) as history:
        history(report(9))
    rows = read_history(tmp_path / "history.csv")
    assert [(row.step, row.passes) for row in rows] == [(1, 3), (2, 9)]


def test_step_counts_within_stage_and_layer(tmp_path):
    with History(tmp_path, LAYERS) as history:
        for step in (
            report(1),
            report(2),
            report(1, "block2_conv1"),
            report(1, stage="reference"),
            report(5, stage="reference"),
            report(1, stage="reference"),  # begun anew
        ):
            history(step)
    steps = [row.step for row in iterate_history(tmp_path / "history.csv")]
    assert steps == [1, 2, 1, 1, 2, 1]


def test_exception_keeps_what_was_done(tmp_path):
    def interrupted():
        with History(tmp_path, LAYERS) as history:
            history(report(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["history.csv"]
    assert len(read_history(tmp_path / "history.csv")) == 1


def test_non_finite_values_survive(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(1, mse={"block1_conv1": math.nan, "block2_conv1": math.inf}))
    (row,) = read_history(tmp_path / "history.csv")
    assert math.isnan(row.feature_mse["block1_conv1"])
    assert row.feature_mse["block2_conv1"] == math.inf


def test_layer_without_a_column_is_named(tmp_path):
    with (
        History(tmp_path, LAYERS) as history,
        pytest.raises(ValueError, match="no column for block5_conv1"),
    ):
        history(report(1, mse={"block5_conv1": 1.0}))


def test_not_opened_is_a_defect(tmp_path):
    with pytest.raises(RuntimeError, match="open the history"):
        History(tmp_path, LAYERS)(report(1))


@pytest.mark.parametrize("killed", [False, True])
def test_resumed_run_takes_over_at_its_checkpoint(tmp_path, killed):
    with History(tmp_path, LAYERS) as history:
        for passes in (1, 2, 3):
            history(report(passes))
        history(report(1, "block2_conv1"))
        known = history.flush()
        for passes in (2, 3, 4):
            history(report(passes, "block2_conv1"))
    if killed:  # the file has no name yet, and its last row is cut short
        text = (tmp_path / "history.csv").read_text()
        (tmp_path / "history.csv").unlink()
        (tmp_path / ".history.csv.part").write_text(text[:-12])
    with History(tmp_path, LAYERS, known=known) as history:
        history(report(7, "block2_conv1"))
    assert names(tmp_path) == ["history.csv"]
    rows = read_history(tmp_path / "history.csv")
    assert [(row.layer[5], row.step, row.passes) for row in rows] == [
        *(("1", 1, 1), ("1", 2, 2), ("1", 3, 3)),
        *(("2", 1, 1), ("2", 2, 7)),
    ]


def test_the_same_layer_begun_anew_counts_from_one(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(5))
        known = history.flush()
    with History(tmp_path, LAYERS, known=known) as history:
        history(report(1))
    assert [row.step for row in read_history(tmp_path / "history.csv")] == [1, 1]


def test_without_a_checkpoint_the_rows_begin_anew(tmp_path):
    for passes in (1, 2):
        with History(tmp_path, LAYERS) as history:
            history(report(passes))
    (row,) = read_history(tmp_path / "history.csv")
    assert row.passes == 2


def test_fewer_rows_than_the_checkpoint_knows_of_are_refused(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(1))
        known = history.flush()
    with (
        pytest.raises(RunFolderError, match="damaged"),
        History(tmp_path, LAYERS, known=replace(known, size=known.size + 1)),
    ):
        pass


@pytest.fixture
def cut(tmp_path):
    """What the checkpoint knows of a history that goes on behind it: its first row."""
    with History(tmp_path, LAYERS) as history:
        history(report(1))
        known = history.flush()
        history(report(2))
    return known


def rows(folder):
    return [row.passes for row in read_history(folder / "history.csv")]


def entered(folder, known, *reports):
    with History(folder, LAYERS, known=known) as history:
        for step in reports:
            history(step)


@pytest.mark.parametrize("name", ["history.csv", ".history.csv.part"])
def test_other_rows_than_the_checkpoint_knows_of_are_refused_and_stay(tmp_path, cut, name):
    text = (tmp_path / "history.csv").read_bytes().replace(b"1.25", b"1.26", 1)
    (tmp_path / "history.csv").unlink()
    (tmp_path / name).write_bytes(text)
    with pytest.raises(RunFolderError, match="its rows are not those that were written"):
        entered(tmp_path, cut, report(9))
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == text


def test_rows_are_dropped_when_the_first_new_one_comes(tmp_path, cut):
    def failing():
        with History(tmp_path, LAYERS, known=cut) as history:
            assert history.flush() == cut
            raise RunFolderError("found out later")

    with pytest.raises(RunFolderError, match="later"):
        failing()
    assert rows(tmp_path) == [1, 2]
    entered(tmp_path, cut, report(7))
    assert rows(tmp_path) == [1, 7]


def test_rows_are_dropped_where_none_comes_any_more(tmp_path, cut):
    entered(tmp_path, cut)
    assert rows(tmp_path) == [1]
    with History(tmp_path, LAYERS, known=cut) as history:
        assert history.flush() == cut


def test_resumed_with_other_layers_is_refused(tmp_path):
    with History(tmp_path, LAYERS) as history:
        history(report(1))
        known = history.flush()
    with (
        pytest.raises(RunFolderError, match="other columns"),
        History(tmp_path, LAYERS[:1], known=known),
    ):
        pass


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"stage,layer\n", b"a\nb", b"step\n9\n"])
def test_what_is_no_history_has_no_rows(tmp_path, data):
    (tmp_path / "history.csv").write_bytes(data)
    assert read_history(tmp_path / "history.csv") == []


def test_what_csv_does_not_take_is_one_line(tmp_path):
    (tmp_path / "history.csv").write_bytes(b'step\n"' + b"9" * 200_000)
    with pytest.raises(RunFolderError, match=r"history\.csv' is damaged"):
        read_history(tmp_path / "history.csv")


def test_a_history_that_is_not_there_is_one_line(tmp_path):
    for name, words in (("history.csv", "cannot read"), (".", "is no plain file")):
        with pytest.raises(RunFolderError, match=words):
            read_history(tmp_path / name)


def test_full_disk_is_one_line(tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    history = History(tmp_path, LAYERS).__enter__()
    history(report(1))
    monkeypatch.setattr("os.replace", no_space)
    with pytest.raises(RunFolderError, match=r"history\.csv': No space left on device"):
        history.__exit__(None, None, None)
    monkeypatch.undo()
    assert len(read_history(tmp_path / ".history.csv.part")) == 1  # what was done is kept


def test_folder_that_is_absent_is_one_line(tmp_path):
    with pytest.raises(RunFolderError, match="No such file"), History(tmp_path / "no", LAYERS):
        pass


def test_fan_out_hands_on_in_order():
    seen = []
    observe = fan_out(lambda r: seen.append(("a", r)), lambda r: seen.append(("b", r)))
    step = report(1)
    observe(step)
    assert seen == [("a", step), ("b", step)]


def test_fractions_of_a_longer_path_take_the_place_of_the_former(tmp_path):
    def rows(limit, steps):
        return [StepReport("optimize", "", n / limit, 2 * n, 1.0, {}, {"total": n}) for n in steps]

    cut, whole, extents = tmp_path / "cut", tmp_path / "whole", []
    for folder, reports in ((cut, rows(3, (1, 2, 3))), (whole, rows(7, range(1, 8)))):
        folder.mkdir()
        with History(folder, (), ("total",)) as history:
            history(StepReport("scale_1", "", 0.5, 2, 1.0, {}, {"total": 1.0}))
            for report in reports:
                history(report)
            extents.append(history.flush())
    known, _ = extents
    before = (cut / "history.csv").read_bytes()
    for _ in range(2):  # as where the run was cut before the checkpoint knew of it
        anew = put_fractions_anew(cut, known, "optimize", lambda step: step / 7)
        assert earlier_rows(cut, known) == before
        assert len(earlier_rows(cut, anew)) == anew.size
    assert put_fractions_anew(cut, anew, "optimize", lambda step: step / 7) == anew
    with History(cut, (), ("total",), anew) as history:
        for report in rows(7, (4, 5, 6, 7)):
            history(report)
    assert (cut / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert {path.name for path in cut.iterdir()} == {"history.csv"}


@pytest.mark.parametrize("killed", [False, True])
def test_former_fractions_are_gone_on_with_if_nothing_knows_of_the_new(tmp_path, killed):
    with History(tmp_path, (), ("total",)) as history:
        history(StepReport("optimize", "", 1.0, 2, 1.0, {}, {"total": 1.0}))
        known = history.flush()
    rows = (tmp_path / "history.csv").read_bytes()
    if killed:  # rows of a process that was killed are still under their first name
        (tmp_path / "history.csv").rename(tmp_path / ".history.csv.part")
    put_fractions_anew(tmp_path, known, "optimize", lambda step: step / 2)
    with History(tmp_path, (), ("total",), known):
        pass
    assert (tmp_path / "history.csv").read_bytes() == rows
    assert {path.name for path in tmp_path.iterdir()} == {"history.csv"}


def test_damaged_rows_are_not_put_anew(tmp_path):
    with History(tmp_path, (), ("total",)) as history:
        history(StepReport("optimize", "", 1.0, 2, 1.0, {}, {"total": 1.0}))
        known = history.flush()
    (tmp_path / "history.csv").write_text("stage\n")
    with pytest.raises(RunFolderError, match="damaged"):
        put_fractions_anew(tmp_path, known, "optimize", lambda step: step / 2)
    assert {path.name for path in tmp_path.iterdir()} == {"history.csv"}
