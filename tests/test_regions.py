"""`regions.*`: parts of the target that take the features of parts of the sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from decouple import images
from decouple.features.regions import region_weights
from decouple.features.statistics import covariance, gram, means
from decouple.run import main
from tests.runs import arrays, check_refused, cut, read

COMMON = ["network.weights=calibrated", "source=sample:coffee", "target=sample:chelsea"]
STYLE = ["+experiment=gatys_course", *COMMON, "layers=2", "gatys.content.layers=[block2_conv1]"]
STYLE += ["stop.max_iterations=3", "image.size=24"]
TRANSFER = ["+experiment=transfer", *COMMON, "layers=1", "image.size=32"]
TWO = ["regions.source=[left.png,null]", "regions.target=[left.png,right.png]"]


@pytest.fixture(autouse=True)
def masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with two halves, of sizes of their own, and a black mask."""
    monkeypatch.chdir(tmp_path)
    left = np.zeros((40, 60, 3))
    left[:, :30] = 1
    images.save(left, "left.png")
    images.save(1 - left[::4, ::4], "right.png")
    images.save(0 * left, "black.png")


def ran(folder: str, *words: str) -> Path:
    assert main([*words, f"run_dir={folder}"]) == 0
    return Path(folder)


def result(run_dir: Path) -> np.ndarray:
    return arrays(run_dir)["result"]


