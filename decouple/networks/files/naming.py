"""Which tensors of a flat file are which layers of a VGG, in whose order of axes.

torchvision counts the modules of `features` and `classifier`; Keras names block1_conv1, fc1 and
predictions; Caffe conv1_1. Such names may stand behind others, as in `model.features.0.weight`.
PyTorch, ONNX and Caffe keep kernels as (C_out, C_in, 3, 3) and matrices as (N_out, N_in). A kernel
tells by its shape which order it has; what it was trained with is told by both together, if at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from decouple.errors import WeightsError
from decouple.networks.architecture import ARCHITECTURES, Architecture, Conv
from decouple.networks.files.hdf5 import OF_OPTIMIZERS
from decouple.networks.files.stored import Content, Stored
from decouple.networks.preprocessing import KERAS_PREPROCESSING

Tensors = Mapping[str, Stored]
_Layers = dict[str, dict[str, list[Stored]]]
# {where: {number: tensors}}
_Modules = Mapping[str, Mapping[int, list[Stored]]]

_NUMBERED = re.compile(r"(?:(?P<where>.*)\.)?(?P<index>\d+)\.(?:weight|bias)")
_FEATURES, _CLASSIFIER = "features", "classifier"
# What torch.nn.DataParallel puts between.
_OF_SEVERAL_GPUS = "module."
_DENSE = {0: "fc1", 3: "fc2", 6: "predictions"}
_NAMED = re.compile(
    r"(?:^|[/.])(?:(?P<keras>block\d_conv\d|fc[12]|predictions)|conv(?P<caffe>\d_\d))(?=$|[/.:_])"
)
_NORMALIZED = re.compile(r"(?:^|.*\bfeatures\.)\d+\.running_(?:mean|var)")
# Of the image behind five poolings; the axes of torchvision's first matrix, as it flattens them.
_BEHIND_POOLINGS = (512, 7, 7)


class _Found(NamedTuple):
    """A layer, where it was found, its tensors in Keras's order, and what it tells."""

    place: str
    layer: str
    tensors: list[Stored]
    preprocessing: str | None


def content_of(tensors: Tensors, architecture: Architecture, asked: Set[str]) -> Content:
    """The layers among tensors, with the axes of their kernels and matrices in Keras's order.

    Raises
    ------
    WeightsError : they are of a VGG with batch normalization, or of none that is known here.
    """
    normalized = next(filter(_NORMALIZED.fullmatch, tensors), None)
    if normalized is not None:
        raise WeightsError(
            f"{normalized} is of batch normalization, as in torchvision's vgg16_bn and vgg19_bn, "
            "which the networks here do not have"
        )
    modules = _modules(tensors)
    found = [*_convolutions(modules, architecture), *_dense(modules), *_named(tensors)]
    layers: _Layers = {layer: {} for layer in asked}
    told = set()
    for place, layer, own, preprocessing in found:
        if layer in layers:
            layers[layer][place] = own
            told.add(preprocessing)
    names = frozenset(one.layer for one in found)
    return Content(names, layers, told.pop() if len(told) == 1 else None)


def in_order(pairs: list[list[Stored]], architecture: Architecture, asked: Set[str]) -> Content:
    """Convolutions of PyTorch's order that follow one another and have no names.

    Raises
    ------
    WeightsError : their channels are not those of a VGG.
    """
    channels = [pair[0].shape[0] for pair in pairs if pair and pair[0].shape]
    for network in (architecture, *_others(architecture)):
        convolutions = network.convolutions[: len(pairs)]
        if pairs and channels == [conv.filters for conv in convolutions]:
            break
    else:
        shown = ", ".join(map(str, channels)) or "none"
        raise WeightsError(
            f"no layer's name is in it, and its convolutions' channels ({shown}) are those of "
            f"neither {' nor '.join(ARCHITECTURES)}"
        )
    layers: _Layers = {layer: {} for layer in asked}
    for number, (conv, pair) in enumerate(zip(convolutions, pairs, strict=True), start=1):
        if conv.name in layers:
            layers[conv.name][f"convolution {number}"] = [_turned(tensor) for tensor in pair]
    return Content(frozenset(conv.name for conv in convolutions), layers)


def _modules(tensors: Tensors) -> _Modules:
    """What is called by numbers."""
    modules: dict[str, dict[int, list[Stored]]] = defaultdict(lambda: defaultdict(list))
    for name, tensor in tensors.items():
        match = _NUMBERED.fullmatch(name.replace(_OF_SEVERAL_GPUS, ""))
        if match and OF_OPTIMIZERS.isdisjoint(name.split(".")):
            modules[match["where"] or ""][int(match["index"])].append(tensor)
    return modules


