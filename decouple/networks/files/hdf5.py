"""Layers in HDF5 files of Keras's layouts, as plain arrays: nothing of a file's is carried out.

A layer is a group that carries its name, as the last part of its path (Keras 2, the ImageNet
files, and whole models, where all layers lie under `model_weights`) or as its attribute `name`
(Keras 3). Beside the layers a file may hold what an optimizer keeps of each of them.

HDF5 knows links to other files, and datasets made up of others or stored elsewhere. Following them
can wait for ever, read any file, or end the process, so nothing is followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from functools import partial
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from decouple.errors import WeightsError
from decouple.networks.architecture import Architecture
from decouple.networks.files.stored import Content, Stored
from decouple.networks.preprocessing import KERAS_PREPROCESSING

if TYPE_CHECKING:
    import h5py

# What optimizers keep is called by the layers' names and has their shapes.
OF_OPTIMIZERS = {"optimizer_weights", "optimizer"}
_OF_A_WHOLE_MODEL = "model_weights"
# A chunk is read as a whole, and may be larger than what is asked of it; in bytes.
_LARGEST_CHUNK = 2**24
_NOTHING: Mapping[str, str] = MappingProxyType({})


@contextmanager
def opened(path: Path, architecture: Architecture, asked: Set[str]) -> Iterator[Content]:
    """The layers asked for, whose arrays are read in the block, and the names of all.

    Raises
    ------
    WeightsError : a layer asked for is not made of plain datasets of this file.
    Exception : of any kind, from h5py, where the file is no HDF5 file or damaged.
    """
    import h5py

    with h5py.File(path, "r") as file:
        yield content_of(file, asked)


def content_of(file: h5py.File, asked: Set[str], called: Mapping[str, str] = _NOTHING) -> Content:
    """What a file that is open holds; Keras trained its VGGs with Caffe's preprocessing.

    Parameters
    ----------
    file : open, as long as arrays are read
    asked : names of layers
    called : {path of a group: its name}, where it does not carry that itself
    """
    import h5py

    names: set[str] = set()
    layers: dict[str, dict[str, list[Stored]]] = {name: {} for name in asked}

    def visit(place: str, item: object) -> None:
        if not isinstance(item, h5py.Group) or not OF_OPTIMIZERS.isdisjoint(place.split("/")):
            return
        own = {_text(item.attrs, "name"), place.rsplit("/", 1)[-1], called.get(place, "")}
        names.update(own)
        for name in own & layers.keys():
            arrays = list(_arrays(place, item))
            if arrays:
                layers[name][place] = arrays

    whole = file[_OF_A_WHOLE_MODEL] if _is_own(file, _OF_A_WHOLE_MODEL) else None
    (whole if isinstance(whole, h5py.Group) else file).visititems(visit)
    names.update(_model_name(_text(file.attrs, "model_config")))
    return Content(frozenset(names), layers, KERAS_PREPROCESSING)


def _arrays(place: str, group: h5py.Group) -> Iterator[Stored]:
    """The arrays of a layer; WeightsError if one of them is not this file's own."""
    import h5py

    for key in group:
        name = f"{place}/{key}"
        if not _is_own(group, key):
            raise WeightsError(f"{name} is a link, which is not followed")
        item = group[key]
        if not isinstance(item, h5py.Dataset):
            continue
        # Before its shape is asked for, which opens the parts of a virtual dataset.
        created = item.id.get_create_plist()
        if created.get_layout() == h5py.h5d.VIRTUAL or created.get_external_count():
            raise WeightsError(f"{name} is made up of other datasets, or stored in another file")
        chunk = prod(item.chunks) * item.dtype.itemsize if item.chunks else 0
        if chunk > _LARGEST_CHUNK and chunk > item.nbytes:
            raise WeightsError(f"{name} is stored in chunks larger than itself")
        yield Stored(item.shape or (), item.dtype, partial(_values, item))


def _values(dataset: h5py.Dataset) -> np.ndarray:
    return np.asarray(dataset[()])


def _is_own(group: h5py.Group, key: str) -> bool:
    """Whether the group has something of this name that lies in the same file."""
    import h5py

    return isinstance(group.get(key, getlink=True), h5py.HardLink)


def _text(attributes: h5py.AttributeManager, key: str) -> str:
    """An attribute that is text; empty where there is none."""
    if key not in attributes or attributes.get_id(key).shape != ():
        return ""
    held = attributes[key]
    return held.decode("utf-8", "replace") if isinstance(held, bytes) else str(held)


def _model_name(config: str) -> Iterator[str]:
    """The name in a model's configuration, which is JSON; none where there is none."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        yield str(json.loads(config)["config"]["name"])
