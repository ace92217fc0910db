"""Any functional Keras model as a network, linearized by automatic differentiation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, ImageError, unknown_name
from decouple.networks.autodiff import AutodiffNetwork
from decouple.networks.network import Size

# Activations whose gradient is continuous, by Keras's names.
_SMOOTH = (
    *("linear", "softplus", "sigmoid", "tanh", "silu", "swish", "gelu", "elu", "mish"),
    *("exponential", "softsign", "log_sigmoid", "softmax"),
)
# Those that `smoothed` knows, and the layers that are one.
_RELUS: dict[str, dict[str, float]] = {
    "relu": {},
    "relu6": {"limit": 6.0},
    "leaky_relu": {"slope": 0.2},
}
_RECTIFIERS = ("ReLU", "LeakyReLU")
# Layers that are an activation or a pooling with kinks.
_KINKED = ("ReLU", "LeakyReLU", "PReLU", "MaxPooling2D", "GlobalMaxPooling2D")
# Softplus in place of ReLU has this width, in standard deviations of what it is applied to.
WIDTH = 0.1
# A side of the noise on which these are measured, in pixels.
_NOISE = 128


@tf.keras.utils.register_keras_serializable("decouple")
class Softplus:
    """w log(1 + exp(z / w)): ReLU where w is small, and smooth; as an activation of Keras.

    Parameters
    ----------
    width : w
    limit : of a ReLU that grows no further, such as ReLU6, which is made smooth there, too
    slope : of a leaky ReLU, below 0

    >>> [float(Softplus(0.01, limit=6.0, slope=0.1)(tf.constant(z))) for z in (-1.0, 3.0, 9.0)]
    [-0.1..., 3.0, 6.0]
    """

    def __init__(self, width: float, limit: float | None = None, slope: float = 0.0) -> None:
        self.width, self.limit, self.slope = width, limit, slope

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        """Apply it."""
        up = self.width * tf.nn.softplus(z / self.width)
        if self.limit is not None:
            up -= self.width * tf.nn.softplus((z - self.limit) / self.width)
        if not self.slope:
            return up
        # The rest of a line through 0, as far down as it goes.
        return up - self.slope * self.width * tf.nn.softplus(-z / self.width)

    def get_config(self) -> dict[str, float | None]:
        """What Keras keeps of it."""
        return {"width": self.width, "limit": self.limit, "slope": self.slope}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Softplus:
        """The inverse of `get_config`."""
        return cls(**config)


class KerasNetwork(AutodiffNetwork):
    """Layers of a Keras model; see `keras_network`."""

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[tf.Tensor], tf.Tensor],
        smooth: bool,
        dtype: str = "float32",
        identity: Mapping[str, str] | None = None,
        origin: str | None = None,
    ) -> None:
        self._model, self._preprocess, self._smooth = model, preprocess, smooth
        self._origin, self.dtype = origin or str(model.name), dtype
        self._identity = identity or _identity(model)
        self._parts: dict[tuple[str, ...], Any] = {}

    @property
    def name(self) -> str:
        """The model's."""
        return str(self._model.name)

    @property
    def identity(self) -> Mapping[str, str]:
        """The model's name, and a digest of its layers and weights."""
        return self._identity

    @property
    def origin(self) -> str:
        """The file or the name that the model was asked for by."""
        return self._origin

    def described(self) -> dict[str, Any]:
        """See `Network.described`."""
        return {
            "name": self.name,
            "weights": self.origin,
            "weights_digest": self._identity["weights"],
            "dtype": self.dtype,
        }

    def size_at(self, pixels: int) -> Size:
        """See `Network.size_at`; each layer's at its own resolution, forward and back."""
        side = max(int(pixels**0.5), 1)
        outputs = [self._model.get_layer(name).output for name in self.layers]
        try:
            shapes = tf.keras.Model(self._model.inputs[0], outputs).compute_output_shape(
                (1, side, side, 3)
            )
        except ValueError:  # of images of one size only
            return Size(0, 0, 0)
        sizes = [float(np.prod(shape[1:])) for shape in shapes]
        return Size(2 * sum(sizes), max(sizes), int(self._model.count_params()))

    @property
    def smooth(self) -> bool:
        """Whether no layer has a kink, or what the user says of it."""
        return self._smooth

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of those that have channels in space, in the model's order."""
        return tuple(
            layer.name
            for layer in self._model.layers
            if type(layer).__name__ != "InputLayer" and _channels(layer) is not None
        )

    def resolve_layers(self, layers: int | str | Sequence[str]) -> tuple[str, ...]:
        """Names of layers, in the model's order.

        Raises
        ------
        ConfigError : a number, which means nothing here; no such layer; or one twice.
        """
        known = self.layers
        if isinstance(layers, int) or (isinstance(layers, str) and layers.isdigit()):
            raise ConfigError(
                f"layers={layers}: of {self.name} layers are chosen by their names, such as "
                f"{', '.join(known[:3])}"
            )
        names = [layers] if isinstance(layers, str) else list(layers)
        if not names:
            raise ConfigError("layers is empty: give names of layers")
        for name in names:
            if name not in known:
                raise ConfigError(unknown_name(f"layer of {self.name}", name, known))
        if len(set(names)) != len(names):
            raise ConfigError(f"layers names a layer twice: {', '.join(names)}")
        return tuple(sorted(names, key=known.index))

    def channels(self, layer: str) -> int:
        """How many a layer has."""
        count = _channels(self._model.get_layer(layer))
        assert count is not None
        return count

    def check_size(self, layer: str, height: int, width: int) -> None:
        """Raise ImageError if an image of this size has nothing left at a layer."""
        part = self._part((layer,))
        try:
            shape = part.compute_output_shape((1, height, width, 3))
            shape = shape[0] if isinstance(shape, list) else shape
        except ValueError:
            shape = (1, 0, 0, 0)
        if min(shape[1:3]) < 1:
            raise ImageError(
                f"an image of {height}x{width} pixels is too small for {layer}: use a larger "
                "image or fewer layers"
            )

    def until(self, last: str) -> KerasNetwork:
        """The same model: only what is asked for is computed."""
        return self

    def astype(self, dtype: str) -> KerasNetwork:
        """The same model in another precision."""
        return KerasNetwork(
            self._model, self._preprocess, self._smooth, dtype, self._identity, self._origin
        )

    def forward(self, images: tf.Tensor, taps: Sequence[str]) -> list[tf.Tensor]:
        """See `Network.forward`; as in inference: batch normalization with its own statistics."""
        given = self._part(tuple(taps))(self._preprocess(images), training=False)
        return list(given) if isinstance(given, list | tuple) else [given]

    def _part(self, taps: tuple[str, ...]) -> Any:
        """The model up to some layers, for images of any size, in this network's precision."""
        if taps not in self._parts:
            with tf.init_scope():  # variables are not made while a program is traced
                self._parts[taps] = _cut(self._model, taps, self.dtype)
        return self._parts[taps]


