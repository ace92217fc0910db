"""Layers in `.keras` files: a zip of the model's configuration and an HDF5 file of its weights.

Nothing is made of the configuration; it only names layers, which earlier versions of Keras 3 did
not do beside the weights.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from decouple.errors import WeightsError
from decouple.networks.architecture import Architecture
from decouple.networks.files import hdf5
from decouple.networks.files.stored import Content

CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
# Keras stores without compression, and trained numbers give a tenth; beyond, it is a bomb.
_MOST_COMPRESSED = 8


@contextmanager
def opened(path: Path, architecture: Architecture, asked: Set[str]) -> Iterator[Content]:
    """As `hdf5.opened`."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        config = json.loads(_member(archive, CONFIG, path))
        weights = _member(archive, _WEIGHTS, path)
    called = dict(_groups(config, ""))
    with h5py.File(io.BytesIO(weights), "r") as file:
        content = hdf5.content_of(file, asked, called)
        names = {*content.names, *called.values(), str(config["config"].get("name"))}
        yield Content(frozenset(names), content.layers, content.preprocessing)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    if name not in archive.namelist():
        raise WeightsError(f"it has no {name}")
    if archive.getinfo(name).file_size > _MOST_COMPRESSED * path.stat().st_size:
        raise WeightsError(f"{name} is larger than such a file can hold")
    return archive.read(name)


def _groups(model: Any, place: str) -> Iterator[tuple[str, str]]:
    """Groups of weights and their layers' names: each is called by its class, and counted."""
    counts: Counter[str] = Counter()
    for layer in model["config"]["layers"]:
        kind = _snake(layer["class_name"])
        number = f"_{counts[kind]}" if counts[kind] else ""
        counts[kind] += 1
        own = f"{place}layers/{kind}{number}"
        yield f"{own}/vars", str(layer["config"]["name"])
        if "layers" in layer["config"]:
            yield from _groups(layer, f"{own}/")


def _snake(name: str) -> str:
    """As Keras writes the names of classes.

    >>> _snake("MaxPooling2D"), _snake("Conv2D"), _snake("InputLayer")
    ('max_pooling2d', 'conv2d', 'input_layer')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
