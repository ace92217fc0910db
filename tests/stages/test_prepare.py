"""Step 0 with the mask: what a notebook gets is what the command line gets."""

from __future__ import annotations

import json

import numpy as np
import pytest

import decouple as dc
from decouple.errors import ConfigError, ImageError
from decouple.run import main
from decouple.stages import noise_image

ONE, TWO = "block1_conv1", "block2_conv1"


def test_a_notebook_gets_what_the_command_line_gets(tmp_path):
    """A mask that leaves channels out, and a target of another shape, whose noise is measured."""
    words = ["+experiment=transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
    words += ["source=sample:brick", "target=sample:coffee", "seed=3", "noise.draws=2"]
    words += ["mask.min_slope=0.3", "flow=gradient", "stop.max_iterations=3"]
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    net = dc.ChannelMeans(dc.vgg19(weights="calibrated", last=ONE), layers=1)
    source, target = (dc.load(f"sample:{name}", size=16).pixels for name in ("brick", "coffee"))
    ready = dc.prepare(net, source, target, seed=3, draws=2, min_slope=0.3)
    used = metrics["network"]["channels"][ONE]
    assert used == {"used": ready.extractor.size, "of": 64}
    assert ready.left_out == {ONE: 64 - used["used"]}
    assert 0 < used["used"] < 64
    assert (ready.reference.height, ready.reference.width) == target.shape[:2]
    assert metrics["noise"] == {
        "kind": "uniform",
        "height": 16,
        "width": target.shape[1],
        "draws": 2,
    }
    row = metrics["stages"][0]
    assert (row["stage"], row["passes"]) == ("reference", ready.passes)
    flow = dc.Gradient(stop=dc.StopRules(dc.StopRule(max_iterations=3)))
    taken = dc.noisify(source, ready.extractor, ready.reference, flow=flow)
    with np.load(tmp_path / "run" / "result.npz") as kept:
        np.testing.assert_array_equal(taken.features.values[ONE], kept[f"noisify_source/{ONE}"])


def test_a_channel_is_left_out_that_one_image_or_the_noise_cannot_move(extractor, pink):
    net, images = extractor(2), (pink(14, 19, seed=1), pink(10, 12, seed=2))
    noise = noise_image(10, 12, 5)
    slopes = [net.mean_slopes(x) for x in (noise, *images)]
    limit = float(np.quantile(slopes[1][ONE], 0.2))
    ready = dc.prepare(net, *images, seed=5, min_slope=limit)
    for layer in (ONE, TWO):
        expected = np.all([found[layer] > limit for found in slopes], axis=0)
        np.testing.assert_array_equal(ready.extractor.alive[layer], expected)
    measured = net.split(net.measure(noise))[ONE]
    np.testing.assert_array_equal(
        ready.reference.features[ONE], measured[ready.extractor.alive[ONE]]
    )
    assert net.size == 64 + 128, "what was given is as it was"
    assert ready.passes > 0


def test_the_size_of_the_noise_may_be_given(extractor):
    ready = dc.prepare(extractor(1), size=(12, 16), seed=1)
    assert (ready.reference.height, ready.reference.width) == (12, 16)
    assert ready.left_out == {}


@pytest.mark.parametrize(
    ("size", "min_slope", "error", "words"),
    [
        (None, 1e-3, ConfigError, "needs images, or the size"),
        ((1, 16), 1e-3, ImageError, "at least 2"),
        ((12, 16), 1.0, ConfigError, "no channel of block1_conv1"),
    ],
)
def test_what_cannot_be_prepared_is_refused(extractor, size, min_slope, error, words):
    with pytest.raises(error, match=words):
        dc.prepare(extractor(2), size=size, min_slope=min_slope)


def test_a_transfer_of_a_few_directions(tmp_path):
    words = ["+experiment=transfer", "network.weights=calibrated", "layers=2", "image.size=16"]
    words += ["source=sample:brick", "target=sample:coffee", "mask.directions=2"]
    assert main([*words, f"run_dir={tmp_path / 'run'}"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["network"]["directions"] == {ONE: 2, TWO: 2}
    assert metrics["network"]["channels"][ONE]["of"] == 64
    transferred = metrics["transfer"]
    for layer, apart in transferred["decoupled_feature_mse"].items():
        assert apart < 1e-4 * transferred["decoupled_feature_mse_target_to_source"][layer]
    assert "2 directions of" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert main([f"verify={tmp_path / 'run'}"]) == 0


def test_directions_of_noise_where_there_are_no_images(extractor):
    ready = dc.prepare(extractor(2), size=(16, 20), directions=3)
    assert ready.extractor.sizes == (3, 3)
    assert ready.channels.sizes == (64, 128)
    alone = dc.leading_directions(ready.channels, [noise_image(16, 20, 0)], 3)
    assert alone.identity == ready.extractor.identity


def test_directions_and_regions_are_refused(capsys):
    words = ["+experiment=transfer", "source=sample:brick", "target=sample:coffee"]
    assert main([*words, "mask.directions=2", "regions.target=[sample:coffee]"]) == 2
    assert "mask.directions= has no meaning with regions" in capsys.readouterr().err
