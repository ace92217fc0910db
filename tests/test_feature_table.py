"""Tables of many pictures: rows, resume, shards, labels, and how exact the features are."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import decouple as dc
from decouple.devices import placed
from decouple.features import Extractor
from decouple.pipeline import table_accuracy
from decouple.record.feature_rows import NAME, FeatureRows
from decouple.run import main

ONE, TWO = "block1_conv1", "block2_conv1"
QUICK = ["+experiment=features", "network.weights=calibrated", "image.size=16", "table.format=csv"]
# Where no image moves.
STILL = [*QUICK, "layers=1"]


def picture(path: Path, seed: int, grain: float = 0.6) -> None:
    """Noise over a few colours, of another shape than the table's."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.random((4, 5, 3)), np.ones((5, 5, 1)))
    pixels = (1 - grain) * coarse + grain * rng.random(coarse.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)


def folder_of(place: Path, count: int = 3) -> Path:
    for number in range(count):
        picture(place / f"{number}.png", number)
    return place


def ran(place: Path, *words: str, code: int = 0) -> Path:
    run = [f"run_dir={place}"] if not any(word.startswith("resume=") for word in words) else []
    assert main([*words, *run]) == code
    return place


def metrics_of(place: Path) -> dict[str, Any]:
    return json.loads((place / "metrics.json").read_text(encoding="utf-8"))


def rows_in(place: Path) -> int:
    return (place / NAME).read_bytes().count(b"\n")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, one all of one colour, one that cannot be read, and what is no picture."""
    place = folder_of(tmp_path_factory.mktemp("features") / "photos")
    Image.new("RGB", (20, 20), (9, 9, 9)).save(place / "flat.png")
    (place / "broken.jpg").write_bytes(b"no picture")
    (place / "notes.txt").write_text("mine")
    return place


@pytest.fixture(scope="module")
def run_dir(photos: Path) -> Path:
    words = (f"source={photos}", "layers=2", "table.checked=1")
    return ran(photos.parent / "run", *QUICK, *words)


def test_there_is_a_row_for_each_picture_in_the_order_of_their_paths(run_dir: Path) -> None:
    table = dc.read_table(run_dir)
    assert table.paths == ("0.png", "1.png", "2.png", "broken.jpg", "flat.png")
    assert table.labels is None
    assert table.status[:3] == ("ok",) * 3
    assert table.status[3].startswith("cannot be read: ")
    assert table.status[4].startswith("cannot be moved: the image is all one colour")
    np.testing.assert_array_equal(table.done, [True, True, True, False, False])
    own = metrics_of(run_dir)["feature_table"]
    assert (own["pictures"], own["failed"], own["labels"]) == (5, 2, 0)
    assert metrics_of(run_dir)["source"]["origin"].startswith("5 pictures of ")
    assert "tolerance" not in metrics_of(run_dir)
    with (run_dir / "seconds.csv").open(encoding="utf-8", newline="") as file:
        costs = list(csv.DictReader(file))
    assert [cost["path"] for cost in costs] == list(table.paths)
    assert all(float(cost["seconds"]) > 0 for cost in costs[:3])


def test_features_are_those_of_the_method(photos: Path, run_dir: Path) -> None:
    """By hand: the mask is decided on the noise, and the last layer does not move."""
    table = dc.read_table(run_dir)
    net = dc.ChannelMeans(dc.vgg19(weights="calibrated", last=TWO), layers=2)
    ready = dc.prepare(net, size=(16, 16))
    assert table.about["features"].items() >= ready.extractor.signature.items()
    for layer, kept in ready.extractor.alive.items():
        np.testing.assert_array_equal(table.channels[layer], np.flatnonzero(kept))
    for number, name in enumerate(("0.png", "flat.png")):
        pixels = dc.load(photos / name, 16, "crop").pixels
        raw = ready.extractor.split(ready.extractor.measure(pixels.astype(np.float64)))
        for layer, values in raw.items():
            np.testing.assert_array_equal(table.raw[layer][4 * number], values)
    for layer in (ONE, TWO):
        assert np.isnan(table.raw[layer][3]).all(), "what cannot be read has no features"
        assert np.isnan(table.decoupled[layer][3:]).all()
    np.testing.assert_array_equal(table.raw[ONE][:3], table.decoupled[ONE][:3])
    moved = np.abs(table.raw[TWO] - table.decoupled[TWO])[:3].max(1)
    assert (moved > 0.01).all(), "what the first layer held is gone"


def test_features_of_a_sample_are_held_against_exact_ones(run_dir: Path) -> None:
    told = metrics_of(run_dir)["feature_table"]["accuracy"]
    assert told["asked"] == 1e-3
    assert list(told["errors"]) == ["0.png"]
    assert told["largest_error"] == told["errors"]["0.png"]
    assert 0 < told["largest_error"] < 1e-3
    assert told["not_checked"] == []
    assert dc.read_table(run_dir).about["following"] == pytest.approx(3e-4)


def test_steps_are_solved_as_exactly_as_features_ask_for_or_it_is_said(
    photos: Path,
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Features that change with the steps by more than may be ask for finer ones."""
    asked: list[float] = []
    held, features = dc.read_table(run_dir), table_accuracy.features_of

    def changing(run: Any, pixels: np.ndarray, following: float) -> Any:
        asked.append(following)
        own = features(run, pixels, 3e-4)
        off = {layer: values * (1 + worst * following) for layer, values in own.values.items()}
        return dataclasses.replace(own, values=off)

    monkeypatch.setattr(table_accuracy, "features_of", changing)
    words = (*QUICK, "layers=2", "table.checked=0", f"source={photos}")
    worst = 10.0
    finer = dc.read_table(ran(tmp_path / "finer", *words))
    assert finer.about["following"] == pytest.approx(1e-4, rel=0.01), "an error of 1e-3"
    assert min(asked) == pytest.approx(3e-4 * 0.4**2)
    assert "may not be met" not in capsys.readouterr().err
    again = len(asked)
    ran(tmp_path / "finer", f"resume={tmp_path / 'finer'}")
    assert len(asked) == again, "it is known how exactly"
    worst = 1e6
    ran(tmp_path / "never", *words)
    assert "table.accuracy=0.001 may not be met" in capsys.readouterr().err
    assert held.about["features"] == finer.about["features"]


