"""`device=`: where TensorFlow computes."""

import json
import subprocess
import sys

import pytest
import tensorflow as tf
from threadpoolctl import threadpool_info

from decouple.blas import undisturbed
from decouple.devices import described, placed, side_by_side
from decouple.errors import ConfigError
from decouple.run import main


def see_gpus(monkeypatch, *gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: list(gpus))


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch, tmp_path, capsys):
    see_gpus(monkeypatch)
    asked = ["+experiment=self_transfer", "device=gpu", f"run_dir={tmp_path / 'run'}"]
    assert main(asked) == 2
    assert capsys.readouterr().err == (
        "error: device=gpu, but TensorFlow sees no GPU: take device=cpu or auto\n"
    )
    assert not (tmp_path / "run").exists()


def test_another_word_is_refused(capsys):
    assert main(["+experiment=self_transfer", "device=tpu"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "device" in line
    assert "auto, cpu, gpu" in line


def test_operations_go_where_they_were_sent(monkeypatch):
    with placed("cpu"):
        assert tf.function(lambda: tf.zeros(2) + 1)().device.endswith("CPU:0")
    see_gpus(monkeypatch)
    with pytest.raises(ConfigError, match="no GPU"), placed("gpu"):
        pytest.fail("entered")


def test_what_a_run_was_computed_on_is_recorded(monkeypatch, tmp_path):
    see_gpus(monkeypatch, "a GPU")
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": f"{gpu}, fast"}
    )
    for device, name in (("auto", "a GPU, fast"), ("cpu", "CPU")):
        with placed(device):
            assert described() == name
    run = tmp_path / "run"
    small = ["network.weights=calibrated", "layers=1", "image.size=24", "tolerance=1e-2"]
    assert main(["+experiment=self_transfer", *small, "device=cpu", f"run_dir={run}"]) == 0
    assert json.loads((run / "metrics.json").read_text(encoding="utf-8"))["device"] == "CPU"


SHARED_ROWS = """
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
import decouple as dc
from decouple import devices

extractor = dc.ChannelMeans(dc.vgg19(weights="calibrated", last="block2_conv1"), layers=2)
image = np.random.default_rng(0).random((64, 48, 3))
point = extractor.linearize(image)
alone = np.concatenate(list(extractor.jacobian_rows(point)))
names = tuple(device.name for device in tf.config.list_logical_devices("CPU"))
seen = []
program = extractor._programs["rows"]

@tf.function
def watched(linearization, channels):
    seen.append(tf.distribute.get_replica_context().num_replicas_in_sync)
    return program(linearization, channels)

extractor._programs["rows"] = watched
devices.side_by_side = lambda: names
import decouple.features.extractor as module
module.side_by_side = devices.side_by_side
passes = extractor.passes.count
# Seven rows at a time: three devices, and chunks that they do not share evenly.
module.BATCH_BYTES = 7 * 4 * 64 * 64 * 48 * 4
shared = np.concatenate(list(extractor.jacobian_rows(point)))
assert extractor.passes.count - passes == len(shared) == 192
# What is left over in the end goes one way.
assert set(seen) == {1, 3}, seen
np.testing.assert_allclose(shared, alone, rtol=0, atol=1e-5 * np.abs(alone).max())
with devices.placed("cpu"):
    assert devices._DEVICE.get() == "cpu"
assert devices._DEVICE.get() == "auto"
"""


@pytest.mark.slow
def test_several_devices_share_the_rows_of_a_jacobian():
    """Three logical CPUs in the place of three GPUs; they must be made before TensorFlow starts."""
    done = subprocess.run(
        [sys.executable, "-c", SHARED_ROWS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_only_auto_shares(monkeypatch):
    class Gpu:
        def __init__(self, name):
            self.name = name

    there = [Gpu("/device:GPU:0"), Gpu("/device:GPU:1")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda _kind: there)
    assert side_by_side() == ("/device:GPU:0", "/device:GPU:1")
    with placed("cpu"):
        assert side_by_side() == ()
    del there[1]
    assert side_by_side() == ()


def test_linear_algebra_keeps_to_one_thread_while_tensorflow_computes() -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before = threads()
    with undisturbed():
        assert threads() == {1}
    assert threads() == before
