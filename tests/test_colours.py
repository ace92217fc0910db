"""`colour=` in whole runs: whose colours a result has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2yiq

from decouple import images
from decouple.run import main
from tests.runs import cut

PAIR = ["network.weights=calibrated", "source=sample:coffee", "target=sample:chelsea"]
STYLE = ["+experiment=gatys_moreno", *PAIR, "layers=2", "gatys.content.layers=[block2_conv1]"]
STYLE += ["image.size=24", "stop.max_iterations=3", "optimizer.evaluations=8"]
TRANSFER = ["+experiment=transfer", *PAIR, "layers=1", "image.size=24", "transfer.check=false"]


def pixels(run_dir: Path, name: str) -> np.ndarray:
    return images.load(run_dir / "images" / f"{name}.png").pixels.astype(float)


def chrominance(image: np.ndarray) -> np.ndarray:
    return rgb2yiq(image)[..., 1:]


@pytest.mark.parametrize("words", [STYLE, [*STYLE, "gatys.scales=2"], TRANSFER])
def test_the_targets_chrominance_stays(words: list[str], tmp_path: Path) -> None:
    """To the last bit of the file, on the way too; its luminance changes."""
    run_dir = tmp_path / "run"
    assert main([*words, "colour=target", f"run_dir={run_dir}"]) == 0
    target, result = (pixels(run_dir, name) for name in ("target", "result"))
    assert np.abs(chrominance(result) - chrominance(target)).max() < 1e-6
    assert np.std(result - target) > 0.02
    assert np.ptp(pixels(run_dir, "target_as_seen"), axis=2).max() == 0
    for path in (run_dir / "images").glob("iteration_*.png"):
        made = pixels(run_dir, path.stem)
        assert np.abs(chrominance(made) - chrominance(target)).max() < 1e-6
    assert main([f"verify={run_dir}"]) == 0


@pytest.mark.parametrize("words", [STYLE, TRANSFER])
def test_matched_colours_are_seen(words: list[str], tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    assert main([*words, "colour=matched", f"run_dir={run_dir}"]) == 0
    own, seen, target = (pixels(run_dir, n) for n in ("source", "source_as_seen", "target"))
    means = [x.mean(axis=(0, 1)) for x in (own, seen, target)]
    assert np.abs(means[1] - means[2]).max() < 0.02 < np.abs(means[0] - means[2]).max()
    assert not (run_dir / "images" / "target_as_seen.png").exists()
    assert "source as it is seen" in (run_dir / "report.html").read_text(encoding="utf-8")


def test_a_transfer_of_luminance_that_was_cut_is_the_uncut_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    words = [*TRANSFER, "colour=target"]
    assert main([*words, f"run_dir={whole}"]) == 0
    cut(monkeypatch, [*words, f"run_dir={part}"], "result")
    assert main([f"resume={part}"]) == 0
    np.testing.assert_array_equal(*(pixels(folder, "result") for folder in (whole, part)))