def test_a_picture_that_does_not_settle_does_not_make_all_steps_finer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that is nearly flat features depend on the very way, however exact the steps are."""
    photos = folder_of(tmp_path / "photos", 2)
    features, ways = table_accuracy.features_of, itertools.count()
    flat = dc.load(photos / "1.png", 16, "crop").pixels

    def changing(run: Any, pixels: np.ndarray, following: float) -> Any:
        own = features(run, pixels, 1e-2)
        erratic = 0.01 * (next(ways) % 2) if np.array_equal(pixels, flat) else 0.0
        off = {layer: v * (1 + following / 2 + erratic) for layer, v in own.values.items()}
        return dataclasses.replace(own, values=off)

    monkeypatch.setattr(table_accuracy, "features_of", changing)
    words = (*QUICK, "layers=2", "table.checked=0", f"source={photos}")
    about = dc.read_table(ran(tmp_path / "run", *words)).about
    assert next(ways) > 2
    assert about["following"] == pytest.approx(3e-4)


def test_steps_are_as_exact_as_nearly_all_pictures_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a folder of which few are tried: the largest error of all is not among theirs."""
    photos = folder_of(tmp_path / "photos", 12)
    features, seen = table_accuracy.features_of, dict[bytes, float]()

    def changing(run: Any, pixels: np.ndarray, following: float) -> Any:
        own = features(run, pixels, 1e-2)
        worst = 2.0 ** -seen.setdefault(pixels.tobytes(), float(len(seen)))
        off = {layer: v * (1 + worst * following) for layer, v in own.values.items()}
        return dataclasses.replace(own, values=off)

    monkeypatch.setattr(table_accuracy, "features_of", changing)
    words = (*QUICK, "layers=2", "table.checked=0", f"source={photos}")
    found = dc.read_table(ran(tmp_path / "run", *words)).about["following"]
    assert len(seen) == 12
    logarithms = np.log(2.0) * -np.arange(10)
    limit = logarithms.mean() + 2.821 * logarithms.std(ddof=1) * np.sqrt(1.1)  # Student's t, 99 %
    assert found == pytest.approx(1e-3 / np.exp(limit), rel=0.05)


