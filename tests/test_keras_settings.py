"""What a user has set of Keras changes no number here, and is the user's again behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

import decouple as dc
from decouple import keras_settings
from decouple.errors import ConfigError, WeightsError
from decouple.flows import KERAS, optimizer
from decouple.keras_settings import claim_backend, keras_as_needed, overruled, warn_overruled
from decouple.networks import weights

ROOT = Path(__file__).resolve().parent.parent
# {what a user sets: how}
OF_USERS = {
    "float16": lambda: keras.config.set_floatx("float16"),
    "float64": lambda: keras.config.set_floatx("float64"),
    "channels first": lambda: keras.config.set_image_data_format("channels_first"),
    "mixed precision": lambda: keras.config.set_dtype_policy("mixed_float16"),
}


def state() -> tuple[object, ...]:
    config = keras.config
    return config.floatx(), config.image_data_format(), config.dtype_policy().name


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of Keras as they were, and nothing overruled."""
    monkeypatch.setattr(keras_settings, "_overruled", {})
    floatx, form, policy = state()
    yield
    warn_overruled.cache_clear()
    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(form)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As before Keras is imported, by a user whose settings are in this folder."""
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")
    return tmp_path


@pytest.mark.parametrize(
    ("variable", "file", "said"),
    [
        ("", None, None),
        ("tensorflow", {"floatx": "float32", "backend": "torch"}, None),
        ("", {"epsilon": 1e-7, "image_data_format": "channels_last"}, None),
        ("torch", None, "backend torch"),
        ("theano", {"backend": "tensorflow"}, "backend theano"),
        ("", {"backend": "jax"}, "backend jax"),
        ("", {"floatx": "float16"}, "floatx float16"),
        (
            "jax",
            {"image_data_format": "channels_first", "floatx": "float64"},
            "floatx float64, image_data_format channels_first, backend jax",
        ),
        ("", ["no", "mapping"], None),
        ("", "{", None),
    ],
)
def test_the_backend_is_tensorflow_and_what_was_otherwise_is_said(
    variable: str, file: object, said: str | None, not_imported: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("KERAS_BACKEND", variable)
    if file is not None:
        text = file if isinstance(file, str) else json.dumps(file)
        (not_imported / "keras.json").write_text(text, encoding="utf-8")
    claim_backend()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    line = overruled()
    if said is None:
        assert line is None
    else:
        assert line is not None
        assert "\n" not in line
        for part in said.split(", "):
            assert part in line


def test_python_warns_once(not_imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    claim_backend()
    with pytest.warns(UserWarning, match=r"Your settings of Keras \(backend torch\)") as caught:
        assert dc.optimizer is optimizer
    assert caught[0].filename == __file__
    assert dc.optimizer is optimizer  # a second warning would be an error


def test_keras_of_another_backend_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was imported before: it cannot be changed."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    claim_backend()
    assert os.environ["KERAS_BACKEND"] == "jax"
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    refusal = "Keras was imported with the backend jax, and decouple needs tensorflow: [^\n]+$"
    with pytest.raises(ConfigError, match=f"^{refusal}"):
        optimizer("adam").begin((8, 8, 3))
    monkeypatch.setattr(weights, "is_cached", lambda _: True)
    with pytest.raises(WeightsError, match=refusal):
        dc.vgg19(weights="imagenet")
    said: list[str] = []
    net = dc.vgg19(weights="auto", last="block1_conv1", say=said.append)
    assert net.weights.origin == "calibrated"
    assert "backend jax" in said[0]


def test_keras_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ConfigError, match=r"^Keras does not start: [^\n]+\(it reads [^\n]+\)$"):
        optimizer("adam").begin((8, 8, 3))


@pytest.mark.parametrize("name", OF_USERS)
def test_settings_hold_again_behind_each_use(name: str) -> None:
    OF_USERS[name]()
    theirs = state()
    with keras_as_needed() as needed:
        assert needed is keras
        assert state() == ("float32", "channels_last", "float32")
    assert state() == theirs
    with pytest.raises(ZeroDivisionError), keras_as_needed():
        raise ZeroDivisionError
    assert state() == theirs


def descended(name: str, **options: object) -> np.ndarray:
    rng = np.random.default_rng(0)
    image = rng.random((6, 5, 3))
    descent = optimizer(name, **options).begin(image.shape)
    for _ in range(3):
        image = descent.step(image, 1e-3 * rng.standard_normal(image.shape))
    return image


@pytest.mark.parametrize("user", OF_USERS)
@pytest.mark.parametrize("name", KERAS)
def test_optimizers_make_the_same_steps(name: str, user: str) -> None:
    expected = descended(name)
    OF_USERS[user]()
    np.testing.assert_array_equal(descended(name), expected)


OF_A_USER = {"backend": "torch", "image_data_format": "channels_first", "floatx": "float16"}


@pytest.mark.slow
def test_a_process_with_other_settings_has_the_same_numbers(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text(json.dumps(OF_A_USER), encoding="utf-8")
    words = ["+experiment=self_transfer", "network.weights=calibrated", "layers=1", "image.size=16"]
    words += ["flow=gradient", "optimizer=adam", "stop.max_iterations=3"]
    said, results = [], []
    for backend, home in (("jax", tmp_path), ("", tmp_path / "none")):
        folder = tmp_path / f"run {backend}"
        environment = {"PYTHONPATH": str(ROOT), "KERAS_HOME": str(home), "KERAS_BACKEND": backend}
        done = subprocess.run(
            [sys.executable, "-m", "decouple.run", *words, f"run_dir='{folder}'"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stderr.count("Your settings of Keras"))
        with np.load(folder / "result.npz") as held:
            results.append(held["result"])
    assert said == [1, 0]
    np.testing.assert_array_equal(*results)
