"""What this process holds, and what there is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from decouple import memory

SIZE = 200 * 2**20


def test_what_it_holds_grows_with_what_it_holds() -> None:
    before = memory.resident_bytes()
    assert before is not None
    held = np.ones(SIZE, np.uint8)
    after = memory.resident_bytes()
    assert after is not None
    assert 0.9 * SIZE < after - before < 1.5 * SIZE
    assert memory.peak_memory_bytes() >= after - 2**20
    assert held[-1] == 1


def test_peak_memory_is_in_bytes() -> None:
    peak = memory.peak_memory_bytes()
    assert peak is not None
    assert 10e6 < peak < 1e12


def test_no_more_is_available_than_there_is() -> None:
    there, spare = memory.total_bytes(), memory.available_bytes()
    assert there is not None
    assert spare is not None
    assert 0 < spare <= there
    assert there <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("limit", "used", "spare", "total"),
    [
        (f"{3 * 2**20}", f"{2**20}", 2 * 2**20, 3 * 2**20),
        (f"{2**20}", f"{2 * 2**20}", 0, 2**20),
        ("max", f"{2**20}", None, None),
        (f"{2**70}", "0", None, None),
    ],
    ids=["confined", "above its limit", "no limit", "a limit above the machine"],
)
def test_a_control_group_may_have_less(
    limit: str,
    used: str,
    spare: int | None,
    total: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(used)
    assert memory.available_bytes() == (machine.available if spare is None else spare)
    assert memory.total_bytes() == (machine.total if total is None else total)


def test_where_the_system_does_not_tell_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise psutil.AccessDenied

    for name in ("virtual_memory", "Process"):
        monkeypatch.setattr(psutil, name, refuse)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert (memory.resident_bytes(), memory.available_bytes(), memory.total_bytes()) == (None,) * 3
