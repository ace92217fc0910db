"""Layers in HDF5 files of Keras's layouts, as plain arrays: nothing of a file's is carried out.

A layer is a group that carries its name, as the last part of its path (Keras 2, the ImageNet
files, and whole models, where all layers lie under `model_weights`) or as its attribute `name`
(Keras 3). Beside the layers a file may hold what an optimizer keeps of each of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# What optimizers keep is called by the layers' names and has their shapes.
_OF_OPTIMIZERS = {"optimizer_weights", "optimizer"}
_OF_A_WHOLE_MODEL = "model_weights"


@dataclass(frozen=True)
class Content:
    """What a file holds of networks.

    Attributes
    ----------
    names : of all layers, and of the models that say theirs
    layers : {layer that was asked for: {path of a group that carries its name: arrays in it}}
    """

    names: frozenset[str]
    layers: Mapping[str, Mapping[str, list[np.ndarray]]]


def read_layers(path: Path, asked: Iterable[str]) -> Content:
    """The arrays of the layers asked for, and the names of all.

    Raises
    ------
    Exception : of any kind, from h5py, where the file is no HDF5 file or damaged.
    """
    import h5py

    names: set[str] = set()
    layers: dict[str, dict[str, list[np.ndarray]]] = {name: {} for name in asked}

    def visit(place: str, item: object) -> None:
        if not isinstance(item, h5py.Group) or not _OF_OPTIMIZERS.isdisjoint(place.split("/")):
            return
        name = str(item.attrs.get("name", place.rsplit("/", 1)[-1]))
        names.add(name)
        if name in layers:
            arrays = [np.asarray(a) for a in item.values() if isinstance(a, h5py.Dataset)]
            if arrays:
                layers[name][place] = arrays

    with h5py.File(path, "r") as file:
        file.get(_OF_A_WHOLE_MODEL, file).visititems(visit)
        names.update(_model_name(file.attrs.get("model_config", "")))
    return Content(frozenset(names), layers)


def _model_name(config: str | bytes) -> Iterator[str]:
    """The name in a model's configuration, which is JSON; none where there is none."""
    with suppress(ValueError, TypeError, KeyError):
        yield str(json.loads(config)["config"]["name"])
