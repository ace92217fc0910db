"""Step 0: measure the features of noise, or of pictures in its place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from decouple.cache import cached
from decouple.errors import ConfigError
from decouple.features.features import Features, check_same
from decouple.flows.preconditioner import Factor
from decouple.images.noise import noise_image
from decouple.stages.layerwise import checked_image

# The longest side of noise at which K is formed, in pixels. Gradients of means look alike all over
# noise, so that less of it gives the same K up to a factor, the number of pixels: at 256 x 256
# pixels Newton's steps take as many passes, and K of five layers costs a fifth.
_LONGEST = 128


@dataclass(frozen=True)
class Reference:
    """The features to which every image is moved.

    Attributes
    ----------
    features : {layer: (C_k,) float64}, v_k of reports/method.md
    height, width : of the noise images, in pixels
    seed, draws : which noise, and over how many images its features were averaged
    kind : of the noise, see `images.noise.noise_image`
    like : (H, W, 3), the picture whose amplitudes noise of kind `phase` has
    pictures : of how many the features are, in place of noise's; then the noise is only where K is
        formed
    signature : whose features they are (`Features.signature`); others' are refused. Empty: anyone's
    """

    features: Mapping[str, np.ndarray]
    height: int
    width: int
    seed: int
    draws: int
    kind: str = "uniform"
    like: np.ndarray | None = field(default=None, repr=False, compare=False)
    pictures: int = 0
    signature: Mapping[str, str] = field(default_factory=dict, repr=False)
    _normal_matrices: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def factor(self, extractor: Features, depth: int, pixels: int) -> Factor:
        """A factor of `normal_matrix`: a preconditioner that costs nothing for an image.

        Raises
        ------
        numpy.linalg.LinAlgError : K is not positive definite.
        """
        return Factor(self.normal_matrix(extractor, depth, pixels), pixels)

    def normal_matrix(self, extractor: Features, depth: int, pixels: int) -> np.ndarray:
        """K = J Jᵀ at the noise, (C, C) float64.

        K at the noise depends on the network and the size alone. It is formed once for all layers,
        at no more than 128 × 128 pixels of noise, and kept on the disk (see `decouple.cache`); its
        passes are not counted.

        Parameters
        ----------
        extractor : of all layers that are to be moved
        depth : how many of them, from the first on, it is to be of
        pixels : values of the images that are to be moved, if they are of another size
        """
        key = str(extractor.signature)
        if key not in self._normal_matrices:
            self._normal_matrices[key] = self._formed(extractor)
        size = extractor.first(depth).size
        matrix = self._normal_matrices[key][:size, :size]
        if not extractor.spatial_means:
            return matrix.copy()
        # Gradients of means are spread over all pixels.
        height, width = self._piece(extractor)
        return np.asarray(3 * height * width / pixels * matrix)

    def _piece(self, extractor: Features) -> tuple[int, int]:
        """Height and width of the noise at which K is formed."""
        if not extractor.spatial_means:
            return self.height, self.width
        return min(self.height, _LONGEST), min(self.width, _LONGEST)

    def _formed(self, extractor: Features) -> np.ndarray:
        height, width = self._piece(extractor)
        key = {
            "features": extractor.signature,
            "layers": list(extractor.layers),
            "dtype": extractor.dtype,
            "noise": [height, width, self.seed],
        }
        if self.kind != "uniform":
            key["kind"] = self.kind
        if self.like is not None:
            key["like"] = hashlib.sha256(self.like.tobytes()).hexdigest()

        def make() -> dict[str, np.ndarray]:
            passes = extractor.passes.count
            image = self.noise(height, width)
            matrix = extractor.normal_matrix(extractor.linearize(image))
            extractor.passes.count = passes
            return {"matrix": matrix}

        return cached("noise_normal_matrix", key, make)["matrix"]

    def noise(self, height: int, width: int) -> np.ndarray:
        """The first of its noise images, float32 (height, width, 3)."""
        return noise_image(height, width, self.seed, kind=self.kind, like=self.like)

    def image(self, height: int, width: int) -> np.ndarray | None:
        """An image (height, width, 3) that has these features, of that size; None of pictures."""
        return None if self.pictures else self.noise(height, width)

    def vector(self, extractor: Features) -> np.ndarray:
        """Features (C,) of the extractor's layers.

        Raises
        ------
        ConfigError : they were measured with other features.
        """
        check_same("the reference's features", self.signature, extractor)
        return extractor.join(self.features)


def noise_reference(
    extractor: Features,
    size: tuple[int, int],
    seed: int = 0,
    draws: int = 1,
    kind: str = "uniform",
    like: np.ndarray | None = None,
    pictures: Iterable[np.ndarray] = (),
) -> Reference:
    """Mean features of `draws` noise images of `size` (height, width).

    Measured best at the size of the images to be moved: zero padding changes the means of small
    maps. For `kind` and `like` see `noise_image`.

    Parameters
    ----------
    pictures : (H, W, 3) each, in [0, 1]; where there are any, the features are the mean of theirs,
        and lie nearer to those of a picture. One at a time lies in memory

    Raises
    ------
    ConfigError : `draws` is below 1, or there is no such noise.
    ImageError : the size is too small for the layers, or a picture cannot be used.

    Examples
    --------
    >>> import decouple as dc
    >>> reference = dc.noise_reference(dc.Moments(orders=2), size=(24, 36), seed=0)
    >>> {name: values.shape for name, values in reference.features.items()}
    {'mean': (3,), 'variance': (3,)}
    """
    if draws < 1:
        raise ConfigError(f"draws={draws} is too small: at least 1")
    extractor.check_size(*size)
    measured = [extractor.measure(checked_image(picture, extractor)) for picture in pictures]
    count = len(measured)
    if not measured:
        measured = [
            extractor.measure(noise_image(*size, seed, draw, kind, like)) for draw in range(draws)
        ]
    features = extractor.split(np.mean(measured, axis=0))
    return Reference(features, *size, seed, draws, kind, like, count, extractor.signature)