def keras_network(
    model: Any,
    preprocess: Callable[[tf.Tensor], tf.Tensor] | None = None,
    smooth: bool | None = None,
    dtype: str = "float32",
    origin: str | None = None,
) -> KerasNetwork:
    """A functional Keras model whose layers' activations are looked at.

    Parameters
    ----------
    model : with one input, images (B, H, W, 3); it is used as in inference
    preprocess : takes images (B, H, W, 3) in [0, 1] to what the model wants; nothing by default
    smooth : whether its gradient is continuous, without which no motion can be retraced; by default
        it is, where no layer is a ReLU, a max pooling or their like. See `smoothed`
    dtype : `float32` or `float64`, in which it is computed
    origin : where the model comes from, for the record; its name by default

    Raises
    ------
    ConfigError : the model is not a functional one of one image.

    Examples
    --------
    >>> import decouple as dc, keras
    >>> image = keras.Input((None, None, 3))
    >>> layer = keras.layers.Conv2D(8, 3, strides=2, activation="softplus", name="one")
    >>> network = dc.keras_network(keras.Model(image, layer(image)))
    >>> dc.ChannelMeans(network, layers=["one"]).sizes
    (8,)
    """
    inputs = getattr(model, "inputs", None)
    if not inputs or len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
        raise ConfigError(
            "a Keras model must be functional or sequential, built, with one input of images "
            "(height, width, 3), channels last"
        )
    if dtype not in ("float32", "float64"):
        raise ConfigError(unknown_name("dtype", dtype, ("float32", "float64")))
    if smooth is None:
        smooth = not any(_kinked(layer) for layer in model.layers)
    return KerasNetwork(model, preprocess or _as_it_is, smooth, dtype, origin=origin)


