"""Where a network's numbers come from: calibrated filters, ImageNet through Keras, or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from decouple.errors import ConfigError, WeightsError, unknown_name
from decouple.files import expanded
from decouple.keras_settings import keras_as_needed
from decouple.known_weights import IMAGENET, are_imagenets
from decouple.networks.activations import Activation
from decouple.networks.architecture import Architecture, Conv
from decouple.networks.calibration import CALIBRATED, calibrate, digest, preactivation_stds
from decouple.networks.downloads import is_cached, reachable, time_limit_on_sockets
from decouple.networks.files import Pair, read_file, shapes_until
from decouple.networks.parameters import Weights
from decouple.networks.pooling import Pooling
from decouple.networks.preprocessing import KERAS_PREPROCESSING, PREPROCESSINGS, Preprocessing

if TYPE_CHECKING:
    import keras

ORIGINS = ("auto", IMAGENET, CALIBRATED)

# The first convolution of a trained network gets a softplus twice as wide as the others: at it
# errors grow most on the way back (by 26 dB instead of 58 for the astronaut at 96 px), and the
# means of the layers behind it hardly notice.
_FIRST_WIDER = 2.0

Say = Callable[[str], None]


def load_weights(
    origin: str,
    architecture: Architecture,
    last: str,
    activation: Activation,
    pooling: Pooling,
    width: float,
    say: Say = lambda _: None,
    preprocessing: str = "auto",
) -> Weights:
    """The weights of the layers up to `last`.

    Parameters
    ----------
    origin : `calibrated`; `imagenet` (Keras's file, from its cache or downloaded); `auto`
        (ImageNet if it is cached or can be downloaded, else calibrated); or the path of a file,
        see `read_file`
    architecture, last, activation, pooling, width : see `Chain`
    say : told in one line what `auto` chose
    preprocessing : what a file's numbers were trained with, see `PREPROCESSINGS`; `auto` is what
        the file tells

    Raises
    ------
    ConfigError : a preprocessing that there is not, or of other numbers than a file's.
    WeightsError : ImageNet weights cannot be had, or a file cannot be used.
    """
    check_preprocessing(preprocessing, origin)
    if origin == CALIBRATED:
        return calibrate(architecture, last, activation, pooling, width)
    if origin == IMAGENET:
        return _of_keras(_imagenet(architecture, last), architecture, last)
    if origin == "auto":
        try:
            pairs = _imagenet(architecture, last)
        except WeightsError as error:
            say(f"Weights: calibrated random filters, because {error}")
            return calibrate(architecture, last, activation, pooling, width)
        say("Weights: ImageNet (keras.applications)")
        return _of_keras(pairs, architecture, last)
    path = expanded(origin)
    found = read_file(path, architecture, shapes_until(architecture, last), preprocessing)
    if found.known:
        say(f"Weights: '{path}' holds {found.known}")
    name = found.known or _name_of(path)
    return _trained(found.pairs, found.preprocessing, architecture, last, name)


def _name_of(path: Path) -> str:
    """A file's name, with its folder where the name alone would be taken for another origin."""
    taken = path.name in ORIGINS or are_imagenets(path.name)
    return f"{path.parent}/{path.name}" if taken else path.name


def check_preprocessing(preprocessing: str, origin: str) -> None:
    """Refuse, with ConfigError, one that there is not, and one of what is no file."""
    if preprocessing not in ("auto", *PREPROCESSINGS):
        raise ConfigError(unknown_name("preprocessing", preprocessing, ("auto", *PREPROCESSINGS)))
    if preprocessing != "auto" and origin in ORIGINS:
        raise ConfigError(
            f"preprocessing={preprocessing} has no meaning with weights={origin}: only that of "
            "a file's numbers can be told"
        )


def _of_keras(pairs: Mapping[str, Pair], architecture: Architecture, last: str) -> Weights:
    return _trained(pairs, PREPROCESSINGS[KERAS_PREPROCESSING], architecture, last, IMAGENET)


def _trained(
    pairs: Mapping[str, Pair],
    preprocessing: Preprocessing,
    architecture: Architecture,
    last: str,
    origin: str,
) -> Weights:
    """Weights of a trained network, whose preprocessing becomes part of the first layer."""
    kernels = {name: kernel for name, (kernel, _) in pairs.items()}
    biases = {name: bias for name, (_, bias) in pairs.items()}
    first = architecture.convolutions[0].name
    kernels[first] = preprocessing.folded(kernels[first])
    offset = preprocessing.offset
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
        preprocessing=preprocessing.name,
    )


def _imagenet(architecture: Architecture, last: str) -> dict[str, Pair]:
    """ImageNet weights up to `last`, as `keras.applications` loads them."""
    try:
        model = keras_model(architecture, include_top=False)
    except WeightsError as error:
        raise WeightsError(
            f"{error}; network.weights takes calibrated or a file as well"
        ) from error
    names = [layer.name for layer in architecture.until(last) if isinstance(layer, Conv)]
    pairs = {name: model.get_layer(name).get_weights() for name in names}
    return {name: (kernel, bias) for name, (kernel, bias) in pairs.items()}


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
