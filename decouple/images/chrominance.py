"""A target's colours kept: two ways of Gatys, Bethge, Hertzmann & Shechtman 2016.

"Preserving color in neural artistic style transfer" (arXiv 1606.05897). Luminance is the Y of YIQ,
0.299 R + 0.587 G + 0.114 B of the values as they are in a file; chrominance is I and Q. Adding a
number to R, G and B changes Y by it, and I and Q not at all.
"""

from __future__ import annotations

import numpy as np
from skimage.color import rgb2yiq

from decouple.errors import ImageError

# Of the variances of a source's colours along their axes, smallest to largest, below which they
# lie in a plane or on a line: of a grey picture in 8 bits it is rounding.
_FLAT = 1e-6


def luminance(image: np.ndarray) -> np.ndarray:
    """The luminance of an image (H, W, 3), as a grey image (H, W, 3) float64."""
    grey = rgb2yiq(np.asarray(image, np.float64))[..., :1]
    return np.repeat(grey, 3, axis=2)


def matched_luminance(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The source's luminance, with the mean and standard deviation of the target's.

    Section 4 of the paper, equation 10.

    Parameters
    ----------
    source, target : (H, W, 3) in [0, 1], of any sizes

    Returns
    -------
    A grey image (H, W, 3) float64, which may leave [0, 1].

    Raises
    ------
    ImageError : the source has the same luminance everywhere.
    """
    own, wanted = luminance(source), luminance(target)
    if not own.std() > 1e-6:
        raise ImageError("the source has one luminance everywhere, which cannot be matched")
    return (own - own.mean()) * (wanted.std() / own.std()) + wanted.mean()


def with_chrominance(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """An image's luminance with the chrominance of another one.

    Where a colour of that chrominance would leave [0, 1], the luminance goes no farther than to
    where it does not: there is always one, the target's own, so that the chrominance is the
    target's at every pixel, in the picture's file as well.

    Parameters
    ----------
    image : (H, W, 3), any range
    target : (H, W, 3) in [0, 1]

    Returns
    -------
    (H, W, 3) float64 in [0, 1].
    """
    colours = np.asarray(target, np.float64)
    change = luminance(image)[..., :1] - luminance(target)[..., :1]
    lowest, highest = -colours.min(axis=2), 1 - colours.max(axis=2)
    changed = colours + np.clip(change, lowest[..., None], highest[..., None])
    return np.clip(changed, 0, 1)  # of rounding


def matched_colours(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The source, with the mean colour of the target and the covariance of its colours.

    x ↦ Σ_t^½ Σ_s^-½ (x − μ_s) + μ_t, with symmetric roots: section 3 of the paper, after Hertzmann
    et al. 2001, which the authors prefer to Cholesky's factors.

    Parameters
    ----------
    source, target : (H, W, 3) in [0, 1], of any sizes

    Returns
    -------
    (H, W, 3) float64, which may leave [0, 1].

    Raises
    ------
    ImageError : the source's colours lie in a plane, as those of a grey picture do: no linear map
        gives them three dimensions.
    """
    own, wanted = (np.asarray(x, np.float64).reshape(-1, 3) for x in (source, target))
    variances, axes = np.linalg.eigh(np.cov(own.T))
    if not variances[0] > _FLAT * variances[2]:
        raise ImageError("the source's colours are all grey, or in a plane: they cannot be matched")
    whitening = (axes / np.sqrt(variances)) @ axes.T
    of_target, target_axes = np.linalg.eigh(np.cov(wanted.T))
    colouring = (target_axes * np.sqrt(np.maximum(of_target, 0))) @ target_axes.T
    changed = (own - own.mean(axis=0)) @ whitening @ colouring + wanted.mean(axis=0)
    return changed.reshape(np.shape(source))
