"""Where a network's numbers come from: calibrated filters, ImageNet through Keras, or a file."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from decouple.errors import WeightsError
from decouple.networks.activations import Activation
from decouple.networks.architecture import Architecture, Conv
from decouple.networks.calibration import calibrate, digest, preactivation_stds
from decouple.networks.chain import Weights
from decouple.networks.pooling import Pooling

ORIGINS = ("auto", "imagenet", "calibrated")

# A first request, before Keras's download, which has no time limit of its own.
_PROBE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
PROBE_SECONDS = 4.0
STALL_SECONDS = 20.0

# "Caffe" preprocessing of keras.applications.vgg19: BGR in 0..255 minus this mean colour.
_IMAGENET_MEAN_BGR = np.array([103.939, 116.779, 123.68])

Say = Callable[[str], None]
Arrays = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]


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
    path = Path(origin).expanduser()
    return _of_arrays(_read_file(path, architecture, last), architecture, last, path.name)


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
    if not _is_cached(architecture) and not _reachable(_PROBE_URL):
        raise WeightsError(
            f"ImageNet weights of {architecture.name} are not in Keras's cache and cannot be "
            "downloaded (no network); network.weights takes calibrated or a file as well"
        )
    import keras

    build = getattr(keras.applications, architecture.name.upper())
    try:
        with _time_limit_on_sockets():
            model = build(weights="imagenet", include_top=False)
    except Exception as error:  # Keras raises bare Exception when a download fails
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"ImageNet weights of {architecture.name} could not be loaded: {reason}; "
            "use network.weights=calibrated or a local file"
        ) from error
    names = [layer.name for layer in architecture.until(last) if isinstance(layer, Conv)]
    pairs = {name: model.get_layer(name).get_weights() for name in names}
    return {n: k for n, (k, _) in pairs.items()}, {n: b for n, (_, b) in pairs.items()}


def _is_cached(architecture: Architecture) -> bool:
    name = f"{architecture.name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    # The second is where Keras goes when the first cannot be written.
    homes = (os.environ.get("KERAS_HOME", "~/.keras"), "/tmp/.keras")
    return any((Path(home).expanduser() / "models" / name).is_file() for home in homes)


def _reachable(url: str) -> bool:
    """Whether any answer comes within `PROBE_SECONDS`, name resolution included."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()
        except urllib.error.HTTPError:
            pass  # an answer all the same
        except Exception:  # whatever answers may speak no HTTP at all
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answered.is_set()


@contextmanager
def _time_limit_on_sockets() -> Iterator[None]:
    """A download that stalls ends instead of hanging."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_file(path: Path, architecture: Architecture, last: str) -> Arrays:
    """Kernels and biases from an HDF5 file, read as plain arrays.

    A layer is a group that carries its name, as the last part of its path (the layout of Keras 2
    and of the ImageNet files) or as its attribute `name` (Keras 3).
    """
    import h5py

    if not path.exists():
        raise WeightsError(
            f"weights file '{path}' does not exist; network.weights is one of "
            f"{', '.join(ORIGINS)}, or a file in Keras's HDF5 layout"
        )
    wanted = [layer for layer in architecture.until(last) if isinstance(layer, Conv)]
    found: dict[str, dict[int, np.ndarray]] = {conv.name: {} for conv in wanted}

    def visit(name: str, item: object) -> None:
        if not isinstance(item, h5py.Group):
            return
        layer = str(item.attrs.get("name", name.rsplit("/", 1)[-1]))
        for value in item.values() if layer in found else ():
            if isinstance(value, h5py.Dataset) and value.ndim in (1, 4):
                found[layer][value.ndim] = np.asarray(value, np.float32)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except Exception as error:  # h5py raises many kinds on damaged files
        raise WeightsError(
            f"weights file '{path}' is not a readable HDF5 file ({' '.join(str(error).split())})"
        ) from error
    channels = 3
    for conv in wanted:
        shapes = {rank: array.shape for rank, array in found[conv.name].items()}
        expected = {4: (3, 3, channels, conv.filters), 1: (conv.filters,)}
        if shapes != expected:
            what = f"has shapes {sorted(shapes.values())}" if shapes else "is missing"
            raise WeightsError(
                f"weights file '{path}' does not fit {architecture.name}: {conv.name} {what}, "
                f"expected {expected[4]} and {expected[1]}"
            )
        channels = conv.filters
    for name, arrays in found.items():
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise WeightsError(f"weights file '{path}': {name} holds non-finite values")
        if not arrays[4].any():
            raise WeightsError(f"weights file '{path}': the filters of {name} are all zero")
    return {n: a[4] for n, a in found.items()}, {n: a[1] for n, a in found.items()}
