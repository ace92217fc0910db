"""Hundreds of injuries to what a run goes on from: refused in a line, or of no consequence.

The seed is fixed. What reads and checks is called in this process, as `resume=` calls it before it
touches anything.
"""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from decouple.archive import read_archive, write_archive
from decouple.command_line import compose_checked
from decouple.config import config_folder, register
from decouple.errors import DecoupleError
from decouple.experiments import experiment_named
from decouple.overrides import settings
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.journal import Journal
from decouple.pipeline.kept import ENTRY
from decouple.pipeline.provenance import check_same_run
from decouple.record import forms
from decouple.record.checkpoint import NAME, read_checkpoint
from decouple.record.verification import compare_runs
from decouple.run import main

RUN = ["+experiment=self_transfer", "network.weights=calibrated", "image.size=16", "layers=2"]
RUN += ["tolerance=1e-2", "checkpoint.every_seconds=0"]
PARTS = [NAME, "checkpoint.1.npz", "checkpoint.2.npz", "checkpoint.3.npz"]


def cut_after(parts: int, folder: Path, *words: str) -> Path:
    """A run that was left when so many motions were kept."""
    write = Journal.write

    def interrupted(self: Journal) -> None:
        write(self)
        if (folder / f"checkpoint.{parts}.npz").exists():
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "write", interrupted)
        assert main([*words, f"run_dir={folder}"]) == 130
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`whole`, and `cut` after three of its four motions; `other`, of another seed, after two."""
    folder = tmp_path_factory.mktemp("runs")
    assert main([*RUN, f"run_dir={folder / 'whole'}"]) == 0
    cut_after(3, folder / "cut", *RUN)
    cut_after(2, folder / "other", *RUN, "seed=1")
    return folder


@pytest.fixture
def folder(runs: Path, tmp_path: Path) -> Path:
    """A copy of the run that was cut."""
    return Path(shutil.copytree(runs / "cut", tmp_path / "cut"))


@pytest.fixture(scope="module")
def inputs(runs: Path) -> Inputs:
    return Inputs.of(composed(runs / "cut"), silent)


def composed(folder: Path) -> DictConfig:
    """What `resume=` composes."""
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose_checked([f"resume={folder}"])


def silent(*_: object) -> None:
    """Say nothing."""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def what_is_known(inputs: Inputs, folder: Path) -> list[Any]:
    """What a run goes on from, as values that can be compared."""
    _, about = read_checkpoint(folder)
    check_same_run(inputs, about, folder, silent)
    known = []
    for entry in Journal.read(folder, 0)._results:
        told, arrays = forms.written(ENTRY, entry)
        known.append((told, {name: array.tobytes() for name, array in arrays.items()}))
    return known


# Injuries to files.


def flipped(rng: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 1, 3, 40])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def header_flipped(rng: random.Random, path: Path) -> None:
    """A bit of the place where an array says what it is."""
    data = bytearray(path.read_bytes())
    begins = [k for k in range(len(data)) if data.startswith(b"\x93NUMPY", k)]
    data[rng.choice(begins or [0]) + rng.randrange(128)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def shortened(rng: random.Random, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def lengthened(rng: random.Random, path: Path) -> None:
    data, more = path.read_bytes(), rng.randbytes(rng.choice([1, 100]))
    path.write_bytes(rng.choice([data + more, more + data]))


def overwritten(rng: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    begin = rng.randrange(len(data))
    data[begin : begin + 64] = rng.randbytes(64)
    path.write_bytes(data[: len(path.read_bytes())])


def removed(rng: random.Random, path: Path) -> None:
    path.unlink()


FILE_INJURIES = [flipped, header_flipped, shortened, lengthened, overwritten, removed]
INJURED = [*PARTS, "history.csv"]


@pytest.mark.parametrize("seed", range(80))
def test_an_injured_file(seed: int, runs: Path, folder: Path, inputs: Inputs) -> None:
    rng = random.Random(seed)
    injury, name = FILE_INJURIES[seed % len(FILE_INJURIES)], rng.choice(INJURED)
    injury(rng, folder / name)
    unhurt(inputs, folder, runs)


def unhurt(inputs: Inputs, folder: Path, runs: Path) -> None:
    """Refused in a line, or read as what it was, as far as it is there; nothing is touched."""
    before, whole = contents(folder), what_is_known(inputs, runs / "cut")
    known = unless_refused(lambda: what_is_known(inputs, folder))
    assert known is None or known == whole[: len(known)]
    assert contents(folder) == before


def unless_refused(read: Callable[[], Any]) -> Any:
    """What was read; None where it was refused, in a line."""
    try:
        return read()
    except DecoupleError as error:
        line = str(error)
    assert "\n" not in line
    return None


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
        what_is_known(inputs, folder)
    assert contents(folder) == before


# What is well written, and says what it must not.


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all that a value consists of."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, held in items:
        yield (*path, key)
        yield from leaves(held, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


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
    path = rng.choice(list(leaves(about)))
    if seed % 3:
        at(about, path[:-1])[path[-1]] = other_kind(rng, at(about, path))
    else:
        del at(about, path[:-1])[path[-1]]
    write_archive(folder / PARTS[-1], archive.arrays, about)
    before = contents(folder)
    with pytest.raises(DecoupleError, match=r"checkpoint\.3\.npz") as caught:
        what_is_known(inputs, folder)
    assert "\n" not in str(caught.value), path
    assert contents(folder) == before


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
        what_is_known(inputs, folder)


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
        what_is_known(inputs, folder)
    assert "\n" not in str(caught.value)


# config.yaml.

VALUES = ["[]", "{}", "null", ".inf", "-1", "true", "1e400", "x", "2024-01-05", "!!python/none x"]
VALUES += ["!mine 3", "&a [*a]", '"a\\0b"', "[" * 40, "'", "9" * 5000, "x" * 300, "${seed}", "???"]


def config_injury(rng: random.Random, text: str) -> str | bytes:
    lines = text.splitlines(keepends=True)
    line = rng.randrange(len(lines))
    kind = rng.randrange(8)
    if kind < 3:
        name = lines[line].partition(":")[0]
        lines[line] = f"{name}: {rng.choice(VALUES)}\n"
    elif kind == 3:
        del lines[line]
    elif kind == 4:
        lines.insert(line, lines[rng.randrange(len(lines))])
    elif kind == 5:
        lines.insert(line, rng.choice(["mine: 1\n", "  mine: 1\n", "? [a]\n", "---\n", "\t- 1\n"]))
    elif kind == 6:
        return text[: rng.randrange(len(text))]
    else:
        data = bytearray(text.encode())
        for _ in range(rng.choice([1, 4])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)
    return "".join(lines)


@pytest.mark.parametrize("seed", range(70))
def test_an_injured_configuration(seed: int, runs: Path, folder: Path, inputs: Inputs) -> None:
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    injured = config_injury(random.Random(seed), text)
    data = injured if isinstance(injured, bytes) else injured.encode()
    (folder / "config.yaml").write_bytes(data)
    before = contents(folder)
    config = unless_refused(lambda: configuration(inputs, folder))
    own, was = (
        settings(OmegaConf.to_container(c or inputs.config)) for c in (config, inputs.config)
    )
    changed = {key for key in own | was if own.get(key) != was.get(key)}
    assert all(experiment_named("self_transfer").may_change(key) for key in changed), changed
    assert contents(folder) == before


def configuration(inputs: Inputs, folder: Path) -> DictConfig:
    """With what a run goes on, once it has been compared with what its checkpoint was made with."""
    config = composed(folder)
    check_same_run(replace(inputs, config=config), read_checkpoint(folder)[1], folder, silent)
    return config


@pytest.mark.parametrize("name", ["config.yaml", "files.yaml", *PARTS[1:], "history.csv"])
def test_a_folder_in_place_of_a_file(name: str, folder: Path, inputs: Inputs) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    with pytest.raises(DecoupleError, match=name):
        configuration(inputs, folder) and what_is_known(inputs, folder)


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
