"""VGG as it was trained, with its dense layers: which of ImageNet's labels a picture gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from decouple.errors import ConfigError, ImageError, WeightsError
from decouple.files import expanded
from decouple.keras_settings import keras_as_needed
from decouple.known_weights import digest_of
from decouple.networks.architecture import Architecture, architecture
from decouple.networks.downloads import is_cached, reachable, time_limit_on_sockets
from decouple.networks.files import read_file, shapes_until
from decouple.networks.preprocessing import KERAS_PREPROCESSING, PREPROCESSINGS, Preprocessing
from decouple.networks.weights import check_preprocessing, keras_model

if TYPE_CHECKING:
    import keras

SIDE = 224
"""Pixels of the square that the dense layers take."""

# Behind the convolutions (Simonyan & Zisserman, arXiv 1409.1556, table 1): FC-4096, FC-4096 and
# FC-1000 on the 7×7 pixels of 512 channels that five poolings leave.
_DENSE = {
    "fc1": ((7 * 7 * 512, 4096), (4096,)),
    "fc2": ((4096, 4096), (4096,)),
    "predictions": ((4096, 1000), (1000,)),
}
_CLASS_INDEX = "imagenet_class_index.json"


@dataclass(frozen=True, eq=False)
class Classifier:
    """A complete VGG of Keras's.

    Attributes
    ----------
    architecture : VGG-16 or VGG-19
    origin : of its weights, `imagenet` or the name of a file
    digest : SHA-256 over the bytes of all arrays, in the network's order
    preprocessing : what the model is given of an image
    """

    architecture: Architecture
    origin: str
    digest: str
    preprocessing: Preprocessing
    model: keras.Model = field(repr=False)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """The probability of each label.

        Parameters
        ----------
        image : (224, 224, 3), RGB in [0, 1]

        Returns
        -------
        (1000,), float32, sum 1.

        Raises
        ------
        ImageError : another shape.
        """
        if np.shape(image) != (SIDE, SIDE, 3):
            raise ImageError(f"an image of shape {np.shape(image)} is not ({SIDE}, {SIDE}, 3)")
        with keras_as_needed():
            seen = self.preprocessing.applied(image)[None]
            return np.asarray(self.model(seen, training=False))[0]


@dataclass(frozen=True)
class Label:
    """One of ImageNet's labels.

    Attributes
    ----------
    index : from 0 to 999, of the network's output
    name : in words, None where Keras's list is not at hand
    synset : WordNet's identifier, such as `n07930864`, likewise
    probability : from 0 to 1
    """

    index: int
    name: str | None
    synset: str | None
    probability: float


def classifier(name: str, weights: str = "auto", preprocessing: str = "auto") -> Classifier:
    """A complete VGG with its weights loaded.

    Parameters
    ----------
    name : `vgg16` or `vgg19`
    weights : `imagenet` or `auto` (Keras's file, from its cache or downloaded), or the path of a
        file of all layers, see `read_file`
    preprocessing : of a file's; see `load_weights`

    Raises
    ------
    ConfigError : no such network, or calibrated filters, which know no labels.
    WeightsError : the weights cannot be had or used.
    """
    chosen = architecture(name)
    check_preprocessing(preprocessing, weights)
    if weights == "calibrated":
        raise ConfigError("calibrated filters have learned no labels: give imagenet or a file")
    if weights in ("auto", "imagenet"):
        try:
            model = keras_model(chosen, include_top=True)
        except WeightsError as error:
            raise WeightsError(
                f"{error}; network.weights takes a file of the complete network as well"
            ) from error
        return _of_model(chosen, "imagenet", model)
    path = expanded(weights)
    expected = {**shapes_until(chosen, chosen.convolutions[-1].name), **_DENSE}
    found = read_file(path, chosen, expected, preprocessing)
    with keras_as_needed() as keras:
        model = getattr(keras.applications, name.upper())(weights=None)
    for layer, pair in found.pairs.items():
        model.get_layer(layer).set_weights(pair)
    return _of_model(chosen, path.name, model, found.preprocessing)


def most_probable(
    probabilities: np.ndarray, top: int, say: Callable[[str], None] = lambda _: None
) -> list[Label]:
    """The labels with the largest probabilities, the largest first.

    Parameters
    ----------
    probabilities : (1000,)
    top : how many
    say : told in one line if the names are not at hand
    """
    names = label_names()
    if names is None:
        say(
            f"Labels are given by their numbers: Keras's list of names, {_CLASS_INDEX}, is not "
            "in its cache and cannot be downloaded"
        )
    # Stable, so that equal ones keep the network's order.
    order = np.argsort(-probabilities, kind="stable")[:top]
    found = []
    for k in order:
        name, synset = names[k] if names else (None, None)
        found.append(Label(int(k), name, synset, float(probabilities[k])))
    return found


def label_names() -> list[tuple[str, str]] | None:
    """(name, synset) of each label in the network's order; None without Keras's list."""
    import keras

    if not is_cached(_CLASS_INDEX) and not reachable():
        return None
    # Falling probabilities bring the labels in their own order.
    falling = -np.arange(1000.0)[None]
    try:
        with time_limit_on_sockets():
            decoded = keras.applications.imagenet_utils.decode_predictions(falling, top=1000)[0]
    except Exception:  # Keras raises bare Exception when a download fails
        return None
    return [(name.replace("_", " "), synset) for synset, name, _ in decoded]


def _of_model(
    chosen: Architecture,
    origin: str,
    model: keras.Model,
    preprocessing: Preprocessing = PREPROCESSINGS[KERAS_PREPROCESSING],
) -> Classifier:
    return Classifier(chosen, origin, digest_of(model.get_weights()), preprocessing, model)
