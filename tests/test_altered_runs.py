"""Runs whose files were changed after they ended, or damaged: nothing is repeated for them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouple.archive import read_npz
from decouple.record.metrics import read_metrics, write_metrics
from decouple.record.seal import DIGESTS
from decouple.record.verification import compare_runs
from decouple.run import main
from tests.test_verify import FEW, with_arrays

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main([*FEW, f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture
def copy(run_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_dir, tmp_path / "copy"))


def pixel(folder: Path) -> None:
    path = folder / "images" / "result.png"
    with Image.open(path) as picture:
        picture.load()
    red, green, blue = picture.getpixel((3, 4))
    picture.putpixel((3, 4), (red ^ 1, green, blue))
    picture.save(path)


def number(*keys: str | int) -> Change:
    def change(folder: Path) -> None:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        *above, last = keys
        held = metrics
        for key in above:
            held = held[key]
        held[last] = (held[last] or 0) + 1e-9
        (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    return change


def setting(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "config.yaml").write_text(text.replace(old, new), encoding="utf-8")

    return change


def feature(folder: Path) -> None:
    with_arrays(folder, result=read_npz(folder / "result.npz")["result"] * (1 + 1e-15))


def row(folder: Path) -> None:
    *rows, _ = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    (folder / "history.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")


# {what was changed: (how, file that is named)}
CHANGED_SINCE: dict[str, tuple[Change, str]] = {
    "a pixel": (pixel, "images/result.png"),
    "no picture": (lambda run: (run / "images" / "result.png").unlink(), "images/result.png"),
    "no source": (lambda run: (run / "images" / "source.png").unlink(), "images/source.png"),
    "another picture": (
        lambda run: Image.new("RGB", (9, 9)).save(run / "images" / "z.png"), "images/z.png"
    ),
    "the result's error": (number("self_transfer", "psnr_db"), "metrics.json"),
    "a stage's error": (number("stages", 1, "feature_mse", "block1_conv1"), "metrics.json"),
    "seconds": (number("seconds"), "metrics.json"),
    "the seed": (setting("seed: 0", "seed: 1"), "config.yaml"),
    "a setting without effect": (setting("seconds: 30.0", "seconds: 3.0"), "config.yaml"),
    "planned only": (setting("plan: false", "plan: true"), "config.yaml"),
    "a bit of the result": (feature, "result.npz"),
    "no result": (lambda run: (run / "result.npz").unlink(), "result.npz"),
    "a row": (row, "history.csv"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED_SINCE)
def test_what_was_changed_since_the_run_is_a_difference(
    what: str,
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("decouple.run.carry_out", lambda config: pytest.fail("repeated"))
    change, name = CHANGED_SINCE[what]
    change(copy)
    assert main([f"verify={copy}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith(f"error: different: {name} in ")


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("a pixel", "methods/a/images/result.png"),
        ("the result's error", "methods/a/metrics.json"),
    ],
)
def test_so_is_what_was_changed_of_a_method(
    what: str, name: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(copy, tmp_path / "a")
    shutil.copytree(tmp_path / "a", copy / "methods" / "a")
    write_metrics(copy, read_metrics(copy))
    change, _ = CHANGED_SINCE[what]
    change(copy / "methods" / "a")
    assert main([f"verify={copy}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith(f"error: different: {name} in ")


def of_a_former_version(folder: Path) -> None:
    """Without digests."""
    metrics = read_metrics(folder)
    del metrics[DIGESTS]
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


@pytest.mark.parametrize(
    ("what", "at"),
    [
        ("a pixel", "images/result.png"),
        ("no picture", "images/result.png"),
        ("the result's error", "metrics.json"),
        ("a stage's error", "noisify_source, block1_conv1"),
        ("a row", "history.csv"),
        ("a bit of the result", "result"),
    ],
)
def test_on_one_setting_every_difference_counts(
    what: str, at: str, run_dir: Path, copy: Path
) -> None:
    """Also where the run kept no digests."""
    of_a_former_version(copy)
    assert compare_runs(run_dir, copy).identical
    CHANGED_SINCE[what][0](copy)
    verdict = compare_runs(run_dir, copy)
    assert not verdict.same
    assert str(verdict).endswith(f"they part at {at}")


def test_a_run_without_digests_is_repeated(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(run_dir, tmp_path / "copy ${seed}"))
    of_a_former_version(copy)
    assert main([f"verify={copy}"]) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert line.startswith("identical (the run kept no digests by which ")
    assert (copy / "verification-1" / "metrics.json").is_file()


def written(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content) and None


def halved(name: str) -> Change:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return change


def removed(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def piped(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def metric(value: object, *keys: str | int) -> Change:
    def change(folder: Path) -> None:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        *above, last = keys
        held = metrics
        for key in above:
            held = held[key]
        if value is None:
            del held[last]
        else:
            held[last] = value
        (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    return change


# {what is damaged: (how, words of the refusal)}
DAMAGED: dict[str, tuple[Change, str]] = {
    "metrics, empty": (written("metrics.json", b""), "metrics.json' is damaged"),
    "metrics, cut": (halved("metrics.json"), "metrics.json' is damaged"),
    "metrics, a list": (written("metrics.json", b"[1]"), "it holds no metrics"),
    "metrics, without end": (written("metrics.json", b"[" * 100_000), "metrics.json' is damaged"),
    "metrics, infinite": (metric(float("inf"), "seconds"), "is no finite number"),
    "metrics, huge": (written("metrics.json", b'{"a": 1e999}'), "1e999 is no finite number"),
    "metrics, no UTF-8": (written("metrics.json", b'{"\xff": 1}'), "metrics.json' is damaged"),
    "metrics, a pipe": (piped("metrics.json"), "is no plain file"),
    "metrics, of tomorrow": (metric(2, "schema"), "another version"),
    "no network": (metric(None, "network"), "it has no network"),
    "a network of a number": (metric(3, "network"), "network.name"),
    "stages of a text": (metric("none", "stages"), "it has no stages[]"),
    "a stage of a number": (metric(3, "stages", 1), "stages[1].stage"),
    "a layer of a list": (metric([], "stages", 1, "layer"), "stages[1].layer is [], and no text"),
    "a source of a text": (metric("none", "source"), "it has no source.digest"),
    "digests of a list": (metric([], "digests"), "digests is [], and no mapping"),
    "no history": (removed("history.csv"), "no history.csv"),
    "history, empty": (written("history.csv", b""), "history.csv' is damaged"),
    "history, cut": (halved("history.csv"), "history.csv' is damaged"),
    "history, of zeros": (written("history.csv", b"\0" * 99), "history.csv' is damaged"),
    "history, no UTF-8": (written("history.csv", b"\xff\n"), "history.csv' is damaged"),
    "history, a pipe": (piped("history.csv"), "is no plain file"),
    "result.npz, empty": (written("result.npz", b""), "result.npz' is damaged"),
    "result.npz, cut": (halved("result.npz"), "result.npz' is damaged"),
    "result.npz, of text": (
        lambda run: np.savez(run / "result.npz", result=np.array(["a"])), "holds no numbers"
    ),
    "result.npz, a pipe": (piped("result.npz"), "is no plain file"),
    "result.png, empty": (written("images/result.png", b""), "result.png' is damaged"),
    "result.png, cut": (halved("images/result.png"), "result.png' is damaged"),
    "result.png, a pipe": (piped("images/result.png"), "is no plain file"),
    "source.png, of text": (written("images/source.png", b"none"), "source.png' is damaged"),
    "config, empty": (written("config.yaml", b""), "it holds no settings"),
    "config, a list": (written("config.yaml", b"[1, 2]"), "it holds no settings"),
    "config, malformed": (written("config.yaml", b"a: [1,"), "config.yaml' is damaged"),
    "config, with a tag": (
        written("config.yaml", b"a: !!python/object/apply:os.getcwd []"), "config.yaml' is damaged"
    ),
    "config, with a date": (written("config.yaml", b"a: 2024-01-05"), "it holds a date"),
    "config, with aliases": (
        written("config.yaml", b"a: &a [x]\nb: [*a, *a]"), "refers to another part of itself"
    ),
    "config, by numbers": (written("config.yaml", b"1: {2: 3}"), "1 is no name"),
    "config, without end": (written("config.yaml", b"a: " + b"[" * 9999), "config.yaml' is"),
    "config, deep": (written("config.yaml", b"a: " + b"[" * 99 + b"]" * 99), "nested too deep"),
    "config, no UTF-8": (written("config.yaml", b"a: \xff"), "config.yaml' is damaged"),
    "config, a pipe": (piped("config.yaml"), "is no plain file"),
    "config, of no experiment": (written("config.yaml", b"experiment: [x]"), "is no name"),
    "config, features of a truth": (written("config.yaml", b"features: true"), "is no name"),
    "config, a number beyond all": (
        setting("strengths:\n  - 0.25", f"strengths:\n  - {10**400}"), "too large"
    ),
    "config, of an odd network": (
        setting("name: vgg19", f"name: {'a' * 300}"), "unknown setting 'network.name'"
    ),
    "places, malformed": (written("files.yaml", b"a: [1,"), "files.yaml' is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_damaged_is_said_before_anything_is_repeated(
    what: str,
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage, words = DAMAGED[what]
    damage(copy)
    monkeypatch.setattr("decouple.run.carry_out", lambda config: pytest.fail("repeated"))
    assert main([f"verify={copy}"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "a\0b"])
def test_names_that_no_folder_has(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for setting_ in ("verify", "resume"):
        assert main([f"{setting_}={name}"]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "there is no run folder" in line
