"""How much of one picture's structure is left in another, whatever became of its colours.

All take images (H, W, 3) of one size, RGB, clipped to [0, 1] as a picture file would be.
Luminance is Rec. 709's, 0.2125 R + 0.7154 G + 0.0721 B.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from decouple.errors import ImageError

# Of Wang et al. 2004: the window, and the constants that keep quotients of flat areas finite.
_SIGMA, _TRUNCATE = 1.5, 3.5
_K2 = 0.03
LEAST_SIDE = 11


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity, mean over pixels and channels; 1 for equal images, about 0 for noise.

    Wang, Bovik, Sheikh & Simoncelli 2004, with their Gaussian window (scikit-image).

    Raises
    ------
    ImageError : images of different shapes, or with a side below the window's 11 pixels.
    """
    a, b = _clipped(a, b)
    return float(
        structural_similarity(
            a,
            b,
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            sigma=_SIGMA,
            use_sample_covariance=False,
        )
    )


def gradient_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between the gradient fields of the luminances, -1 to 1.

    Σ ∇a·∇b / (‖∇a‖ ‖∇b‖), with differences to the right and lower neighbour: 1 if all edges are
    the same up to a common factor, 0 if they have nothing to do with each other. NaN where a
    luminance is constant.

    Raises
    ------
    ImageError : as `ssim`.
    """
    fields = []
    for image in _clipped(a, b):
        luminance = rgb2gray(image)
        right, down = np.diff(luminance, axis=1), np.diff(luminance, axis=0)
        fields.append(np.concatenate([right.ravel(), down.ravel()]))
    lengths = np.linalg.norm(fields[0]) * np.linalg.norm(fields[1])
    return float(fields[0] @ fields[1] / lengths) if lengths > 0 else float("nan")


def luminance_structure_change(a: np.ndarray, b: np.ndarray) -> float:
    """One minus the structure term of SSIM on the luminances, mean over pixels, 0 to 2.

    The term is the correlation of the two in a window, (σ_ab + c) / (σ_a σ_b + c) (Wang et al.
    2004, equation 10): it sees neither a change of the mean nor of the contrast.

    Raises
    ------
    ImageError : as `ssim`.
    """
    x, y = (rgb2gray(image) for image in _clipped(a, b))

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, _SIGMA, truncate=_TRUNCATE)

    mx, my = mean(x), mean(y)
    # Rounding leaves a negative variance in flat areas.
    sx, sy = (np.sqrt(np.maximum(mean(v * v) - m * m, 0)) for v, m in ((x, mx), (y, my)))
    c = _K2**2 / 2
    return float(1 - np.mean((mean(x * y) - mx * my + c) / (sx * sy + c)))


def _clipped(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(a) != np.shape(b):
        raise ImageError(f"images of shapes {np.shape(a)} and {np.shape(b)} cannot be compared")
    if min(np.shape(a)[:2]) < LEAST_SIDE:
        raise ImageError(f"images with a side below {LEAST_SIDE} pixels have no local structure")
    first, second = (np.clip(np.asarray(image, np.float64), 0, 1) for image in (a, b))
    return first, second
