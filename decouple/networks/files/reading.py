"""Kernels and biases of a VGG out of a file of any kind that is read here.

The kind is told by the file's first bytes, whatever its name. Shapes and types are compared first
with what the network has: no more is read, and no more memory taken, than belongs to it.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from decouple.errors import WeightsError
from decouple.files import is_plain_file, opened_plain
from decouple.known_weights import digest_of, recognised
from decouple.networks.architecture import ARCHITECTURES, Architecture, Conv
from decouple.networks.files import hdf5, keras_archive, onnx, safetensors, torch_files
from decouple.networks.files.stored import Content, Stored
from decouple.networks.preprocessing import KERAS_PREPROCESSING, PREPROCESSINGS, Preprocessing

KINDS_IN_WORDS = "HDF5 or .keras of Keras, safetensors, PyTorch's state dict, ONNX"
_LONGEST_LINE = 400
_LFS = b"version https://git-lfs"

Pair = tuple[np.ndarray, np.ndarray]
Shape = tuple[int, ...]
Shapes = Mapping[str, tuple[Shape, Shape]]
Opened = Callable[[Path, Architecture, Set[str]], AbstractContextManager[Content]]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name : that people know it by
    begins : whether a file at this place, with these first bytes, is of it
    opened : gives what it holds
    suffixes : by which it is known where its bytes are damaged
    """

    name: str
    begins: Callable[[Path, bytes], bool]
    opened: Opened
    suffixes: tuple[str, ...]


def _is_keras_archive(path: Path, first: bytes) -> bool:
    return keras_archive.CONFIG in _members(path, first)


def _is_torchs(path: Path, first: bytes) -> bool:
    """Whether it is a zip that holds a pickle, or begins with one, whoever wrote it."""
    pickled = any(name.endswith(torch_files.PICKLE) for name in _members(path, first))
    return pickled or first.startswith(pickle.PROTO)


def _members(path: Path, first: bytes) -> list[str]:
    """Names of what a zip holds; none of what is no zip."""
    if not first.startswith(b"PK\3\4"):
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except Exception:  # zipfile raises many kinds on damaged files
        return []


# The first that fits.
_KINDS = (
    Kind(
        "HDF5",
        lambda path, first: first.startswith(b"\x89HDF\r\n\x1a\n"),
        hdf5.opened,
        (".h5", ".hdf5"),
    ),
    Kind(".keras", _is_keras_archive, keras_archive.opened, (".keras",)),
    Kind("safetensors", safetensors.begins, safetensors.opened, (".safetensors",)),
    Kind("PyTorch", _is_torchs, torch_files.opened, (".pth", ".pt")),
    # The first field of a model is the version of the format, a number.
    Kind("ONNX", lambda path, first: first.startswith(b"\x08"), onnx.opened, (".onnx",)),
)


@dataclass(frozen=True)
class FileWeights:
    """What was read.

    Attributes
    ----------
    pairs : {layer: (kernel, bias)}, float32, kernels (3, 3, C_in, C_out) or (N_in, N_out)
    preprocessing : what the numbers were trained with
    known : what they are, if they are known and prepared for as they were trained
    """

    pairs: dict[str, Pair]
    preprocessing: Preprocessing
    known: str | None


def shapes_until(architecture: Architecture, last: str) -> Shapes:
    """{convolution: shapes of its kernel and bias}, in the network's order."""
    shapes, channels = {}, 3
    for layer in architecture.until(last):
        if isinstance(layer, Conv):
            shapes[layer.name] = ((3, 3, channels, layer.filters), (layer.filters,))
            channels = layer.filters
    return shapes


def read_file(
    path: Path, architecture: Architecture, expected: Shapes, preprocessing: str = "auto"
) -> FileWeights:
    """Kernels and biases, converted to float32 if they are of another precision.

    Parameters
    ----------
    path : the file, which may hold more than is expected
    architecture : the network that it is to be of
    expected : the layers that must be there, with the shapes of kernel and bias
    preprocessing : what the numbers were trained with, see `PREPROCESSINGS`; `auto` is that of
        known numbers, else of the kind of file

    Raises
    ------
    WeightsError : there is no such file, it is another network's, or it does not hold each of
        these layers once, with finite values; or its preprocessing cannot be told.
    """
    if not os.path.exists(path):  # noqa: PTH110 (a name may be too long for Path.exists)
        raise WeightsError(
            f"weights file '{path}' does not exist; network.weights is auto, imagenet, calibrated, "
            f"or a file: {KINDS_IN_WORDS}"
        )
    convolutions = {conv.name for conv in architecture.convolutions}
    complete = "" if expected.keys() <= convolutions else "the complete "
    kind = _kind_of(path)
    try:
        with kind.opened(path, architecture, expected.keys()) as content:
            _check_network(architecture, content.names)
            pairs = _pairs(content, expected)
    except WeightsError as error:
        raise WeightsError(
            f"weights file '{path}' does not fit {complete}{architecture.name}: {_line_of(error)}"
        ) from error
    except Exception as error:  # of many kinds, on damaged files
        raise WeightsError(
            f"weights file '{path}' is not a readable {kind.name} file ({_line_of(error)})"
        ) from error
    known = recognised(digest_of(a for name in pairs if name in convolutions for a in pairs[name]))
    own = KERAS_PREPROCESSING if known else content.preprocessing
    told = own if preprocessing == "auto" else preprocessing
    if told is None:
        raise WeightsError(
            f"weights file '{path}' does not tell what its numbers were trained with: give "
            "network.preprocessing=caffe (BGR in 0..255 minus ImageNet's mean colour, as in "
            "Caffe and Keras) or network.preprocessing=torch (RGB, ImageNet's mean colour and "
            "standard deviations, as in torchvision)"
        )
    # With another preprocessing they are another network, of other units.
    return FileWeights(pairs, PREPROCESSINGS[told], known if told == KERAS_PREPROCESSING else None)