def test_weights_are_shares_of_the_pixels() -> None:
    """Whatever the size of the mask, and of the layer; in a program of open shapes, too."""
    mask = np.random.default_rng(0).uniform(size=(10, 6))
    halved = mask.reshape(5, 2, 3, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(region_weights(mask, 5, 3), halved / halved.sum())
    several = np.stack([mask, mask**2])
    for height, width in ((3, 4), (7, 6), (13, 17)):
        weights = region_weights(several, height, width)
        assert weights.shape == (2, height, width)
        np.testing.assert_allclose(tf.reduce_sum(weights, axis=(1, 2)), 1)
        program = tf.function(
            lambda *size: region_weights(several, *size),
            input_signature=[tf.TensorSpec([], tf.int32)] * 2,
        )
        np.testing.assert_array_equal(program(height, width), weights)


def test_statistics_of_a_region_are_those_of_its_positions() -> None:
    activation = tf.constant(np.random.default_rng(0).normal(size=(1, 4, 6, 3)))
    mask = np.zeros((4, 6))
    mask[:2, :3] = 0.7
    weights, part = region_weights(mask, 4, 6), activation[:, :2, :3]
    np.testing.assert_allclose(means(activation, weights), means(part))
    np.testing.assert_allclose(gram(activation, weights) / 24, gram(part) / 6)
    np.testing.assert_allclose(covariance(activation, weights), covariance(part))
    even = region_weights(np.ones((2, 2)), 4, 6)
    for statistic in (means, gram, covariance):
        np.testing.assert_allclose(statistic(activation, even), statistic(activation))


@pytest.mark.parametrize("statistic", ["gram", "means", "mean_covariance"])
def test_a_mask_of_all_is_none(statistic: str, tmp_path: Path) -> None:
    images.save(np.ones((9, 9, 3)), "white.png")
    words = [*STYLE, f"gatys.style.statistic={statistic}", "gatys.style.normalization=null"]
    plain = ran("plain", *words)
    masked = ran("masked", *words, "regions.source=[white.png]", "regions.target=[white.png]")
    np.testing.assert_allclose(result(masked), result(plain), atol=1e-4)


def test_each_region_takes_its_sources_style() -> None:
    words = [*STYLE, "sources=[sample:brick]", "gatys.content.share=0", "gatys.variation.share=0"]
    run_dir = ran("run", *words, "regions.target=[left.png,right.png]", "stop.max_iterations=20")
    own = read(run_dir)
    assert [region["source"] for region in own["regions"]] == ["source", "source_2"]
    assert own["regions"][0]["of_target"]["origin"] == "left.png"
    assert own["regions"][1]["of_source"] is None
    reached = own["gatys"]["gram_distance_to_source"]
    assert set(reached) == {f"block{n}_conv1, region {r}" for n in (1, 2) for r in (1, 2)}
    for place, distance in own["gatys"]["gram_distance_target_to_source"].items():
        assert reached[place] < 0.6 * distance
    assert "Gram / CHW in a region" in own["gatys"]["objective"]
    assert (run_dir / "images" / "region_2_target.png").exists()


def check_features(run_dir: Path) -> None:
    """Of one layer the decoupled features are the raw ones: they are the sources' own."""
    own = read(run_dir)["transfer"]
    apart = own["feature_mse_target_to_source"]["block1_conv1"]
    assert set(own["region_feature_mse"]) == {f"block1_conv1, region {n}" for n in (1, 2)}
    assert max(own["region_feature_mse"].values()) < 1e-6 * apart
    assert own["feature_mse_to_source"]["block1_conv1"] < 1e-6 * apart


@pytest.mark.slow
def test_two_regions_take_the_features_of_two_parts_of_a_source() -> None:
    run_dir = ran("run", *TRANSFER, *TWO)
    check_features(run_dir)
    assert main([f"verify={run_dir}"]) == 0


@pytest.mark.slow
def test_two_regions_take_the_features_of_two_sources_and_a_cut_run_is_the_uncut_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [*TRANSFER, "sources=[sample:brick]", "regions.target=[left.png,right.png]"]
    whole = ran("whole", *words)
    check_features(whole)
    cut(monkeypatch, [*words, "run_dir=part"], "noisified_target_1_block1_conv1")
    assert main(["resume=part"]) == 0
    np.testing.assert_array_equal(result(Path("part")), result(whole))


@pytest.mark.slow
def test_masks_are_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*STYLE, *TWO, "gatys.scales=2"]
    whole = ran("whole", *words)
    cut(monkeypatch, [*words, "run_dir=part", "checkpoint.every_seconds=0"], "result")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    right = Path("../right.png")
    mask = right.read_bytes()
    images.save(np.ones((9, 8, 3)) / 2, right)
    assert main(["resume=../part"]) == 2
    assert "region 2 of the target is not what" in capsys.readouterr().err
    right.write_bytes(mask)
    assert main(["resume=../part"]) == 0
    np.testing.assert_array_equal(result(Path("../part")), result(Path("..") / whole))
    assert main(["verify=../whole"]) == 0
    assert "identical" in capsys.readouterr().out
    images.save(np.ones((8, 8, 3)), right)
    assert main(["verify=../whole"]) == 2
    assert "the masks are not those" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["regions.target=[black.png]"], "'black.png' is black everywhere"),
        (["regions.target=[none.png]"], "no picture 'none.png'"),
        (["regions.target=left.png"], "must be a list of pictures"),
        (["regions.source=[left.png,left.png]"], "2 regions are all of the target"),
        (["regions.target=[null,left.png,null]"], "2 regions are all of the target"),
        (
            ["regions.source=[left.png]", "regions.target=[left.png,right.png]"],
            "regions.source has 1 masks and regions.target 2",
        ),
        (
            ["sources=[sample:brick,sample:grass]", "regions.target=[left.png,right.png]"],
            "3 sources and 2 regions",
        ),
        (
            ["sources=[sample:brick]", "source_weights=[1,2]", *TWO],
            "source_weights= has no meaning with regions",
        ),
    ],
)
def test_what_makes_no_pairs_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refused([*STYLE, *words], said, tmp_path / "run", capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["regions.target=[left.png,left.png]"], "regions of target: regions overlap so far"),
        (
            ["regions.source=[left.png,left.png]", "regions.target=[left.png,right.png]"],
            "regions of sample:coffee: regions overlap so far",
        ),
        (["features=moments", "regions.target=[left.png]"], "regions= need features=means"),
    ],
)
def test_what_cannot_be_decoupled_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refused([*TRANSFER, *words], said, tmp_path / "run", capsys)
