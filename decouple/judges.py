"""What nobody optimized, and what somebody did, measured of an image in the same way.

A judge is a distance of an image to another picture, the source whose texture or style is wanted.
All distances of layers are relative, ‖s − s₀‖ / ‖s₀‖ (Frobenius norm) of a statistic s of the
layer's activations F, h·w positions by C channels, and s₀ the source's; of several layers the mean.
Statistics are per position, so that images of any size are compared; those of layers that nobody
optimized (held-out ones) are measured like those that somebody did.

==================  ============================================================================
``gram``            FᵀF / (h·w) (Gatys, Ecker & Bethge 2015, arXiv 1505.07376)
``gram_squared``    the same, but the square of the distance, ‖G − A‖² / ‖A‖²
``means``           mean of each channel (Miralles 2022)
``covariance``      covariance of the channels over the positions
``wasserstein``     quantiles of F u for 64 random unit vectors u: the sliced Wasserstein-2 distance
                    (Rabin, Peyré, Delon & Bernot 2011; Heitz et al. 2021, arXiv 2006.07229)
==================  ============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import tensorflow as tf
from scipy.signal.windows import hann
from skimage.color import rgb2gray

from decouple.errors import ConfigError, ImageError, unknown_name
from decouple.features.distances import (
    activations_of,
    channel_means,
    gram_per_position,
    relative_distance,
)
from decouple.features.statistics import covariance
from decouple.images import psnr_db, rms, similarity
from decouple.networks.chain import Chain

Layers = Sequence[str]

# Of the sliced Wasserstein distance: unit vectors, and quantiles of each projection.
_DIRECTIONS, _QUANTILES = 64, 256
_RINGS = 16
_COLOUR_BINS = 8
# Of an image in [0, 1]: below the rounding to 8 bits.
_QUIET = 1e-9

READING_OF_LAYERS = (
    "Distances of layers are relative to the source's size, ‖s − s₀‖ / ‖s₀‖, mean over the layers: "
    "0 is the source's. Statistics s are per position, hence of images of any size: Gram FᵀF/(h·w) "
    "(squared: ‖G − A‖²/‖A‖²), means and covariances of the channels, and 256 quantiles of the "
    "activations along 64 random directions (sliced Wasserstein-2)."
)
READING_OF_PIXELS = (
    "Spectrum: root mean square difference, in dB, of the luminance's power in 16 rings of "
    "frequency, Hann window. Colours: half the sum of the differences of two joint histograms of "
    "8 × 8 × 8 bins, from 0 for the same to 1 for nothing in common."
)


class Judges:
    """The judges of images against one source.

    Parameters
    ----------
    chain : the network, down to the deepest of the layers
    source : (H, W, 3) in [0, 1]
    used, held_out : names of layers, those that somebody optimized and others
    kinds : which statistics; see the module

    Attributes
    ----------
    used, held_out : as given

    Raises
    ------
    ConfigError : unknown kind or layer.
    ImageError : the source is too small for the layers.

    Examples
    --------
    >>> import decouple as dc
    >>> network = dc.vgg19(weights="calibrated", last="block1_conv1")
    >>> image = dc.load("sample:chelsea", size=24).pixels
    >>> judges = dc.Judges(network, image, used=["block1_conv1"], held_out=[], kinds=["means"])
    >>> judges.row(image)["means_distance"], judges.row(1 - image)["means_distance"] > 0.1
    (0.0, True)
    """

    def __init__(
        self,
        chain: Chain,
        source: np.ndarray,
        used: Layers,
        held_out: Layers = (),
        kinds: Sequence[str] = ("gram_squared", "means", "covariance", "wasserstein"),
    ) -> None:
        for kind in kinds:
            if kind not in KINDS:
                raise ConfigError(unknown_name("judge", kind, KINDS))
        self.used, self.held_out = tuple(used), tuple(held_out)
        self._chain, self._kinds = chain, tuple(kinds)
        self._layers = chain.architecture.resolve_layers(
            list(dict.fromkeys([*self.used, *self.held_out]))
        )
        self._pixels = source
        self._source = self._measured(source)

    def of_layers(self, image: np.ndarray) -> dict[str, dict[str, float]]:
        """Distances of an image (H, W, 3), of any size: {kind: {layer: distance}}."""
        own = self._measured(image)
        found: dict[str, dict[str, float]] = {}
        for kind in self._kinds:
            statistic, power = KINDS[kind]
            found[kind] = {
                layer: relative_distance(values, self._source[statistic][layer]) ** power
                for layer, values in own[statistic].items()
            }
        return found

    def distances(self, image: np.ndarray) -> dict[str, float]:
        """Means over layers: `<kind>_distance`, of held-out ones `<kind>_distance_held_out`."""
        row = {}
        for kind, by_layer in self.of_layers(image).items():
            for end, layers in (("", self.used), ("_held_out", self.held_out)):
                if layers:
                    row[f"{kind}_distance{end}"] = float(np.mean([by_layer[k] for k in layers]))
        return row

    def row(self, image: np.ndarray) -> dict[str, float | None]:
        """`distances`, and those of the pixels: `spectrum_db` and `colour_distance`."""
        return {
            **self.distances(image),
            "spectrum_db": finite(spectrum_distance(image, self._pixels)),
            "colour_distance": colour_distance(image, self._pixels),
        }

    def _measured(self, image: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
        """{statistic: {layer: its values}}."""
        seen = activations_of(self._chain, image, self._layers)
        wanted = dict.fromkeys(KINDS[kind][0] for kind in self._kinds)
        return {name: {k: _STATISTICS[name](a) for k, a in seen.items()} for name in wanted}


def of_halves(
    chain: Chain, image: np.ndarray, used: Layers, held_out: Layers = ()
) -> dict[str, float | None]:
    """An image's left half by the judges of its right half: how much it is of one piece.

    Parameters
    ----------
    chain, used, held_out : as of `Judges`
    image : (H, W, 3) in [0, 1]

    Returns
    -------
    As `Judges.row`; nothing where a half is too small for the layers.
    """
    middle = image.shape[1] // 2
    try:
        return Judges(chain, image[:, -middle:], used, held_out).row(image[:, :middle])
    except ImageError:
        return {}


def structure(image: np.ndarray, target: np.ndarray) -> dict[str, float | None]:
    """How much of a target's structure is left in an image; None where it cannot be told.

    `ssim`, `gradient_similarity` and `luminance_structure_change` (see `images.similarity`) and
    `psnr_db`; all None where the two have not the same size.
    """
    names = ("ssim", "gradient_similarity", "luminance_structure_change")
    found: dict[str, float | None] = dict.fromkeys((*names, "psnr_db"))
    if image.shape != target.shape:
        return found
    if min(image.shape[:2]) >= similarity.LEAST_SIDE:
        found.update({name: finite(getattr(similarity, name)(image, target)) for name in names})
    found["psnr_db"] = finite(psnr_db(image, target))
    return found


def radial_spectrum(image: np.ndarray) -> np.ndarray:
    """Power of the luminance in rings of frequency, (16,), from 0 to ½ cycle per pixel.

    Mean over each ring of |FFT|² / Σw², of the luminance less its mean under a Hann window w: a
    density, which does not depend on the image's size. NaN where a small image has no frequency in
    a ring.

    Parameters
    ----------
    image : (H, W, 3), RGB; clipped to [0, 1]
    """
    luminance = rgb2gray(np.clip(image, 0, 1))
    height, width = luminance.shape
    window = np.outer(hann(height, sym=False), hann(width, sym=False))
    centred = window * (luminance - np.average(luminance, weights=window))
    power = np.abs(np.fft.fft2(centred)) ** 2 / np.sum(window**2)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    # Corners, beyond ½, are in no ring, and neither is the mean, which was taken off.
    ring = np.minimum(2 * _RINGS * frequency, _RINGS).astype(int)
    ring[0, 0] = _RINGS
    count = np.bincount(ring.ravel(), minlength=_RINGS + 1)[:_RINGS]
    total = np.bincount(ring.ravel(), power.ravel(), minlength=_RINGS + 1)[:_RINGS]
    return np.divide(total, count, out=np.full(_RINGS, np.nan), where=count > 0)


def spectrum_distance(image: np.ndarray, other: np.ndarray) -> float:
    """Root mean square difference of two radial spectra in dB; NaN where they share no ring."""
    levels = [10 * np.log10(radial_spectrum(x) + _QUIET) for x in (image, other)]
    difference = levels[0] - levels[1]
    known = np.isfinite(difference)
    return rms(difference[known]) if known.any() else math.nan


def colour_distance(image: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of |p − q| of the joint RGB histograms of 8 × 8 × 8 bins: from 0 to 1."""
    histograms = []
    for pixels in (image, other):
        bins = np.minimum(np.clip(pixels, 0, 1) * _COLOUR_BINS, _COLOUR_BINS - 1).astype(int)
        place = np.ravel_multi_index(tuple(np.moveaxis(bins, -1, 0)), (_COLOUR_BINS,) * 3)
        histograms.append(np.bincount(place.ravel(), minlength=_COLOUR_BINS**3) / place.size)
    return float(np.abs(histograms[0] - histograms[1]).sum() / 2)