def _line_of(error: Exception) -> str:
    """What it says in a line, in which names out of a file may stand."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST_LINE else f"{said[:_LONGEST_LINE]}…"


def _kind_of(path: Path) -> Kind:
    """By its first bytes, or where they are none that are known by its name."""
    if not is_plain_file(path):
        raise WeightsError(
            f"weights file '{path}' is not a readable file (it is a folder, a pipe or a device)"
        )
    try:
        with opened_plain(path) as file:
            first = file.read(64)
    except OSError as error:
        raise WeightsError(f"weights file '{path}' cannot be read: {error.strerror}") from error
    if first.startswith(_LFS):
        raise WeightsError(
            f"weights file '{path}' is not the file itself but a Git LFS pointer to it: "
            "`git lfs pull` fetches it"
        )
    for kind in _KINDS:
        if kind.begins(path, first):
            return kind
    for kind in _KINDS:
        if path.suffix.lower() in kind.suffixes:
            return kind
    raise WeightsError(f"weights file '{path}' is of no kind that is read: {KINDS_IN_WORDS}")


def _check_network(chosen: Architecture, names: Set[str]) -> None:
    """Refuse what is another network's by its convolutions or, where they are both's, its name."""
    known = {conv.name for network in ARCHITECTURES.values() for conv in network.convolutions}
    fitting = [n.name for n in ARCHITECTURES.values() if n.begins_with(names & known)]
    told = [name for name in fitting if name in names] or fitting
    if told and chosen.name not in told:
        raise WeightsError(f"it holds {told[0]}; give network={told[0]}, or another file")


def _pairs(content: Content, expected: Shapes) -> dict[str, Pair]:
    """Kernel and bias of each layer; nothing is read before all are known to fit."""
    fitting = {
        layer: {
            place: _fitting(layer, arrays, shapes)
            for place, arrays in content.layers[layer].items()
        }
        for layer, shapes in expected.items()
    }
    for layer, (kernel, bias) in expected.items():
        if not fitting[layer]:
            raise WeightsError(f"{layer} is missing, expected {kernel} and {bias}")
    return {layer: _pair(layer, places) for layer, places in fitting.items()}


def _fitting(
    layer: str, arrays: Sequence[Stored], shapes: tuple[Shape, Shape]
) -> tuple[Stored, Stored]:
    """The kernel and the bias among the arrays of a group; refused if they are not of the layer."""
    ranks = [len(shape) for shape in shapes]
    found = sorted((a for a in arrays if len(a.shape) in ranks), key=lambda a: -len(a.shape))
    if [array.shape for array in found] != list(shapes):
        held = " and ".join(str(array.shape) for array in found) or "of other ranks"
        raise WeightsError(f"{layer} has shapes {held}, expected {shapes[0]} and {shapes[1]}")
    for array in found:
        if array.dtype.kind != "f":
            raise WeightsError(f"{layer} holds {array.dtype} and no floating-point numbers")
    kernel, bias = found
    return kernel, bias


def _pair(layer: str, places: Mapping[str, tuple[Stored, Stored]]) -> Pair:
    """Kernel and bias as float32; refused where no network computes with them.

    A layer may be saved in several places, as models that share it do.
    """
    first, *others = places.values()
    with np.errstate(over="ignore"):  # of float64
        kernel, bias = (array.read().astype(np.float32) for array in first)
        for other in others:
            same = (other[k].read().astype(np.float32) for k in (0, 1))
            if not all(map(np.array_equal, (kernel, bias), same)):
                raise WeightsError(f"{' and '.join(places)} differ, and both are called {layer}")
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise WeightsError(f"{layer} holds non-finite values")
    if not kernel.any():
        raise WeightsError(f"the filters of {layer} are all zero")
    return kernel, bias
