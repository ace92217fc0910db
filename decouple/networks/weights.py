"""Where a network's numbers come from: calibrated filters, ImageNet through Keras, or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from decouple.errors import WeightsError
from decouple.files import expanded
from decouple.networks.activations import Activation
from decouple.networks.architecture import Architecture, Conv
from decouple.networks.calibration import calibrate, digest, preactivation_stds
from decouple.networks.chain import Weights
from decouple.networks.downloads import is_cached, reachable, time_limit_on_sockets
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
Shapes = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]


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
    pairs = read_file(path, architecture.name, shapes_until(architecture, last))
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
    import keras

    build = getattr(keras.applications, architecture.name.upper())
    try:
        with time_limit_on_sockets():
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


def read_file(path: Path, network: str, expected: Shapes) -> dict[str, list[np.ndarray]]:
    """{layer: [kernel, bias]} from an HDF5 file, read as plain arrays.

    A layer is a group that carries its name, as the last part of its path (the layout of Keras 2
    and of the ImageNet files) or as its attribute `name` (Keras 3).

    Parameters
    ----------
    path : the file, which may hold more than is expected
    network : what messages call it
    expected : the layers that must be there, with the shapes of kernel and bias

    Raises
    ------
    WeightsError : there is no such file, or it does not hold these layers with finite values.
    """
    import h5py

    if not path.exists():
        raise WeightsError(
            f"weights file '{path}' does not exist; network.weights is one of "
            f"{', '.join(ORIGINS)}, or a file in Keras's HDF5 layout"
        )
    found: dict[str, dict[int, np.ndarray]] = {name: {} for name in expected}

    def visit(name: str, item: object) -> None:
        if not isinstance(item, h5py.Group):
            return
        layer = str(item.attrs.get("name", name.rsplit("/", 1)[-1]))
        for value in item.values() if layer in found else ():
            if isinstance(value, h5py.Dataset) and value.ndim in map(len, expected[layer]):
                found[layer][value.ndim] = np.asarray(value, np.float32)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except Exception as error:  # h5py raises many kinds on damaged files
        raise WeightsError(
            f"weights file '{path}' is not a readable HDF5 file ({' '.join(str(error).split())})"
        ) from error
    for name, (kernel, bias) in expected.items():
        shapes = {rank: array.shape for rank, array in found[name].items()}
        if shapes != {len(kernel): kernel, 1: bias}:
            what = f"has shapes {sorted(shapes.values())}" if shapes else "is missing"
            raise WeightsError(
                f"weights file '{path}' does not fit {network}: {name} {what}, "
                f"expected {kernel} and {bias}"
            )
    for name, arrays in found.items():
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise WeightsError(f"weights file '{path}': {name} holds non-finite values")
        if not arrays[max(arrays)].any():
            raise WeightsError(f"weights file '{path}': the filters of {name} are all zero")
    return {name: [arrays[max(arrays)], arrays[1]] for name, arrays in found.items()}
