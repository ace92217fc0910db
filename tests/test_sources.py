"""Several sources with weights, in whole runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decouple.overrides import composed, repeat_command
from decouple.record.folder import RunFolder
from decouple.run import main
from decouple.stages import DecoupledFeatures, weighted_mean
from tests.images.pictures import colours, stored
from tests.runs import arrays, cut, read

COMMON = ["network.weights=calibrated", "target=sample:chelsea", "image.size=24"]
STYLE = ["+experiment=gatys_course", *COMMON, "layers=2", "gatys.content.layers=[block2_conv1]"]
STYLE += ["stop.max_iterations=3"]
TRANSFER = ["+experiment=transfer", *COMMON, "layers=1", "transfer.check=false"]
BOTH = pytest.mark.parametrize("words", [STYLE, TRANSFER], ids=["style", "transfer"])


def result(run_dir: Path) -> np.ndarray:
    return arrays(run_dir)["result"]


def ran(folder: Path, *words: str) -> Path:
    assert main([*words, f"run_dir={folder}"]) == 0
    return folder


@BOTH
def test_a_weight_of_zero_leaves_a_source_out(words: list[str], tmp_path: Path) -> None:
    several = [*words, "source=sample:coffee", "sources=[sample:brick]"]
    alone = ran(tmp_path / "alone", *words, "source=sample:brick")
    mixed = ran(tmp_path / "mixed", *several, "source_weights=[0,5]")
    np.testing.assert_allclose(result(mixed), result(alone), atol=1e-6)
    even = ran(tmp_path / "even", *several)
    assert np.std(result(even) - result(alone)) > 1e-3


def test_features_are_averaged_with_their_weights(tmp_path: Path) -> None:
    """The first layer's decoupled features are its raw ones."""
    words = [*TRANSFER, "source=sample:coffee", "sources=[sample:brick]", "source_weights=[1,3]"]
    run_dir = ran(tmp_path / "run", *words)
    held = arrays(run_dir)
    first, second = (held[f"noisify_{role}/block1_conv1"] for role in ("source", "source_2"))
    own = read(run_dir)["transfer"]
    mean = (first + 3 * second) / 4
    assert own["imposed_mean_square"]["block1_conv1"] == pytest.approx(np.mean(mean**2))
    apart = own["feature_mse_target_to_source"]["block1_conv1"]
    assert own["feature_mse_to_source"]["block1_conv1"] < 1e-6 * apart


@BOTH
def test_its_files_are_found_from_another_folder(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that was cut goes on, and is verified; another picture in a name's place is refused."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    stored(here / "b.png", colours(), format="PNG")
    monkeypatch.chdir(here)
    words = [*words, "sources=[sample:brick,b.png]", "source_weights=[1,2,3]"]
    whole = ran(tmp_path / "whole", *words)
    part = tmp_path / "part"
    cut(monkeypatch, [*words, f"run_dir={part}", "checkpoint.every_seconds=0"], "result")
    monkeypatch.chdir(there)
    assert main([f"resume={part}"]) == 0
    np.testing.assert_array_equal(result(part), result(whole))
    assert main([f"verify={whole}"]) == 0
    assert "identical" in capsys.readouterr().out
    page = (whole / "report.html").read_text(encoding="utf-8")
    assert "source 3" in page
    assert ", sample:brick, b.png" in page
    stored(here / "b.png", colours()[::-1], format="PNG")
    assert main([f"verify={whole}"]) == 2
    assert "source_3 is not the picture" in capsys.readouterr().err


def test_a_run_of_several_is_planned_and_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunFolder, "create", None)
    words = [*TRANSFER, "sources=[sample:brick]", "source_weights=[1,0.5]"]
    assert main([*words, "plan=true"]) == 0
    assert "sample:brick (source 2)" in capsys.readouterr().err
    command = repeat_command(composed(*words))
    assert '"sources=[sample:brick]"' in command
    assert '"source_weights=[1,0.5]"' in command


def test_a_mean_needs_weights() -> None:
    one = DecoupledFeatures({"a": np.ones(2)})
    mean = weighted_mean([(1, one), (3, DecoupledFeatures({"a": np.zeros(2)})), (0, one)])
    np.testing.assert_allclose(mean.values["a"], 0.25)
    for weights in ((0, 0), (-1, 2), (np.inf, 1)):
        with pytest.raises(Exception, match="weights of features"):
            weighted_mean([(weight, one) for weight in weights])
