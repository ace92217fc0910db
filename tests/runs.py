"""Runs that the command line starts in this process: cut, refused, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decouple.record.folder import RunFolder
from decouple.run import main
from decouple.stages import layerwise


def read(folder: Path, name: str = "metrics.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """Those of result.npz; the file is closed."""
    with np.load(folder / "result.npz") as held:
        return dict(held)


def cut(monkeypatch: pytest.MonkeyPatch, words: list[str], picture: str, within: str = "") -> None:
    """A run that is interrupted where it would save a picture, in a folder of that name if any."""
    save = RunFolder.save_image

    def interrupted(self, name, *what):
        if name == picture and within in ("", self.path.name):
            raise KeyboardInterrupt
        return save(self, name, *what)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save_image", interrupted)
        assert main(words) == 130


def stages_walked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages of all motions that are carried out from now on, as they are."""
    walked, carried_out = [], layerwise.carried_out

    def counted(image, motion, *what):
        walked.append(motion.stage)
        return carried_out(image, motion, *what)

    monkeypatch.setattr(layerwise, "carried_out", counted)
    return walked


def check_refused(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It costs one line and exit code 2, and leaves nothing."""
    assert main([*words, f"run_dir={folder}"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert said in line
    assert not folder.exists()


def flat_picture(folder: Path, red: int = 128) -> Path:
    """A picture of one colour."""
    path = folder / "flat.png"
    Image.new("RGB", (40, 40), (red, 30, 90)).save(path)
    return path