def smoothed(
    model: Any,
    preprocess: Callable[[tf.Tensor], tf.Tensor] | None = None,
    width: float = WIDTH,
    seed: int = 0,
    activations: bool = True,
    poolings: bool = True,
) -> Any:
    """A copy of a Keras model with softplus for every ReLU, and average for max pooling.

    With its weights. Softplus is w log(1 + exp(z / w)), where w is `width` standard deviations of
    what the ReLU gives on a noise image: a narrow one changes little, a wide one is retraced more
    easily.

    Parameters
    ----------
    model, preprocess : as of `keras_network`
    width : of softplus, as above
    seed : of the noise
    activations, poolings : whether ReLUs, and max poolings, are replaced

    Raises
    ------
    ConfigError : the width is not positive.

    Examples
    --------
    >>> import decouple as dc, keras
    >>> image = keras.Input((None, None, 3))
    >>> layer = keras.layers.Conv2D(8, 3, activation="relu", name="one")
    >>> model = keras.Model(image, layer(image))
    >>> dc.keras_network(model).smooth, dc.keras_network(dc.smoothed(model)).smooth
    (False, True)
    """
    if not 0 < width < float("inf"):
        raise ConfigError(f"width={width} must be a positive number")
    keras = tf.keras
    spreads = _spreads(model, preprocess or _as_it_is, seed) if activations else {}

    def smooth(layer: Any) -> Any:
        config = layer.get_config()
        kind = type(layer)
        if poolings and kind.__name__ == "MaxPooling2D":
            return keras.layers.AveragePooling2D.from_config(config)
        if layer.name in spreads:
            soft = Softplus(width * spreads[layer.name], **_bounds(layer))
            if kind.__name__ in _RECTIFIERS:
                return keras.layers.Activation(soft, name=layer.name)
            return kind.from_config({**config, "activation": soft})
        return kind.from_config(config)

    copy = keras.models.clone_model(model, clone_function=smooth)
    copy.set_weights(model.get_weights())
    return copy


def _as_it_is(images: tf.Tensor) -> tf.Tensor:
    return images


def _channels(layer: Any) -> int | None:
    """Of a layer that has them in space, one output; else None."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # several outputs, or never called
        return None
    return int(shape[-1]) if len(shape) == 4 and shape[-1] is not None else None


def _kinked(layer: Any) -> bool:
    """Whether its gradient jumps, as far as its name tells."""
    if hasattr(layer, "layers"):
        return any(_kinked(inner) for inner in layer.layers)
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", None)
    smooth = activation is None or isinstance(activation, Softplus) or name in _SMOOTH
    return type(layer).__name__ in _KINKED or not smooth


def _identity(model: Any) -> dict[str, str]:
    # Layers' names count on from one model to the next.
    kinds = [type(layer).__name__ for layer in model.layers]
    digest = hashlib.sha256(json.dumps(kinds).encode())
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return {"network": str(model.name), "weights": digest.hexdigest()}


def _spreads(model: Any, preprocess: Callable[..., Any], seed: int) -> dict[str, float]:
    """Standard deviation of what each layer with a ReLU gives on noise."""
    rectified = [
        layer
        for layer in model.layers
        if type(layer).__name__ in _RECTIFIERS or _activation(layer) in _RELUS
    ]
    if not rectified:
        return {}
    height, width = (n or _NOISE for n in model.inputs[0].shape[1:3])
    noise = np.random.default_rng(seed).random((1, height, width, 3), dtype=np.float32)
    given = tf.keras.Model(model.inputs[0], [layer.output for layer in rectified])(
        preprocess(tf.constant(noise)), training=False
    )
    given = given if isinstance(given, list | tuple) else [given]
    return {
        layer.name: float(tf.math.reduce_std(values)) or 1.0
        for layer, values in zip(rectified, given, strict=True)
    }


def _activation(layer: Any) -> str | None:
    """The name of a layer's activation."""
    return getattr(getattr(layer, "activation", None), "__name__", None)


def _bounds(layer: Any) -> dict[str, Any]:
    """`limit` and `slope` of what stands in for a layer's ReLU."""
    named = _RELUS.get(str(_activation(layer)), {})
    limit = getattr(layer, "max_value", named.get("limit"))
    slope = getattr(layer, "negative_slope", named.get("slope", 0.0))
    return {"limit": None if limit is None else float(limit), "slope": float(slope)}


def _cut(model: Any, taps: Sequence[str], dtype: str) -> Any:
    """A copy up to some layers, for images of any size, in a precision."""

    def in_precision(layer: Any) -> Any:
        own = isinstance(layer, tf.keras.layers.Layer)  # and no sum or product without a type
        return type(layer).from_config({**layer.get_config(), **({"dtype": dtype} if own else {})})

    part = tf.keras.Model(model.inputs[0], [model.get_layer(name).output for name in taps])
    copy = tf.keras.models.clone_model(
        part,
        input_tensors=tf.keras.Input((None, None, 3), dtype=dtype),
        clone_function=in_precision,
    )
    copy.set_weights(part.get_weights())
    return copy
