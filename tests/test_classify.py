"""`classify`: a file in Keras's layout to labels, compared with the chain and plain algebra."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from decouple import images
from decouple.networks import classifier as classifiers
from decouple.networks import vgg16, weights
from decouple.networks.architecture import VGG16
from decouple.run import main

CLASSIFY = ["+experiment=classify", "source=sample:coffee"]
# Of the dense layers' outputs; the rest is zero and takes no room on the disk.
USED = 32


def dense_arrays(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{layer: kernel and bias}, as far as they are used."""
    shapes = {"fc1": (7 * 7 * 512, USED), "fc2": (USED, USED), "predictions": (USED, 1000)}
    return {
        name: (
            (rng.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32),
            (0.1 * rng.standard_normal(shape[1])).astype(np.float32),
        )
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def dense() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return dense_arrays(np.random.default_rng(1))


@pytest.fixture(scope="module")
def complete_file(tmp_path_factory: pytest.TempPathFactory, dense: dict) -> Path:
    """The complete VGG-16 in the layout of the ImageNet files."""
    path = tmp_path_factory.mktemp("weights") / "complete.h5"
    rng, channels = np.random.default_rng(0), 3
    whole = {"fc1": (25088, 4096), "fc2": (4096, 4096), "predictions": (4096, 1000)}
    with h5py.File(path, "w") as file:

        def create(layer: str, kernel: tuple, bias: tuple) -> list[h5py.Dataset]:
            names = [f"{layer}_{end}_1:0" for end in ("W", "b")]
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            return [
                group.create_dataset(name, shape, "f4", chunks=True)
                for name, shape in zip(names, (kernel, bias), strict=True)
            ]

        for conv in VGG16.convolutions:
            shape = (3, 3, channels, conv.filters)
            kernel, bias = create(conv.name, shape, (conv.filters,))
            # Pixels of 0..255 become activations of order 1 at the first layer.
            size = np.sqrt(2 / (9 * channels)) / (60 if channels == 3 else 1)
            kernel[...] = size * rng.standard_normal(shape, np.float32)
            bias[...] = 0.1 * rng.standard_normal(conv.filters, np.float32)
            channels = conv.filters
        for name, shape in whole.items():
            kernel, bias = create(name, shape, shape[1:])
            used, offset = dense[name]
            kernel[: used.shape[0], : used.shape[1]] = used
            bias[: offset.size] = offset
        file.attrs["layer_names"] = [name.encode() for name in file]
    return path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (weights, classifiers):
        monkeypatch.setattr(module, "is_cached", lambda _: False)
        monkeypatch.setattr(module, "reachable", lambda: False)


def expected_probabilities(path: Path, dense: dict) -> np.ndarray:
    """Through this package's own convolutions, and the dense layers written out."""
    chain = vgg16(weights=str(path), last="block5_conv3", activation="relu", pooling="max")
    pixels = images.load("sample:coffee", (224, 224), "squash").pixels
    (seen,) = (np.asarray(a)[0] for a in chain.forward(pixels[None], ["block5_conv3"]))
    x = seen.reshape(7, 2, 7, 2, 512).max((1, 3)).ravel()
    for name in ("fc1", "fc2"):
        kernel, bias = dense[name]
        x = np.maximum(x @ kernel + bias, 0)
    kernel, bias = dense["predictions"]
    e = np.exp(x @ kernel + bias - (x @ kernel + bias).max())
    return e / e.sum()


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
def test_labels_out_of_a_file(
    complete_file: Path, dense: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    words = [f"network.weights={complete_file}", "classify.top=4", f"run_dir={folder}"]
    assert main([*CLASSIFY, *words]) == 0
    said = capsys.readouterr().err
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    expected = expected_probabilities(complete_file, dense)
    order = np.argsort(-expected)[:4]
    assert expected[order[0]] > 1.5 * expected[order[3]], "the picture is told from others"
    labels = metrics["classify"]["labels"]
    assert [label["index"] for label in labels] == list(order)
    probabilities = [label["probability"] for label in labels]
    np.testing.assert_allclose(probabilities, expected[order], rtol=1e-4)
    assert metrics["network"]["weights"] == "complete.h5"
    assert len(metrics["network"]["weights_digest"]) == 64
    assert metrics["stages"] == [], "nothing was moved"
    # Keras's list of names is not at hand.
    assert {label["name"] for label in labels} == {None}
    assert said.count("Labels are given by their numbers") == 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>Classification</h1>" in page
    assert "<h2>Labels</h2>" in page
    assert 'class="notice"' not in page
    for label in labels:
        assert str(label["index"]) in said
        assert f"{100 * label['probability']:.2f} %" in said
        assert f">{label['index']}</td>" in page
    assert {path.name for path in (folder / "images").iterdir()} == {"source.png"}
    # A run that was cut is repeated into its folder; one that has ended is not.
    for lacking in ("metrics.json", "report.html"):
        (folder / lacking).unlink()
        assert main([f"resume={folder}"]) == 0
        again = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        assert again["classify"] == metrics["classify"]
        assert (folder / lacking).exists()
    capsys.readouterr()
    assert main([f"resume={folder}"]) == 2
    assert "the run has ended" in capsys.readouterr().err


def test_names_come_from_the_list_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in Keras's layout, where Keras has it; a label that has two words."""
    index = {str(k): [f"n{k:08d}", f"label_{k}"] for k in range(1000)}
    path = tmp_path / "models" / "imagenet_class_index.json"
    path.parent.mkdir()
    path.write_text(json.dumps(index), encoding="utf-8")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    module = sys.modules[keras.applications.imagenet_utils.decode_predictions.__module__]
    monkeypatch.setattr(module, "CLASS_INDEX", None)
    monkeypatch.setattr(module.file_utils, "get_file", lambda *_, **__: str(path))
    probabilities = np.zeros(1000, np.float32)
    probabilities[[7, 963, 12]] = 0.2, 0.5, 0.2
    said: list[str] = []
    labels = classifiers.most_probable(probabilities, 3, said.append)
    assert not said
    assert [(label.index, label.name, label.synset) for label in labels] == [
        (963, "label 963", "n00000963"),
        (7, "label 7", "n00000007"),
        (12, "label 12", "n00000012"),
    ]


def test_a_list_that_cannot_be_fetched_costs_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[keras.applications.imagenet_utils.decode_predictions.__module__]

    def get_file(*_: object, **__: object) -> str:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(module, "CLASS_INDEX", None)
    monkeypatch.setattr(module.file_utils, "get_file", get_file)
    monkeypatch.setattr(classifiers, "reachable", lambda: True)
    said: list[str] = []
    (label,) = classifiers.most_probable(np.eye(1000, dtype=np.float32)[5], 1, said.append)
    assert (label.index, label.name, label.probability) == (5, None, 1.0)
    assert len(said) == 1
    assert "\n" not in said[0]


def test_the_digest_is_of_all_arrays() -> None:
    class Model:
        def __init__(self, *arrays: np.ndarray) -> None:
            self.get_weights = lambda: list(arrays)

    kernel, bias = np.ones((2, 3), np.float32), np.zeros(3, np.float32)
    found = classifiers._of_model(VGG16, "x", Model(kernel, bias)).digest
    assert found == hashlib.sha256(kernel.tobytes() + bias.tobytes()).hexdigest()
    assert found != classifiers._of_model(VGG16, "x", Model(kernel, bias + 1)).digest


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
def test_settings_of_keras_change_no_probability(
    complete_file: Path,
) -> None:
    config, pixels = keras.config, images.load("sample:coffee", (224, 224), "squash").pixels
    expected = classifiers.classifier("vgg16", str(complete_file)).probabilities(pixels)
    floatx, form, policy = config.floatx(), config.image_data_format(), config.dtype_policy()
    try:
        config.set_floatx("float16")
        config.set_image_data_format("channels_first")
        config.set_dtype_policy("mixed_float16")
        found = classifiers.classifier("vgg16", str(complete_file)).probabilities(pixels)
    finally:
        config.set_floatx(floatx)
        config.set_image_data_format(form)
        config.set_dtype_policy(policy)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.usefixtures("no_network")
def test_a_file_without_dense_layers_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notop.h5"
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in weights.shapes_until(VGG16, "block5_conv3").items():
            file.create_dataset(f"{name}/W", kernel, "f4", chunks=True)
            file.create_dataset(f"{name}/b", bias, "f4", chunks=True)
    assert main([*CLASSIFY, f"network.weights={path}", f"run_dir={tmp_path / 'run'}"]) == 2
    line = capsys.readouterr().err.strip()
    assert "the complete vgg16: fc1 is missing" in line
    assert not (tmp_path / "run").exists()


def test_classify_settings_mean_nothing_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    for experiment in ("self_transfer", "gatys_moreno", "compare", "mix", "compare_flows"):
        assert main([f"+experiment={experiment}", "classify.top=2"]) == 2
        assert "classify.top= has no meaning" in capsys.readouterr().err