def diversity(images: Sequence[np.ndarray]) -> float | None:
    """How different images of one size are: 1 for independent ones, 0 for copies.

    The root mean square difference of two of them, mean over all pairs, in units of √2 times the
    standard deviation that pixels of a channel have over all images and places. None of fewer than
    two, or of one colour.
    """
    if len(images) < 2:
        return None
    stack = np.asarray(images, np.float64)
    spread = math.sqrt(2 * float(np.mean(stack.var(axis=(0, 1, 2)))))
    if spread == 0:
        return None
    return float(np.mean([rms(one - other) for one, other in combinations(stack, 2)])) / spread


def finite(value: float) -> float | None:
    """None for what is infinite or undefined."""
    return value if math.isfinite(value) else None


def _covariance(activation: tf.Tensor) -> np.ndarray:
    return np.asarray(covariance(activation)[0].numpy().astype(np.float64))


def _quantiles(activation: tf.Tensor) -> np.ndarray:
    """(256, 64): quantiles of the projections on unit vectors, the same at every call."""
    values = activation[0].numpy().reshape(-1, activation.shape[3])
    directions = np.random.default_rng(0).standard_normal((values.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    levels = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    return np.asarray(np.quantile(values @ directions.astype(values.dtype), levels, axis=0))


_STATISTICS: Mapping[str, Callable[[tf.Tensor], np.ndarray]] = {
    "gram": gram_per_position,
    "means": channel_means,
    "covariance": _covariance,
    "quantiles": _quantiles,
}
KINDS: Mapping[str, tuple[str, int]] = {
    "gram": ("gram", 1),
    "gram_squared": ("gram", 2),
    "means": ("means", 1),
    "covariance": ("covariance", 1),
    "wasserstein": ("quantiles", 1),
}
"""{kind: its statistic, and the power of the distance}."""
