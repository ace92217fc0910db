"""Pictures in and out: load, fit to a size, save, compare.

An image is a float32 array of shape (height, width, 3): RGB, values in [0, 1]. Every loaded image
lies on the 8-bit grid, whatever the depth of its file and also after resizing: each value is
exactly ``float32(k) / 255`` with a whole k. "The 8-bit source" that results are compared with
after rounding is therefore the loaded image itself, not an approximation of it.
"""

from decouple.images.fitting import MAX_PIXELS, MIN_SIDE, Fit, resized
from decouple.images.loading import LoadedImage, load
from decouple.images.locating import SAMPLE_PREFIX, sample_names
from decouple.images.measures import differing_pixels_8bit, digest, max_error_8bit, psnr_db, rms
from decouple.images.rounding import to_8bit
from decouple.images.saving import save

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE",
    "SAMPLE_PREFIX",
    "Fit",
    "LoadedImage",
    "differing_pixels_8bit",
    "digest",
    "load",
    "max_error_8bit",
    "psnr_db",
    "resized",
    "rms",
    "sample_names",
    "save",
    "to_8bit",
]
