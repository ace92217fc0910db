"""Any TensorFlow function of an image as features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from decouple.errors import ConfigError, FeaturesError, unknown_name
from decouple.features.extractor import Extractor
from decouple.features.statistic import Statistic
from decouple.networks.autodiff import AutodiffNetwork

# An image (H, W, 3) to one vector for each group: by name, in order, or the only one.
Function = Callable[[tf.Tensor], Mapping[str, tf.Tensor] | Sequence[tf.Tensor] | tf.Tensor]


class FunctionFeatures(Extractor):
    """What a function makes of an image, linearized by automatic differentiation.

    Parameters
    ----------
    function : takes a tensor (H, W, 3) of type `dtype`, nominally in [0, 1]; gives for each group
        a vector (F,) of the same type: {name: vector}, the vectors in order, or the only one. It is
        traced once for each size of image: Python's `if` must not ask for a tensor's values
        (decorate it with `tf.function` if it has to)
    groups : {name: F}, in the order in which they are to be decoupled
    dtype : `float64`, in which the way back loses least, or `float32`
    smooth : whether its gradients are continuous; where they are not, no motion can be retraced
    name : what the features are known by; the function's module and name by default
    identity : further words that tell them from other features of the same name, such as the
        seed of its filters

    Raises
    ------
    FeaturesError : no groups; and, where the function is used, that it fails, or what it gives.
    ConfigError : another dtype.

    Examples
    --------
    >>> import decouple as dc, tensorflow as tf
    >>> def contrast(image):
    ...     mean = tf.reduce_mean(image, axis=(0, 1))
    ...     return {"mean": mean, "square": tf.reduce_mean(image**2, axis=(0, 1))}
    >>> features = dc.FunctionFeatures(contrast, groups={"mean": 3, "square": 3})
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> sorted(dc.check_features(features, image))
    ['adjoint', 'derivative', 'secant', 'way back']
    """

    spatial_means = False

    def __init__(
        self,
        function: Function,
        groups: Mapping[str, int],
        dtype: str = "float64",
        smooth: bool = True,
        name: str | None = None,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise ConfigError(unknown_name("dtype", dtype, ("float32", "float64")))
        if not groups or any(int(size) < 1 for size in groups.values()):
            raise FeaturesError(f"features need groups of at least one number each, not {groups}")
        known = name or f"{function.__module__}.{getattr(function, '__qualname__', function)}"
        network = _FunctionNetwork(function, dict(groups), dtype, smooth, known, identity or {})
        super().__init__(network, list(groups), _AsTheyAre())

    @property
    def identity(self) -> Mapping[str, str]:
        """The function's name, and what was given beside it."""
        return self.network.identity

    def _like(self, network: Any, layers: Sequence[str], alive: Mapping[str, np.ndarray]) -> Any:
        features = FunctionFeatures.__new__(FunctionFeatures)
        Extractor.__init__(features, network, layers, self.statistic, alive)
        return features


class _AsTheyAre(Statistic):
    """The vectors (1, F) that a function gives."""

    name = "function"

    def of(self, activation: tf.Tensor) -> tf.Tensor:
        """See `Statistic.of`."""
        return tf.cast(activation, tf.float64)

    def change(self, at: tf.Tensor | None, tangent: tf.Tensor) -> tf.Tensor:
        """See `Statistic.change`."""
        return tf.cast(tangent, tf.float64)

    def pull(
        self, at: tf.Tensor | None, cotangent: tf.Tensor, height: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """See `Statistic.pull`."""
        return cotangent


class _FunctionNetwork(AutodiffNetwork):
    """A function as a network whose layers are vectors."""

    row_channels = 3

    def __init__(
        self,
        function: Function,
        groups: Mapping[str, int],
        dtype: str,
        smooth: bool,
        name: str,
        identity: Mapping[str, str],
    ) -> None:
        self._function, self._groups, self.dtype = function, groups, dtype
        self._smooth, self._name, self._identity = smooth, name, identity

    @property
    def name(self) -> str:
        """The function's."""
        return self._name

    @property
    def identity(self) -> Mapping[str, str]:
        """See `FunctionFeatures`."""
        return {"function": self._name, **self._identity}

    @property
    def smooth(self) -> bool:
        """As the user says."""
        return self._smooth

    def resolve_layers(self, layers: int | str | Sequence[str]) -> tuple[str, ...]:
        """Names of groups, in the given order; ConfigError if there is none."""
        assert not isinstance(layers, (int, str))
        return tuple(layers)

    def channels(self, layer: str) -> int:
        """How many numbers a group has."""
        return self._groups[layer]

    def check_size(self, layer: str, height: int, width: int) -> None:
        """A function takes any size, until it fails."""

    def until(self, last: str) -> _FunctionNetwork:
        """Itself: what is not asked for is left out when it is compiled."""
        return self

    def astype(self, dtype: str) -> _FunctionNetwork:
        """The same function in another precision."""
        return _FunctionNetwork(
            self._function, self._groups, dtype, self._smooth, self._name, self._identity
        )

    def forward(self, images: tf.Tensor, taps: Sequence[str]) -> list[tf.Tensor]:
        """See `Network.forward`; of one image."""
        try:
            given = self._function(images[0])
        except (TypeError, ValueError, AttributeError, IndexError, tf.errors.OpError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise FeaturesError(f"{self._name} fails in {self.dtype}: {first}") from error
        named = self._named(given)
        return [self._vector(named, tap) for tap in taps]

    def _named(self, given: Any) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            given = given if isinstance(given, list | tuple) else [given]
            if len(given) != len(self._groups):
                raise FeaturesError(
                    f"{self._name} gives {len(given)} vectors for {len(self._groups)} groups"
                )
            given = dict(zip(self._groups, given, strict=True))
        missing = [name for name in self._groups if name not in given]
        if missing:
            raise FeaturesError(f"{self._name} gives nothing for {', '.join(missing)}")
        return given

    def _vector(self, given: Mapping[str, Any], group: str) -> tf.Tensor:
        vector = tf.convert_to_tensor(given[group])
        size = self._groups[group]
        if not vector.shape.is_compatible_with([size]):
            raise FeaturesError(
                f"{self._name} gives {group} the shape {tuple(vector.shape)}, not ({size},)"
            )
        if vector.dtype != self.dtype:
            raise FeaturesError(
                f"{self._name} gives {group} in {vector.dtype.name} of an image in {self.dtype}: "
                "compute in the image's type"
            )
        return tf.reshape(vector, [1, size])
