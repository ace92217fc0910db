"""`probe` on made-up tables: scores, records, repetitions, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decouple.experiments import probe
from decouple.run import main
from tests.made_tables import made_table
from tests.runs import check_refused, read

CLASSES = ["a"] * 12 + ["b"] * 12
QUICK = ["+experiment=probe", "probe.folds=3", "probe.repeats=2", "probe.sizes=2"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of which the decoupled features tell the label and others do not."""
    place, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    raw, wide = (rng.standard_normal((24, many)) for many in (6, 20))
    decoupled = raw.copy()
    decoupled[:, 3:] = rng.standard_normal((24, 3))
    decoupled[:12, 4] += 6
    numbers = [f"{value:.6f}" for value in decoupled[:, 4]]
    made_table(place / "classes", CLASSES, raw, decoupled, failed=[3])
    made_table(place / "numbers", numbers, raw, decoupled)
    made_table(place / "none", [""] * 24, raw, decoupled)
    made_table(place / "alone", ["c", *CLASSES[1:]], raw, decoupled)
    made_table(place / "alike", ["a"] * 24, raw, decoupled)
    made_table(place / "gram", CLASSES, wide, wide, family="gram")
    made_table(place / "others", CLASSES, wide, wide, family="gram", digest="e")
    made_table(place / "fewer", CLASSES[:20], wide[:20], wide[:20], family="gram")
    rows = [f"{number:03d}.png,{number % 6}" for number in range(24)]
    (place / "groups.csv").write_text("\n".join(["path,group", *rows]), encoding="utf-8")
    given = [f"{number:03d}.png,{label}" for number, label in enumerate(CLASSES)]
    (place / "labels.csv").write_text("\n".join(["path,label", *given]), encoding="utf-8")
    return place


def test_the_kind_that_tells_the_label_is_said_to_be_better(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = [*QUICK, f"source={tables / 'classes'}", f"probe.beside={tables / 'gram'}"]
    assert main([*words, f"run_dir={run}"]) == 0
    own = read(run)["probe"]
    assert own["labels"] == {"a": 11, "b": 12}
    assert own["left_out"] == 1
    rows = {row["features"]: row for row in own["rows"]}
    dimensions = {name: row["dimensions"] for name, row in rows.items()}
    assert dimensions == {"raw": 6, "decoupled": 6, "both": 9, "projections": 6, "gram": 6}
    assert rows["decoupled"]["score"] > 0.9
    assert rows["decoupled"]["difference_low"] > 0
    assert rows["gram"]["difference_low"] < 0 < rows["gram"]["difference_high"]
    counts = np.array(own["confusion"]["true_by_predicted"]["decoupled"])
    assert counts.sum() == 2 * 23
    assert np.trace(counts) / counts.sum() == pytest.approx(rows["decoupled"]["score"], abs=0.02)
    with np.load(run / "result.npz") as held:
        assert held["scores/raw"].shape == (2, 6)
        assert held["scores/raw"][-1].mean() == pytest.approx(rows["raw"]["score"])
    page = (run / "report.html").read_text(encoding="utf-8")
    told = ("better than raw", "1 more lack features", "of gram the leading components")
    for text in (*told, "softplus of width 0.1", "00000000…"):
        assert text in page
    for figure in ("learning_curves", "confusion"):
        assert (run / "plots" / f"{figure}.png").exists()
    capsys.readouterr()
    assert main([f"verify={run}"]) == 0
    assert capsys.readouterr().out.startswith("identical")


def test_a_run_that_was_cut_is_repeated_into_its_folder(
    tables: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    words = [*QUICK, f"source={tables / 'numbers'}", "probe.task=regression"]

    def interrupted(*what: object, **how: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("decouple.pipeline.probe.scored", interrupted)
        assert main([*words, f"run_dir={run}"]) == 130
    assert f"resume={run}" in capsys.readouterr().err
    assert main([f"resume={run}"]) == 0
    assert main([*words, f"run_dir={whole}"]) == 0
    assert read(run)["probe"] == read(whole)["probe"]
    assert (run / "plots" / "predicted.png").exists()
    rows = {row["features"]: row for row in read(run)["probe"]["rows"]}
    assert rows["decoupled"]["score"] < 0.2 * rows["raw"]["score"]
    assert rows["decoupled"]["difference_high"] < 0
    capsys.readouterr()
    assert main([f"resume={run}"]) == 2
    assert "the run has ended" in capsys.readouterr().err


def test_a_plan_says_what_would_be_compared_and_leaves_nothing(
    tables: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [f"source={tables / 'none'}", f"probe.labels={tables / 'labels.csv'}"]
    groups = f"probe.groups={tables / 'groups.csv'}"
    assert main([*QUICK, *words, groups, "plan=true"]) == 0
    assert "24 pictures with 2 classes: raw (6), decoupled (6)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("table", "words", "said"),
    [
        ("nowhere", [], "there is no table"),
        ("x*", [], "names no tables"),
        ("*s", [], "has other features than"),
        ("none", [], "has no labels: give probe.labels=FILE"),
        ("alone", [], "'c' has 1"),
        ("alike", [], "all labels are a"),
        ("classes", ["probe.task=regression"], "labels that are numbers, not 'a', 'a', 'a'"),
        ("numbers", [], "probe.task=regression"),
        ("classes", ["probe.folds=12"], "'a' has 11"),
        ("classes", ["probe.beside=fewer"], "is of other pictures than"),
        ("classes", ["probe.beside=others"], "is of another picture '000.png'"),
        ("classes", ["probe.groups=labels.csv"], "has no column group"),
        ("numbers", ["probe.task=regression", "probe.folds=20"], "too few pictures"),
    ],
)
def test_tables_and_labels_that_do_not_fit_are_refused(
    tables: Path,
    tmp_path: Path,
    table: str,
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tables)
    words = ["+experiment=probe", f"source={table}", *words]
    check_refused(words, said, tmp_path / "run", capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "probe needs source=FOLDER"),
        (["source=t", "probe.folds=1"], "probe.folds=1 must be from 2"),
        (["source=t", "probe.repeats=0"], "probe.repeats=0"),
        (["source=t", "probe.classifier=tree"], "'tree'"),
        (["source=t", "probe.classifier=ridge"], "give logistic, lda or svm"),
        (["source=t", "probe.classifier=svm", "probe.task=regression"], "give ridge"),
        (["source=t", "network=vgg16"], "network= has no meaning"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refused(["+experiment=probe", *words], said, tmp_path / "run", capsys)


def test_without_scikit_learn_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "find_spec", lambda name: None)
    words = ["+experiment=probe", "source=t"]
    check_refused(words, "decouple-features[analysis]", tmp_path / "run", capsys)
