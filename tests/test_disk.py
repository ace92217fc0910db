"""What the disk refuses costs one line, and nothing that was done before."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from decouple.record.folder import RunFolder
from decouple.record.verification import compare_runs
from decouple.run import main

FEW = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
FEW += ["flow=gradient", "stop.max_iterations=3"]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    line = shown.strip().splitlines()[-1]
    assert line.startswith("error: cannot ")
    return line


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def at(name: str, act: Callable[[RunFolder], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something happen when a picture is to be saved."""
    save = RunFolder.save_image

    def saving(self: RunFolder, saved: str, pixels: np.ndarray, *text: object) -> float:
        if saved == name:
            act(self)
        return save(self, saved, pixels, *text)  # type: ignore[arg-type]

    monkeypatch.setattr(RunFolder, "save_image", saving)


@pytest.mark.parametrize("where", ["result", "metrics.json", "plots"])
def test_a_full_disk_is_one_line_and_the_run_goes_on_later(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        if where == "result":
            at("result", lambda _: patch.setattr("PIL.Image.Image.save", no_space), patch)
        elif where == "metrics.json":
            patch.setattr(RunFolder, "write_json", lambda self, name, _: no_space_for(self, name))
        else:
            patch.setattr("decouple.pipeline.recorder.plot_panel", no_space)
        line = refusal(capsys, *FEW, f"run_dir={run}")
    assert "No space left on device" in line
    assert f"resume={run}" in line
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "This run has stopped before its end: cannot write" in page
    assert "No space left on device" in page
    assert "data-written=" not in page.replace("[data-written]", "")
    assert not list(run.rglob("*.part"))
    assert main([f"resume={run}"]) == 0
    assert main([*FEW, f"run_dir={tmp_path / 'whole'}"]) == 0
    assert compare_runs(tmp_path / "whole", run).identical


def no_space_for(folder: RunFolder, name: str) -> None:
    """What `write_json` does on a full disk."""
    from decouple.files import disk_errors

    with disk_errors("write", folder.path / name):
        no_space()


def test_a_folder_that_is_removed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = tmp_path / "runs" / "earlier"
    earlier.mkdir(parents=True)
    (earlier / "result.png").write_bytes(b"mine")
    run = tmp_path / "runs" / "run"
    at("result", lambda folder: shutil.rmtree(folder.path), monkeypatch)
    line = refusal(capsys, *FEW, f"run_dir={run}")
    assert "No such file or directory" in line
    assert not run.exists()
    assert (earlier / "result.png").read_bytes() == b"mine"


def test_a_disk_that_is_full_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "write_text", no_space)
    line = refusal(capsys, *FEW, f"run_dir={tmp_path / 'run'}")
    assert "config.yaml': No space left on device" in line
    assert not (tmp_path / "run").exists()
