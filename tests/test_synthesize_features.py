"""Textures made by moving features: means of all layers matched, or nested in noise."""

from __future__ import annotations

import html
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from decouple import images
from decouple.errors import ImageError
from decouple.features import ChannelMeans
from decouple.networks import vgg19
from decouple.pipeline.texture_makers import _with_detail, scales_of
from decouple.record.folder import RunFolder
from decouple.record.verification import compare_runs
from decouple.run import main
from decouple.stages import noise_image, noise_reference, noisify
from decouple.stages.retrace import relative_distances
from tests.runs import check_refused, cut, read

MOVED = [
    *("+experiment=synthesize", "network.weights=calibrated", "layers=2", "image.size=24"),
    *("source=sample:grass", "synthesize.start=uniform", "synthesize.held_out=[block1_conv2]"),
    *("output.size=[24,36]", "checkpoint.every_seconds=0"),
]
NESTED = [*MOVED, "synthesize.method=nested", "tolerance=1e-3"]


@pytest.fixture(scope="module")
def nested_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nested") / "run"
    assert main([*NESTED, "count=2", "seed=3", f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def extractor() -> ChannelMeans:
    """As the runs have it."""
    return ChannelMeans(vgg19(weights="calibrated", last="block2_conv1"), layers=2)


def test_nested_noise_ends_with_the_first_layers_means(nested_dir: Path, extractor) -> None:
    source = images.load("sample:grass", 24).pixels
    with np.load(nested_dir / "result.npz") as held:
        result = held["seed_4"]
    first = extractor.first(1)
    wanted, found = first.measure(source), first.measure(result)
    assert np.linalg.norm(found - wanted) < 5e-3 * np.linalg.norm(wanted)
    rows = {row["method"]: row for row in read(nested_dir)["judges"]["rows"]}
    for name in ("seed_3", "seed_4"):
        assert rows[name]["means_distance"] < 0.5 * rows["noise"]["means_distance"]
        assert rows[name]["passes"] > 0


def test_nested_features_are_the_sources(nested_dir: Path, extractor) -> None:
    """What is taken off the result again, by a way of its own, is nearer than that of noise."""
    with np.load(nested_dir / "result.npz") as held:
        result = held["seed_3"]
    result, noise, source = (
        noisify(x, extractor, noise_reference(extractor, x.shape[:2]), features_only=True).features
        for x in (result, noise_image(24, 36, 3), images.load("sample:grass", 24).pixels)
    )
    apart, before = (relative_distances(x, source) for x in (result, noise))
    assert apart["block1_conv1"] < 1e-5 * before["block1_conv1"]
    assert apart["block2_conv1"] < 0.6 * before["block2_conv1"]


def test_the_record_of_a_nested_texture_tells_its_layers_from_those_of_others(
    nested_dir: Path,
) -> None:
    stages = [(row["stage"], row["layer"]) for row in read(nested_dir)["stages"]]
    first, second = "block1_conv1", "block2_conv1"
    assert stages[:2] == [("noisify_source", first), ("noisify_source", second)]
    assert stages[2:6] == [
        *(("noisify_target_seed_3", layer) for layer in (first, second)),
        *(("impose_seed_3", layer) for layer in (second, first)),
    ]
    assert {stage for stage, _ in stages[6:]} == {"noisify_target_seed_4", "impose_seed_4"}
    own = read(nested_dir / "methods" / "seed_3")
    assert own["tolerance"] == 1e-3
    assert own["noise"] == {"kind": "uniform", "height": 24, "width": 36, "draws": 1}
    page = html.unescape((nested_dir / "report.html").read_text(encoding="utf-8"))
    for words in ("impose seed 3", "<b>seed_4</b>", "enlarged"):
        assert words in page, words


def test_a_nested_texture_does_not_depend_on_which_seeds_come_with_it(
    nested_dir: Path, tmp_path
) -> None:
    alone = tmp_path / "alone"
    assert main([*NESTED, "seed=4", f"run_dir={alone}"]) == 0
    with np.load(nested_dir / "result.npz") as many, np.load(alone / "result.npz") as one:
        np.testing.assert_array_equal(one["result"], many["seed_4"])


@pytest.mark.parametrize(
    "cut_at",
    [("source", "source"), ("seed_3", "noisified_target_1_block1_conv1"), ("cut", "start_seed_3")],
)
def test_a_nested_run_that_is_cut_goes_on(cut_at, nested_dir: Path, tmp_path, monkeypatch) -> None:
    folder, (within, picture) = tmp_path / "cut", cut_at
    words = [*NESTED, "count=2", "seed=3", f"run_dir={folder}"]
    cut(monkeypatch, words, picture, within)
    assert main([f"resume={folder}"]) == 0
    assert compare_runs(nested_dir, folder).identical


MATCHED = [*MOVED, "synthesize.method=match", "stop.max_iterations=40"]


@pytest.fixture(scope="module")
def matched_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matched") / "run"
    assert main([*MATCHED, "count=2", "seed=3", f"run_dir={folder}"]) == 0
    return folder


def test_matched_noise_has_the_sources_means(matched_dir: Path) -> None:
    metrics = read(matched_dir)
    rows = {row["method"]: row for row in metrics["judges"]["rows"]}
    for name in ("seed_3", "seed_4"):
        assert rows[name]["means_distance"] < 0.02
        assert rows[name]["means_distance"] < 0.02 * rows["noise"]["means_distance"]
        assert 80 <= rows[name]["passes"] < 120
    # What is matched as far as it goes is a result.
    stages = [(row["stage"], row["stop_reason"]) for row in metrics["stages"]]
    assert stages == [(f"match_seed_{seed}", "step_limit") for seed in (3, 4)]
    assert set(metrics["stages"][0]["feature_mse"]) == {"block1_conv1", "block2_conv1"}
    assert metrics["synthesize"]["diversity"] > 0.5
    own = read(matched_dir / "methods" / "seed_3")
    assert own["flow"]["name"] == "match"
    assert own["stepper"]["name"] == "lbfgs"
    assert own["tolerance"] == 1e-4
    assert (matched_dir / "plots" / "enlarged.png").exists()


def test_means_are_matched_from_coarse_to_fine_and_to_a_tolerance(tmp_path) -> None:
    folder = tmp_path / "run"
    assert main([*MATCHED, "tolerance=0.03", "synthesize.scales=2", f"run_dir={folder}"]) == 0
    stages = [(row["stage"], row["stop_reason"]) for row in read(folder)["stages"]]
    assert stages == [("scale_1_seed_0", "reached"), ("match_seed_0", "reached")]


@pytest.mark.parametrize(
    ("method", "size", "source", "scales"),
    [
        ("match", (256, 300), (256, 256), [0.25, 0.5, 1.0]),
        ("match", (256, 300), (120, 256), [1.0]),  # a quarter of it would tell of nothing
        ("match", (120, 300), (256, 256), [1.0]),
        ("gram", (256, 300), (256, 256), [1.0]),
        ("gram", (512, 600), (512, 512), [2**-2, 2**-1.5, 0.5, 2**-0.5, 1.0]),
        ("gram", (512, 600), (64, 90), [2**-0.5, 1.0]),  # the layers see 40 px at least
        ("gram", (512, 600), (32, 32), [1.0]),  # it is refused for itself
        ("nested", (512, 512), (512, 512), [1.0]),
    ],
)
def test_textures_go_from_coarse_to_fine_by_themselves(method, size, source, scales) -> None:
    def check_size(height: int, width: int) -> None:
        if min(height, width) < 40:
            raise ImageError("too small")

    config = SimpleNamespace(synthesize=SimpleNamespace(method=method, scales="auto"))
    inputs = SimpleNamespace(
        config=config,
        size=size,
        source=np.zeros((*source, 3)),
        extractor=SimpleNamespace(check_size=check_size),
    )
    assert scales_of(inputs) == pytest.approx(scales)


def test_a_larger_image_begins_with_as_much_detail_as_its_source_has() -> None:
    noise, coarse = noise_image(24, 36, seed=2), np.full((12, 18, 3), 0.5)
    ramp = np.broadcast_to(np.linspace(0, 1, 48)[:, None, None], (48, 48, 3))
    found = []
    for source in (noise_image(48, 48, seed=1), ramp):
        own = images.resized(source, (24, 24))
        lost = own - images.resized(images.resized(own, (12, 12)), (24, 24))
        begun = _with_detail(own, coarse, noise)
        assert begun.shape == noise.shape
        assert images.rms(begun - 0.5) == pytest.approx(images.rms(lost), rel=1e-5)
        found.append(images.rms(begun - 0.5))
    assert found[1] < 0.1 * found[0]
    assert np.isfinite(_with_detail(ramp, coarse, np.zeros((24, 36, 3)))).all()


def test_a_matched_texture_is_the_same_alone_and_after_a_cut(
    matched_dir: Path, tmp_path, monkeypatch
) -> None:
    folder, save = tmp_path / "cut", RunFolder.save_image

    def cut(self, name, *what):
        if name == "start_seed_3":
            raise KeyboardInterrupt
        return save(self, name, *what)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save_image", cut)
        assert main([*MATCHED, "count=2", "seed=3", f"run_dir={folder}"]) == 130
    assert main([f"resume={folder}"]) == 0
    assert compare_runs(matched_dir, folder).identical
    alone = tmp_path / "alone"
    assert main([*MATCHED, "seed=4", f"run_dir={alone}"]) == 0
    with np.load(matched_dir / "result.npz") as many, np.load(alone / "result.npz") as one:
        np.testing.assert_array_equal(one["result"], many["seed_4"])


@pytest.mark.parametrize(("method", "said"), [("match", "at most about"), ("nested", "about")])
def test_a_plan_of_what_moves_features(method, said, capsys) -> None:
    words = [*MOVED, f"synthesize.method={method}", "plan=true"]
    passes = []
    for count in (1, 2):
        assert main([*words, f"count={count}"]) == 0
        line = capsys.readouterr().err
        assert f"; {said}" in line
        passes.append(int(line.split(" passes of ")[0].split()[-1]))
    # The source is noisified once for all.
    assert 1.2 * passes[0] < passes[1] < 2.2 * passes[0]


@pytest.mark.parametrize(
    ("method", "words", "said"),
    [
        ("nested", ["synthesize.scales=2"], "synthesize.scales= has no meaning"),
        ("nested", ["optimizer.memory=5"], "optimizer.memory= has no meaning with synth"),
        ("nested", ["stop.max_iterations=9"], "stop.max_iterations= has no meaning"),
        ("match", ["stop.loss=0"], "loss=0"),
        ("match", ["tolerance=0"], "tolerance=0"),
        ("match", ["layers=3", "output.size=8"], "have 192 values, too few for the 448 features"),
        ("nested", ["layers=3", "output.size=[8,16]"], "output.size: 16x8 px have 384 values"),
        ("nested", ["layers=3", "image.size=8"], "the source: 8x8 px have 192 values"),
    ],
)
def test_a_mistake_costs_one_line_and_leaves_nothing(method, words, said, tmp_path, capsys) -> None:
    words = [*MOVED, f"synthesize.method={method}", *words]
    check_refused(words, said, tmp_path / "run", capsys)
