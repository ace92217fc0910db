"""What a run goes on from, when it is another's, forged, or in another's place: refused in a line.

What reads and checks is called in this process, as `resume=` calls it before it touches anything.
Files that are damaged by chance are the matter of `test_mutations.py`.
"""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouple.archive import read_archive, write_archive
from decouple.command_line import compose_checked
from decouple.errors import DecoupleError
from decouple.pipeline.inputs import Inputs
from decouple.record.checkpoint import NAME
from decouple.record.verification import compare_runs
from decouple.run import main
from experiments.injuries import contents, places
from experiments.mutations import CUT, STYLE, composing, cut_after, silent, what_is_known

LAYERS = ("block1_conv1", "block2_conv1")
PARTS = [NAME, "checkpoint.1.npz", "checkpoint.2.npz", "checkpoint.3.npz"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`whole`, and `cut` after three of its four motions; `other`, of another seed, after two."""
    folder = tmp_path_factory.mktemp("runs")
    assert main([*CUT, f"run_dir={folder / 'whole'}"]) == 0
    cut_after(3, folder / "cut", *CUT)
    cut_after(2, folder / "other", *CUT, "seed=1")
    return folder


@pytest.fixture
def folder(runs: Path, tmp_path: Path) -> Path:
    """A copy of the run that was cut."""
    return Path(shutil.copytree(runs / "cut", tmp_path / "cut"))


@pytest.fixture(scope="module")
def inputs(runs: Path) -> Inputs:
    with composing():
        return Inputs.of(compose_checked([f"resume={runs / 'cut'}"]), silent)


def known(inputs: Inputs, folder: Path) -> list[Any]:
    """What a run goes on from, in that folder."""
    config = inputs.config.copy()
    config.resume = str(folder)
    return what_is_known(replace(inputs, config=config))


# Parts in places that are not theirs.


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("place", PARTS)
@pytest.mark.parametrize("how", ["copied", "exchanged", "from another run"])
def test_a_part_elsewhere(
    part: str, place: str, how: str, runs: Path, folder: Path, inputs: Inputs
) -> None:
    there = runs / "other" / part if how == "from another run" else folder / part
    if not there.exists() or (part == place and how != "from another run"):
        return
    taken, held = there.read_bytes(), (folder / place).read_bytes()
    (folder / place).write_bytes(taken)
    if how == "exchanged":
        (folder / part).write_bytes(held)
    before = contents(folder)
    with pytest.raises(DecoupleError, match=r"checkpoint(\.\d)?\.npz|seed was 1 and is 0"):
        known(inputs, folder)
    assert contents(folder) == before


# What is well written, and says what it must not.


def other_kind(rng: random.Random, value: Any) -> Any:
    """A value of another kind than this one, whatever is known of it."""
    if isinstance(value, dict | list):
        return rng.choice(["x", 1, True, None if value else "x", {"a": {"b": [1]}}])
    return rng.choice([[], [1], {}, {"a": value}, {"array": "x"}, {"float": "x"}])


@pytest.mark.parametrize("seed", range(70))
def test_a_forged_field(seed: int, folder: Path, inputs: Inputs) -> None:
    """Of the last part, on which nothing builds."""
    rng = random.Random(seed)
    archive = read_archive(folder / PARTS[-1])
    about = copy.deepcopy(archive.about)
    # Which layers a trace is to measure is known where its motion is asked for: the next test.
    chosen = [(at, key) for at, key in places(about) if seed % 3 or key not in LAYERS]
    held, key = rng.choice(chosen)
    if seed % 3:
        held[key] = other_kind(rng, held[key])
    else:
        del held[key]
    write_archive(folder / PARTS[-1], archive.arrays, about)
    before = contents(folder)
    with pytest.raises(DecoupleError, match=r"checkpoint\.3\.npz") as caught:
        known(inputs, folder)
    assert "\n" not in str(caught.value), key
    assert contents(folder) == before


@pytest.mark.parametrize("forged", ["missing", "another"])
def test_a_trace_of_other_layers_does_not_fit(
    forged: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = read_archive(folder / PARTS[-1])
    about = copy.deepcopy(archive.about)
    (measured,) = (held for held, key in places(about) if key == LAYERS[0])
    left = measured.pop(LAYERS[0])
    if forged == "another":
        measured["block3_conv1"] = left
    write_archive(folder / PARTS[-1], archive.arrays, about)
    assert main([f"resume={folder}"]) == 2
    assert "the checkpoint does not fit this run: its entry 3 is of" in capsys.readouterr().err


ARRAY_INJURIES: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda a: a[..., None],
    lambda a: a.ravel()[:-1],
    lambda a: a.astype(np.int64),
    lambda a: a.astype(">f8"),
    lambda a: a.astype("U8"),
    lambda a: a * np.nan,
    lambda a: np.full_like(a, np.inf),
    lambda a: np.zeros((0,)),
]


@pytest.mark.parametrize("seed", range(24))
def test_a_forged_array(seed: int, folder: Path, inputs: Inputs) -> None:
    archive = read_archive(folder / PARTS[-1])
    name = random.Random(seed).choice(sorted(archive.arrays))
    injury = ARRAY_INJURIES[seed % len(ARRAY_INJURIES)]
    arrays = {**archive.arrays, name: injury(archive.arrays[name])}
    write_archive(folder / PARTS[-1], arrays, archive.about)
    with pytest.raises(DecoupleError, match=r"checkpoint\.3\.npz"):
        known(inputs, folder)


@pytest.mark.parametrize("key", ["config", "inputs", "weights", "versions", "numerics"])
@pytest.mark.parametrize("value", [None, [1], 1, [{"seed": 1}]])
def test_a_forged_beginning(key: str, value: Any, folder: Path, inputs: Inputs) -> None:
    archive = read_archive(folder / NAME)
    about = copy.deepcopy(archive.about)
    if value is None:
        del about["held"][key]
    else:
        about["held"][key] = value
    write_archive(folder / NAME, archive.arrays, about)
    with pytest.raises(DecoupleError) as caught:
        known(inputs, folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.yaml", "files.yaml", *PARTS[1:], "history.csv"])
def test_a_folder_in_place_of_a_file(name: str, folder: Path, inputs: Inputs) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()

    def read() -> None:
        with composing():
            compose_checked([f"resume={folder}"])
        known(inputs, folder)

    with pytest.raises(DecoupleError, match=name):
        read()


# The one state of a style transfer, which is replaced as it goes on.


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Those of a run whose folder is to be copied, and not touched."""
    folder = tmp_path_factory.mktemp("style") / "run"
    assert main([*STYLE, f"run_dir={folder}"]) == 0
    with composing():
        return Inputs.of(compose_checked([f"resume={folder}"]), silent)


def forged(style: Inputs, tmp_path: Path, forge: Callable[[dict, dict], object]) -> None:
    """What is forged of the state, as plain values and arrays, is refused."""
    folder = Path(shutil.copytree(style.config.resume, tmp_path / "run"))
    archive = read_archive(folder / NAME)
    about, arrays = copy.deepcopy(archive.about), dict(archive.arrays)
    assert known(style, folder)
    forge(about["held"]["kept"], arrays)
    write_archive(folder / NAME, arrays, about)
    before = contents(folder)
    with pytest.raises(DecoupleError) as caught:
        known(style, folder)
    assert "\n" not in str(caught.value)
    assert contents(folder) == before


@pytest.mark.parametrize("seed", range(30))
def test_a_forged_state(seed: int, style: Inputs, tmp_path: Path) -> None:
    rng = random.Random(seed)

    def forge(kept: dict, arrays: dict[str, np.ndarray]) -> None:
        if seed % 3 == 0:
            # Of images; what else there is may be of any length, or is its optimizer's own.
            names = [name for name, array in arrays.items() if array.ndim == 3]
            name = rng.choice(sorted(name for name in names if "optimizer" not in name))
            arrays[name] = rng.choice(ARRAY_INJURIES)(arrays[name])
        elif seed % 3 == 1:
            fields = rng.choice([kept["Kept 1"], kept["Kept 1"]["state"]["State 1"]])
            del fields[rng.choice(sorted(fields))]
        else:
            held, key = rng.choice(list(places(kept)))
            held[key] = other_kind(rng, held[key])

    forged(style, tmp_path, forge)


def test_a_state_of_another_optimizer(style: Inputs, tmp_path: Path) -> None:
    def forge(kept: dict, arrays: dict[str, np.ndarray]) -> None:
        arrays[max(name for name in arrays if "optimizer" in name)] = np.zeros(3)

    forged(style, tmp_path, forge)


# The same through the command line.


def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    before = contents(folder)
    capsys.readouterr()
    assert main([f"resume={folder}"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert contents(folder) == before
    return shown.strip().splitlines()[-1]


def test_what_was_refused_can_be_put_back(
    runs: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (folder / name for name in PARTS[1:3])
    kept = {path: path.read_bytes() for path in (one, two, folder / "history.csv")}
    one.write_bytes(kept[two])
    two.write_bytes(kept[one])
    assert "checkpoint.1.npz' is part 2" in refused(folder, capsys)
    shutil.copy(runs / "other" / PARTS[1], one)
    two.write_bytes(kept[two])
    assert "checkpoint.1.npz' is of another run" in refused(folder, capsys)
    one.write_bytes(kept[one])
    rows = kept[folder / "history.csv"]
    (folder / "history.csv").write_bytes(rows.replace(b",1,", b",2,", 1))
    assert "history.csv' is damaged: its rows are not those" in refused(folder, capsys)
    (folder / "history.csv").write_bytes(rows)
    (folder / "images" / ".0123456789abcdef.part").write_bytes(b"half a picture")
    assert main([f"resume={folder}"]) == 0
    verdict = compare_runs(runs / "whole", folder)
    assert verdict.identical, verdict
    assert {p.relative_to(folder) for p in folder.rglob("*")} == {
        p.relative_to(runs / "whole") for p in (runs / "whole").rglob("*")
    }


def test_parts_that_a_kill_left_of_a_run_that_has_ended(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(runs / "whole", tmp_path / "whole"))
    before = contents(folder)
    for name in PARTS[2:]:
        shutil.copy(runs / "cut" / name, folder / name)
    assert main([f"resume={folder}"]) == 2
    assert "the run has ended" in capsys.readouterr().err
    assert contents(folder) == before