def test_steps_of_a_method_with_error_control_follow_too(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", 1)
    words = (*QUICK, "layers=2", "stepper=rk45", f"source={photos}", "table.checked=1")
    told = metrics_of(ran(tmp_path / "run", *words))["feature_table"]["accuracy"]
    assert 0 < told["largest_error"] < 1e-3, "those it is held against are others"


def test_what_does_not_control_its_error_is_not_held_against_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder_of(tmp_path / "photos", 1)
    words = (*QUICK, "layers=2", "stepper=euler", "stepper.steps=2", f"source={photos}")
    told = metrics_of(ran(tmp_path / "run", *words, "table.checked=1"))["feature_table"]["accuracy"]
    assert told["largest_error"] is None
    assert told["errors"] == {}
    assert "with euler steps does not control its error" in " ".join(
        capsys.readouterr().err.split()
    )


def test_of_each_layer_a_few_directions_the_same_for_all_pictures(tmp_path: Path) -> None:
    words = (f"source={folder_of(tmp_path / 'photos', 2)}", "layers=2", "table.checked=0")
    place = ran(tmp_path / "run", *QUICK, *words, "mask.directions=3")
    table = dc.read_table(place)
    assert table.status == ("ok", "ok")
    assert {layer: own.shape for layer, own in table.raw.items()} == {ONE: (2, 3), TWO: (2, 3)}
    net = dc.ChannelMeans(dc.vgg19(weights="calibrated", last=TWO), layers=2)
    with placed("auto"):  # as the command line: by one thread of linear algebra
        ready = dc.prepare(net, size=(16, 16), directions=3)
    image = dc.load(tmp_path / "photos" / "1.png", 16, "crop").pixels
    raw = ready.extractor.split(ready.extractor.measure(image.astype(np.float64)))
    for layer, own in table.raw.items():
        np.testing.assert_array_equal(own[1], raw[layer])
    about = json.loads((place / "table.json").read_text(encoding="utf-8"))
    assert about["channels"] == {ONE: [0, 1, 2], TWO: [0, 1, 2]}
    assert len(about["combined_channels"][ONE]) > 3
    before = (place / "table.csv").read_bytes()
    picture(tmp_path / "photos" / "2.png", 2)
    ran(place, f"resume={place}")
    assert (place / "table.csv").read_bytes().startswith(before)


def test_shards_together_are_the_table_of_one_run(photos: Path, run_dir: Path) -> None:
    words = (f"source={photos}", "layers=2", "table.checked=0")
    shards = [ran(photos.parent / f"shard{k}", *QUICK, *words, f"shard={k}/2") for k in (1, 2)]
    assert dc.read_table(shards[1]).paths == ("1.png", "broken.jpg")
    joined = dc.join_tables(shards, photos.parent / "joined")
    for name in ("table.csv", "table.json"):
        assert (joined.parent / name).read_bytes() == (run_dir / name).read_bytes()


def test_a_sweep_makes_shards_a_verification_the_same_table_and_a_page_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder_of(tmp_path / "photos")
    (photos / "br<ok>en.png").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    assert main(["-m", *STILL, "source=photos", "shard=1/2,2/2"]) == 0
    shards = sorted((tmp_path / "runs" / "features").iterdir())
    assert sorted(len(dc.read_table(shard).paths) for shard in shards) == [2, 2]
    whole = ran(tmp_path / "whole", *STILL, "source=photos")
    joined = dc.join_tables(shards, tmp_path / "joined")
    assert joined.read_bytes() == (whole / "table.csv").read_bytes()
    capsys.readouterr()
    assert main([f"verify={whole}"]) == 0
    assert capsys.readouterr().out.startswith("identical")
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "4 pictures of photos" in page
    assert "br&lt;ok&gt;en.png" in page
    assert "There is no result" not in page
    assert (whole / "plots" / "features.png").exists()
    text = joined.read_text(encoding="utf-8")
    (whole / "table.csv").write_text(text.replace(",ok,", ",OK,", 1), encoding="utf-8")
    assert main([f"verify={whole}"]) == 2
    assert "table.csv" in capsys.readouterr().err.splitlines()[-1]


def test_features_that_are_not_finite_are_a_row_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = folder_of(tmp_path / "photos", 2)
    measure, bad = Extractor.measure, dc.load(photos / "1.png", 16, "crop").pixels

    def measured(self: Any, image: np.ndarray) -> np.ndarray:
        return measure(self, image) * (np.nan if np.array_equal(image, bad) else 1)

    monkeypatch.setattr(Extractor, "measure", measured)
    run = ran(tmp_path / "run", *STILL, f"source={photos}")
    table = dc.read_table(run)
    assert table.status == ("ok", "cannot be measured: its features are not finite")
    assert np.isnan(table.raw[ONE][1]).all()


def test_a_picture_that_has_no_such_features_is_a_row_that_says_so(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", 1)
    Image.new("RGB", (20, 20), (9, 9, 9)).save(photos / "flat.png")
    words = ("+experiment=features", "features=pixel_moments", "image.size=12", "table.format=csv")
    table = dc.read_table(ran(tmp_path / "run", *words, f"source={photos}", "table.checked=0"))
    assert table.status[0] == "ok"
    assert table.status[1].startswith("cannot be measured: ")
    assert all(np.isfinite(values[0]).all() for values in table.decoupled.values())
    assert all(np.isnan(values[1]).all() for values in table.raw.values())


def test_a_run_goes_on_with_more_pictures_and_with_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder_of(tmp_path / "photos")
    run = ran(tmp_path / "run", *STILL, f"source={photos}")
    assert rows_in(run) == 3
    picture(photos / "05.png", 5)
    picture(photos / "1.png", 9)
    (photos / "2.png").unlink()
    capsys.readouterr()
    ran(run, f"resume={run}")
    assert rows_in(run) == 5, "of the new one and the one that was changed"
    said = capsys.readouterr().err
    assert "2 pictures in 0:00:" in said
    assert ", 1 were there" in said
    table = dc.read_table(run)
    assert table.paths == ("0.png", "05.png", "1.png")
    anew = ran(tmp_path / "anew", *STILL, f"source={photos}")
    for name in ("table.csv", "table.json"):
        assert (run / name).read_bytes() == (anew / name).read_bytes()
    assert metrics_of(run)["source"]["digest"] == metrics_of(anew)["source"]["digest"]
    ran(run, f"resume={run}")
    assert rows_in(run) == 5, "nothing is left to do"


@pytest.mark.parametrize("cut", [0, 30])
def test_a_run_that_was_cut_goes_on(
    tmp_path: Path,
    cut: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = folder_of(tmp_path / "photos")
    (photos / "broken.png").write_bytes(b"")
    add = FeatureRows.add

    def interrupted(self: FeatureRows, row: Any) -> None:
        add(self, row)
        if row.path == "1.png":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FeatureRows, "add", interrupted)
        run = ran(tmp_path / "run", *STILL, f"source={photos}", code=130)
    assert f"resume={run}" in capsys.readouterr().err
    assert not (run / "table.csv").exists()
    rows = (run / NAME).read_bytes()
    (run / NAME).write_bytes(rows[: len(rows) - cut])
    picture(photos / "broken.png", 7)  # mended meanwhile
    ran(run, f"resume={run}")
    whole = ran(tmp_path / "whole", *STILL, f"source={photos}")
    assert (run / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()
    assert rows_in(run) == 4


def test_a_pattern_is_found_again_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(tmp_path / "photos" / "a", 1)
    monkeypatch.chdir(tmp_path)
    run = ran(tmp_path / "run", *STILL, "source=photos/*/*.png")
    picture(tmp_path / "photos" / "b" / "0.png", 4)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran(run, f"resume={run}")
    assert dc.read_table(run).paths == ("a/0.png", "b/0.png")


def test_labels_are_those_of_the_list(tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos", 2)
    given = tmp_path / "given.csv"
    given.write_text("path,label\n1.png,wood\n0.png,stone\n", encoding="utf-8")
    run = ran(tmp_path / "run", *STILL, f"source={photos}", f"table.labels={given}")
    assert dc.read_table(run).labels == ("stone", "wood")
    assert metrics_of(run)["feature_table"]["labels"] == 2
    shutil.copy(given, photos / "list.csv")
    listed = ran(tmp_path / "listed", *STILL, f"source={photos / 'list.csv'}")
    assert (run / "table.csv").read_bytes() == (listed / "table.csv").read_bytes()


def test_rows_of_other_features_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder_of(tmp_path / "photos", 1)
    run = ran(tmp_path / "run", *STILL, f"source={photos}")
    about = json.loads((run / "table.json").read_text(encoding="utf-8"))
    about["features"]["weights"] = "0"
    (run / "table.json").write_text(json.dumps(about), encoding="utf-8")
    before = (run / "table.csv").read_bytes()
    capsys.readouterr()
    ran(run, f"resume={run}", code=2)
    assert "has other features than" in capsys.readouterr().err.splitlines()[-1]
    assert (run / "table.csv").read_bytes() == before


def test_a_plan_counts_the_pictures_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder_of(tmp_path / "photos", 4)
    monkeypatch.chdir(tmp_path)
    passes = {}
    for shard in ("1/1", "2/2"):
        capsys.readouterr()
        assert main([*QUICK, "source=photos", "layers=2", f"shard={shard}", "plan=true"]) == 0
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert "4 pictures of photos" in line
        assert (", shard 2/2" in line) == (shard == "2/2")
        passes[shard] = int(line.partition(" passes")[0].rpartition(" ")[2])
    assert passes["1/1"] == pytest.approx(2 * passes["2/2"], rel=0.05)
    assert [path.name for path in tmp_path.iterdir()] == [photos.name]
