"""Keras models from files and from `keras.applications`, by what a command line says of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import tensorflow as tf

from decouple.errors import ConfigError, WeightsError, unknown_name
from decouple.files import expanded
from decouple.networks.keras_model import WIDTH, KerasNetwork, Softplus, keras_network, smoothed

SUFFIX = ".keras"


def _as_applications(images: tf.Tensor, mode: str) -> tf.Tensor:
    return tf.keras.applications.imagenet_utils.preprocess_input(
        255 * images, data_format="channels_last", mode=mode
    )


PREPROCESSING: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "unit": lambda images: images,
    "bytes": lambda images: 255 * images,
    **{mode: partial(_as_applications, mode=mode) for mode in ("caffe", "torch", "tf")},
}
"""What a model is given of an image in [0, 1]: that, 0 to 255, or as `keras.applications` does."""


def keras_model(
    model: str,
    weights: str = "random",
    preprocessing: str = "auto",
    activation: str = "auto",
    pooling: str = "auto",
    width: float | str = "auto",
    dtype: str = "float32",
) -> KerasNetwork:
    """A network from a `.keras` file, or from the name of a model of `keras.applications`.

    Parameters
    ----------
    model : a file, whose name ends in .keras, or a name such as `ResNet50`
    weights : of a named model, `random` or `imagenet`, which is fetched; a file has its own
    preprocessing : see `PREPROCESSING`; `auto` is that of the named model, and `unit` of a file
    activation : `auto` or `softplus`, which is put in for ReLU, see `smoothed`; `relu` leaves it
    pooling : `auto` or `average`, which is put in for max pooling; `max` leaves it
    width : of softplus, see `smoothed`; `auto` is 0.1
    dtype : `float32` or `float64`

    Raises
    ------
    ConfigError, WeightsError : there is no such model, or it cannot be read.
    """
    if preprocessing not in ("auto", *PREPROCESSING):
        raise ConfigError(unknown_name("preprocessing", preprocessing, ("auto", *PREPROCESSING)))
    if model.endswith(SUFFIX):
        made, prepare = read_keras_model(model), PREPROCESSING["unit"]
    else:
        if weights not in ("random", "imagenet"):
            raise ConfigError(unknown_name("weights of a model", weights, ("random", "imagenet")))
        made, prepare = keras_application(model, None if weights == "random" else weights)
    prepare = PREPROCESSING.get(preprocessing, prepare)
    soft, average = activation != "relu", pooling != "max"
    if soft or average:
        wide = WIDTH if width == "auto" else float(width)
        made = smoothed(made, prepare, wide, activations=soft, poolings=average)
    return keras_network(made, prepare, dtype=dtype, origin=model)


def keras_application(name: str, weights: str | None = None) -> tuple[Any, Callable[..., Any]]:
    """A model of `keras.applications` without its classifier, and its preprocessing.

    Parameters
    ----------
    name : such as `ResNet50`
    weights : `imagenet`, which is fetched, or None for random ones

    Raises
    ------
    ConfigError : there is no such model.
    WeightsError : its weights cannot be fetched.
    """
    applications = tf.keras.applications
    known = [n for n in dir(applications) if n[0].isupper() and callable(getattr(applications, n))]
    if name not in known:
        raise ConfigError(unknown_name("model of keras.applications", name, known))
    make = getattr(applications, name)
    home = next(
        module
        for module in vars(applications).values()
        if getattr(module, name, None) is make and hasattr(module, "preprocess_input")
    )
    try:
        model = make(include_top=False, weights=weights, input_shape=(None, None, 3))
    except OSError as error:
        raise WeightsError(f"weights of {name} cannot be fetched: {error}") from error
    return model, lambda images: home.preprocess_input(255 * images)


def read_keras_model(path: str) -> Any:
    """The model of a `.keras` file, read as data.

    Raises
    ------
    WeightsError : it cannot be read, or needs code of its own: a Lambda, or a layer that is not
        one of Keras.
    """
    try:
        with zipfile.ZipFile(expanded(path)) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is no Keras model (.keras): {error}") from error
    for module, kind in _kinds(config):
        own = kind == Softplus.__name__ and module == Softplus.__module__
        if kind == "Lambda" or not (own or module == "keras" or module.startswith("keras.")):
            raise WeightsError(
                f"{path} needs code of its own ({module}.{kind}), which is not run: only layers of "
                "Keras are read"
            )
    try:
        return tf.keras.models.load_model(expanded(path), compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        raise WeightsError(f"{path} cannot be read as a Keras model: {first}") from error


def _kinds(config: Any) -> Iterator[tuple[str, str]]:
    """Module and name of everything that a serialized model is made of."""
    if isinstance(config, Mapping):
        # What trains a model is not made.
        config = {key: held for key, held in config.items() if key != "compile_config"}
        if "class_name" in config and "module" in config:
            # Of what is registered by a package, no module is named.
            package = str(config.get("registered_name") or "").partition(">")[0]
            yield str(config["module"] or package), str(config["class_name"])
        for held in config.values():
            yield from _kinds(held)
    elif isinstance(config, list):
        for held in config:
            yield from _kinds(held)
