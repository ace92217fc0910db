"""Where a network's numbers come from: calibrated filters, ImageNet through Keras, or a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from decouple.errors import WeightsError
from decouple.files import expanded
from decouple.keras_settings import keras_as_needed
from decouple.networks.activations import Activation
from decouple.networks.architecture import ARCHITECTURES, Architecture, Conv
from decouple.networks.calibration import calibrate, digest, preactivation_stds
from decouple.networks.downloads import is_cached, reachable, time_limit_on_sockets
from decouple.networks.hdf5 import Content, Stored, opened_layers
from decouple.networks.parameters import Weights
from decouple.networks.pooling import Pooling

if TYPE_CHECKING:
    import keras

ORIGINS = ("auto", "imagenet", "calibrated")

# The first convolution of a trained network gets a softplus twice as wide as the others: at it
# errors grow most on the way back (by 26 dB instead of 58 for the astronaut at 96 px), and the
# means of the layers behind it hardly notice.
_FIRST_WIDER = 2.0
# "Caffe" preprocessing of keras.applications.vgg19: BGR in 0..255 minus this mean colour.
_IMAGENET_MEAN_BGR = np.array([103.939, 116.779, 123.68])

Say = Callable[[str], None]
Arrays = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]
Pair = tuple[np.ndarray, np.ndarray]
Shape = tuple[int, ...]
Shapes = Mapping[str, tuple[Shape, Shape]]


def load_weights(
    origin: str,
    architecture: Architecture,
    last: str,
    activation: Activation,
    pooling: Pooling,
    width: float,
    say: Say = lambda _: None,
) -> Weights:
    """The weights of the layers up to `last`.

    Parameters
    ----------
    origin : `calibrated`; `imagenet` (Keras's file, from its cache or downloaded); `auto`
        (ImageNet if it is cached or can be downloaded, else calibrated); or the path of an HDF5
        file in one of Keras's layouts, with the preprocessing of Keras's VGG
    architecture, last, activation, pooling, width : see `Chain`
    say : told in one line what `auto` chose

    Raises
    ------
    WeightsError : ImageNet weights cannot be had, or a file cannot be used.
    """
    if origin == "calibrated":
        return calibrate(architecture, last, activation, pooling, width)
    if origin == "imagenet":
        return _of_arrays(_imagenet(architecture, last), architecture, last, "imagenet")
    if origin == "auto":
        try:
            arrays = _imagenet(architecture, last)
        except WeightsError as error:
            say(f"Weights: calibrated random filters, because {error}")
            return calibrate(architecture, last, activation, pooling, width)
        say("Weights: ImageNet (keras.applications)")
        return _of_arrays(arrays, architecture, last, "imagenet")
    path = expanded(origin)
    pairs = read_file(path, architecture, shapes_until(architecture, last))
    arrays = {n: k for n, (k, _) in pairs.items()}, {n: b for n, (_, b) in pairs.items()}
    return _of_arrays(arrays, architecture, last, path.name)


def _of_arrays(arrays: Arrays, architecture: Architecture, last: str, origin: str) -> Weights:
    """Weights from a network trained with Caffe preprocessing."""
    kernels, biases = (dict(part) for part in arrays)
    first = architecture.convolutions[0].name
    # The preprocessing becomes part of the first layer: channels exchanged, 0..1 for 0..255.
    kernels[first] = (255.0 * kernels[first][:, :, ::-1, :]).astype(np.float32)
    offset = (_IMAGENET_MEAN_BGR[::-1] / 255.0).astype(np.float32)
    widths = preactivation_stds(architecture, last, kernels, biases, offset)
    for name, std in widths.items():
        if not std > 0:
            raise WeightsError(f"weights '{origin}': all outputs of {name} are the same")
    widths[first] *= _FIRST_WIDER
    return Weights(
        kernels=kernels,
        biases=biases,
        offset=offset,
        widths=widths,
        origin=origin,
        digest=digest(kernels, biases, offset),
    )


def _imagenet(architecture: Architecture, last: str) -> Arrays:
    """ImageNet weights up to `last`, as `keras.applications` loads them."""
    try:
        model = keras_model(architecture, include_top=False)
    except WeightsError as error:
        raise WeightsError(
            f"{error}; network.weights takes calibrated or a file as well"
        ) from error
    names = [layer.name for layer in architecture.until(last) if isinstance(layer, Conv)]
    pairs = {name: model.get_layer(name).get_weights() for name in names}
    return {n: k for n, (k, _) in pairs.items()}, {n: b for n, (_, b) in pairs.items()}


def keras_model(architecture: Architecture, include_top: bool) -> keras.Model:
    """Keras's network with ImageNet weights, out of its cache or downloaded.

    Raises
    ------
    WeightsError : they cannot be had.
    """
    end = "" if include_top else "_notop"
    name = f"{architecture.name}_weights_tf_dim_ordering_tf_kernels{end}.h5"
    if not is_cached(name) and not reachable():
        raise WeightsError(
            f"ImageNet weights of {architecture.name} are not in Keras's cache and cannot be "
            "downloaded (no network)"
        )
    try:
        with keras_as_needed() as keras, time_limit_on_sockets():
            build = getattr(keras.applications, architecture.name.upper())
            return build(weights="imagenet", include_top=include_top)
    except Exception as error:  # Keras raises bare Exception when a download fails
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"ImageNet weights of {architecture.name} could not be loaded: {reason}"
        ) from error


def shapes_until(architecture: Architecture, last: str) -> Shapes:
    """{convolution: shapes of its kernel and bias}, in the network's order."""
    shapes, channels = {}, 3
    for layer in architecture.until(last):
        if isinstance(layer, Conv):
            shapes[layer.name] = ((3, 3, channels, layer.filters), (layer.filters,))
            channels = layer.filters
    return shapes


def read_file(path: Path, architecture: Architecture, expected: Shapes) -> dict[str, Pair]:
    """{layer: (kernel, bias)}, float32, from an HDF5 file in one of Keras's layouts.

    Parameters
    ----------
    path : the file, which may hold more than is expected
    architecture : the network that it is to be of
    expected : the layers that must be there, with the shapes of kernel and bias

    Raises
    ------
    WeightsError : there is no such file, it is another network's, or it does not hold each of
        these layers once, with finite values.
    """
    if not os.path.exists(path):  # noqa: PTH110 (a name may be too long for Path.exists)
        raise WeightsError(
            f"weights file '{path}' does not exist; network.weights is one of "
            f"{', '.join(ORIGINS)}, or a file in Keras's HDF5 layout"
        )
    convolutions = {conv.name for conv in architecture.convolutions}
    complete = "" if expected.keys() <= convolutions else "the complete "
    try:
        with opened_layers(path, expected) as content:
            _check_network(architecture, content.names)
            return _pairs(content, expected)
    except WeightsError as error:
        raise WeightsError(
            f"weights file '{path}' does not fit {complete}{architecture.name}: {error}"
        ) from error
    except Exception as error:  # h5py raises many kinds on damaged files
        raise WeightsError(
            f"weights file '{path}' is not a readable HDF5 file ({' '.join(str(error).split())})"
        ) from error


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