def _convolutions(modules: _Modules, architecture: Architecture) -> Iterator[_Found]:
    """Those of VGGs, beside which there may be other modules that are counted."""
    convolving = [
        where
        for where, numbered in modules.items()
        if any(len(tensor.shape) == 4 for own in numbered.values() for tensor in own)
    ]
    vggs = [where for where in convolving if _last(where) == _FEATURES] or convolving
    fitting = {where: _layers_of(modules[where].keys(), architecture) for where in vggs}
    if vggs and not any(fitting.values()):
        numbers = ", ".join(str(number) for number in sorted(modules[vggs[0]]))
        raise WeightsError(
            f"its convolutions {vggs[0] or '…'}.N with N = {numbers} are those of neither "
            f"{' nor '.join(ARCHITECTURES)}"
        )
    for where, layers in fitting.items():
        for number, layer in layers.items():
            own = modules[where][number]
            torch = _last(where) == _FEATURES and any(map(_is_of_torch, own))
            place = f"{where}.{number}".lstrip(".")
            yield _Found(place, layer, [_turned(one) for one in own], "torch" if torch else None)


def _dense(modules: _Modules) -> Iterator[_Found]:
    for where, numbered in modules.items():
        if _last(where) != _CLASSIFIER:
            continue
        for number in _DENSE.keys() & numbered.keys():
            layer = _DENSE[number]
            turned = [_turned(one, layer == "fc1") for one in numbered[number]]
            yield _Found(f"{where}.{number}", layer, turned, "torch")


def _last(where: str) -> str:
    """What the numbers stand directly behind."""
    return where.rpartition(".")[2]


def _layers_of(indices: Set[int], architecture: Architecture) -> Mapping[int, str]:
    """{number of a module: layer} of the network whose convolutions are these; {} if none's are."""
    for network in (architecture, *_others(architecture)):
        numbers = _module_numbers(network)
        first = list(numbers)[: len(indices)]
        if indices == set(first):
            return {index: numbers[index] for index in first}
    return {}


def _others(architecture: Architecture) -> list[Architecture]:
    return [network for network in ARCHITECTURES.values() if network is not architecture]


def _module_numbers(architecture: Architecture) -> dict[int, str]:
    """{number in torchvision's `features`: convolution}; its activation is a module, too.

    >>> _module_numbers(ARCHITECTURES["vgg16"])[5]
    'block2_conv1'
    """
    numbers, number = {}, 0
    for layer in architecture.layers:
        if isinstance(layer, Conv):
            numbers[number] = layer.name
        number += 2 if isinstance(layer, Conv) else 1
    return numbers


def _named(tensors: Tensors) -> Iterator[_Found]:
    """Layers by Keras's names and Caffe's."""
    found: dict[tuple[str, str, bool], list[Stored]] = defaultdict(list)
    for name, tensor in tensors.items():
        match = _NAMED.search(name)
        if match is None or not OF_OPTIMIZERS.isdisjoint(re.split("[/.]", name)):
            continue
        block, _, number = (match["caffe"] or "").partition("_")
        layer = match["keras"] or f"block{block}_conv{number}"
        found[name[: match.end()], layer, match["keras"] is not None].append(tensor)
    for (place, layer, by_keras), own in found.items():
        keras = by_keras and not any(map(_is_of_torch, own))
        yield _Found(
            place, layer, [_turned(one) for one in own], KERAS_PREPROCESSING if keras else None
        )


def _is_of_torch(tensor: Stored) -> bool:
    """Whether it is a kernel (C_out, C_in, 3, 3), and none (3, 3, C_in, C_out)."""
    return len(tensor.shape) == 4 and tensor.shape[2:] == (3, 3) != tensor.shape[:2]


def _turned(tensor: Stored, flattened: bool | None = None) -> Stored:
    """With the axes in Keras's order; matrices only where `flattened` says of which they are.

    Parameters
    ----------
    tensor : of any shape
    flattened : of a matrix of PyTorch's, whether it takes flattened pixels
    """
    if _is_of_torch(tensor):
        shape = tuple(tensor.shape[axis] for axis in (2, 3, 1, 0))
        return replace(tensor, shape=shape, _values=lambda: tensor.read().transpose(2, 3, 1, 0))
    if flattened is None or len(tensor.shape) != 2:
        return tensor

    def values() -> np.ndarray:
        matrix = tensor.read()
        if not flattened:
            return matrix.T
        pixels = matrix.reshape(len(matrix), *_BEHIND_POOLINGS).transpose(2, 3, 1, 0)
        return pixels.reshape(-1, len(matrix))

    return replace(tensor, shape=tensor.shape[::-1], _values=values)
