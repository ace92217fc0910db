"""Some hundreds of injuries to the files that runs read: one line, or what was there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml

from decouple.errors import ConfigError
from experiments import injuries
from experiments.injuries import FAULTS, Ending, Subject, of_bytes, of_json, of_yaml
from experiments.mutations import page, subjects, tried

EACH = 20


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Subject]:
    return subjects(tmp_path_factory.mktemp("runs"))


@pytest.mark.slow
def test_every_injury_is_told_or_of_no_consequence(
    every: list[Subject], capsys: pytest.CaptureFixture[str]
) -> None:
    """With seeds that the longer run of `experiments/mutations.py` does not have."""
    ended = {subject.name: tried(subject, range(EACH)) for subject in every}
    assert sum(one.total() for one in ended.values()) >= 300
    faults = {name: {e.value: one[e] for e in FAULTS if one[e]} for name, one in ended.items()}
    assert not any(faults.values()), (faults, capsys.readouterr().err)
    for name, one in ended.items():
        noticed = one[Ending.REFUSED] + one[Ending.MADE_ANEW]
        # A number in a file of weights is another one, and nobody can tell.
        assert noticed > EACH / (5 if "weights" in name else 2), (name, one)
    assert f"{len(every) * EACH} injuries" in page(ended)
    assert "; 0 ended in a traceback" in page(ended)


# That faults would be seen.


def subject(folder: Path, read: object) -> Subject:
    (folder / "a").write_bytes(b"content")
    return Subject("a", folder, "a", of_bytes, read)  # type: ignore[arg-type]


def refused(line: str) -> Ending:
    raise ConfigError(line)


@pytest.mark.parametrize(
    ("read", "ending"),
    [
        (lambda _: refused("one line"), Ending.REFUSED),
        (lambda _: refused("two\nlines"), Ending.TRACEBACK),
        (lambda _: refused(""), Ending.TRACEBACK),
        (lambda _: {}["none"], Ending.TRACEBACK),
        (lambda folder: (folder / "b").touch() or Ending.AS_BEFORE, Ending.DESTROYED),
        (lambda folder: (folder / "c").unlink() or refused("one line"), Ending.DESTROYED),
        (lambda folder: ((folder / "a").write_bytes(b"") and Ending.WRONG) or Ending.WRONG,
         Ending.WRONG),
    ],
)  # fmt: skip
def test_faults_are_seen(read: object, ending: Ending, tmp_path: Path) -> None:
    (tmp_path / "c").touch()
    one = subject(tmp_path, lambda: read(tmp_path))  # type: ignore[operator]
    assert one.tried(0)[0] is ending
    assert (tmp_path / "a").read_bytes() == b"content", "it was put back"


def test_what_does_not_come_back_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injuries, "PATIENCE", 0.05)

    def endless() -> Ending:
        while True:
            pass

    assert subject(tmp_path, endless).tried(0)[0] is Ending.HUNG


@pytest.mark.parametrize(
    ("injury", "content"),
    [
        (of_bytes, bytes(range(256)) * 3),
        (of_json, json.dumps({"a": [1, {"b": None}], "c": "d"}).encode()),
        (of_yaml, yaml.safe_dump({"a": [1, {"b": None}], "c": "d"}).encode()),
    ],
)
def test_injuries_are_many_and_drawn_from_a_seed(injury: injuries.Injury, content: bytes) -> None:
    drawn = [injury(content, random.Random(seed)) for seed in range(200)]
    assert drawn == [injury(content, random.Random(seed)) for seed in range(200)]
    assert len({*drawn} - {content}) > 100
