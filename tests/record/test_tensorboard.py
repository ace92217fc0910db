"""What TensorBoard would read back from a run's event file."""

import numpy as np
import pytest
import tensorflow as tf

from decouple import images
from decouple.flows.trace import StepReport
from decouple.record.history import read_history
from decouple.record.tensorboard import FOLDER, TensorBoard
from decouple.run import main

ONE, TWO = "block1_conv1", "block2_conv1"


def read(folder):
    """{plugin: [(tag, step, value)]} of the folder's one event file, in its order."""
    (file,) = (folder / FOLDER).iterdir()
    found = {"scalars": [], "images": []}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            array = tf.make_ndarray(value.tensor)
            found[value.metadata.plugin_data.plugin_name].append((value.tag, event.step, array))
    return found


def test_steps_are_scalars_against_passes(tmp_path):
    with TensorBoard(tmp_path) as board:
        board(StepReport("impose", TWO, 0.5, 12, 0.1, {ONE: 1e-14, TWO: 0.25}))
        board(StepReport("optimize", "", 0.1, 40, 1.0, {}, {"total": 3.0, "style": 2.0}))
    scalars = read(tmp_path)["scalars"]
    assert [(tag, step) for tag, step, _ in scalars] == [
        (f"impose/{TWO}/mse_{ONE}", 12),
        (f"impose/{TWO}/mse_{TWO}", 12),
        ("optimize/loss_total", 40),
        ("optimize/loss_style", 40),
    ]
    values = [float(value) for *_, value in scalars]
    np.testing.assert_allclose(values, [1e-14, 0.25, 3.0, 2.0], rtol=1e-6)


def test_pictures_are_kept_as_they_are_saved(tmp_path):
    pixels = np.random.default_rng(0).uniform(-0.2, 1.2, (5, 7, 3))
    with TensorBoard(tmp_path) as board:
        board.image("result", pixels)
    ((tag, _, (width, height, png)),) = read(tmp_path)["images"]
    assert (tag, int(width), int(height)) == ("result", 7, 5)
    np.testing.assert_array_equal(tf.io.decode_png(png).numpy(), images.to_8bit(pixels))


def test_it_must_be_open(tmp_path):
    with pytest.raises(RuntimeError, match="open it first"):
        TensorBoard(tmp_path).image("result", np.zeros((4, 4, 3)))


def test_a_run_leaves_what_its_history_and_folder_hold(tmp_path):
    words = ["+experiment=self_transfer", "network.weights=calibrated", "image.size=16", "layers=1"]
    words += [f"run_dir={tmp_path / 'run'}", "record.tensorboard=true"]
    assert main(words) == 0
    found = read(tmp_path / "run")
    history = read_history(tmp_path / "run" / "history.csv")
    expected = [
        (f"{row.stage}/{row.layer}/mse_{layer}", row.passes, mse)
        for row in history
        for layer, mse in row.feature_mse.items()
    ]
    assert [tuple(s[:2]) for s in found["scalars"]] == [tuple(e[:2]) for e in expected]
    values, mses = ([entry[2] for entry in entries] for entries in (found["scalars"], expected))
    np.testing.assert_allclose(np.array(values, float), mses, rtol=1e-5)
    assert [tag for tag, *_ in found["images"]] == ["source", f"noisified_1_{ONE}", "result"]
    for tag, _, (_, _, png) in found["images"]:
        saved = images.load(tmp_path / "run" / "images" / f"{tag}.png").pixels
        np.testing.assert_array_equal(tf.io.decode_png(png).numpy(), images.to_8bit(saved))
