"""Python as README and docs show it, run as printed but for the size of pictures and network.

Listings that have a name, files of the user's own, are run where they are asked for by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_tables import made_table
from pages import blocks
from PIL import Image

import decouple as dc

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(page: str, names: dict[str, Any], smaller: dict[str, str]) -> dict[str, Any]:
    """All names behind a page's listings, which go on from each other."""
    for block in blocks(page):
        if block.language == "python" and not block.name:
            text = block.text
            for printed, smaller_one in smaller.items():
                text = text.replace(printed, smaller_one)
            exec(compile("\n" * block.line + text, page, "exec"), names)
    return names


def picture(name: str) -> np.ndarray:
    return dc.load(f"sample:{name}", size=(24, 24), fit="crop").pixels


def small_network(activation: str, *layers: str) -> keras.Model:
    keras.utils.set_random_seed(1)
    wide = keras.initializers.RandomNormal(stddev=0.3)
    image = seen = keras.Input((None, None, 3))
    for channels, name in enumerate(layers, 4):
        seen = keras.layers.Conv2D(
            channels, 3, activation=activation, kernel_initializer=wide, name=name
        )(seen)
    return keras.Model(image, seen)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_readme_and_transfers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through a network of the same layers in VGG's place; with VGG `decouple.__doc__` is run."""
    layers = ("block1_conv1", "block2_conv1")
    vgg = dc.keras_network(small_network("softplus", *layers))
    monkeypatch.setattr(dc, "vgg19", lambda weights: vgg)
    dc.save(picture("chelsea"), "photo.png")
    Path("photo.png").rename("photo.jpg")  # a file's content decides what it is
    model = small_network("relu", "conv1", "conv2")
    names = run(
        "README.md",
        {"other": picture("coffee"), "tf": tf, "model": model},
        {"size=150": "size=24", "layers=2": f"layers={layers}"},
    )
    printed = capsys.readouterr().out.splitlines()
    assert float(printed[0]) > 80
    assert names["done"].traceable
    assert names["features"].layers == ("conv1", "conv2")

    given = {"coffee": names["other"], "chelsea": names["image"]}
    names = run("docs/transfer_and_mixing.md", {**names, **given}, {})
    assert names["done"].traceable


def test_masks() -> None:
    run("docs/colours_and_regions.md", {}, {})
    person, background = (np.asarray(Image.open(f"{n}.png"), int) for n in ("person", "background"))
    assert person.max() == 255
    assert np.all(person + background == 255)


def test_tables(home: Path) -> None:
    features = np.ones((2, 6))
    made_table(home / "table", "ab", features, features)
    names = run("docs/tables.md", {}, {"runs/features/…": "table"})
    assert names["table"].raw["block2_conv1"].shape == (2, 3)
