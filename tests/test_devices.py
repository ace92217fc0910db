"""`device=`: where TensorFlow computes."""

import json

import pytest
import tensorflow as tf

from decouple.devices import described, placed
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
    assert described("auto") == described("gpu") == "a GPU, fast"
    assert described("cpu") == "CPU"
    run = tmp_path / "run"
    small = ["network.weights=calibrated", "layers=1", "image.size=24", "tolerance=1e-2"]
    assert main(["+experiment=self_transfer", *small, "device=cpu", f"run_dir={run}"]) == 0
    assert json.loads((run / "metrics.json").read_text(encoding="utf-8"))["device"] == "CPU"
