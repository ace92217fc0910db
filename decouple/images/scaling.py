"""Samples of any depth to levels from 0 to 255."""

from __future__ import annotations

import numpy as np

from decouple.errors import ImageError

# Whole numbers of more bits are counts of something as often as shades: their range has to tell.
_MOST_BITS_OF_KNOWN_SCALE = 24


def scaled(values: np.ndarray, bits: int, what: str, name: str, notes: list[str]) -> np.ndarray:
    """Samples as levels, black 0 and white 255, not yet rounded.

    Parameters
    ----------
    values
        Booleans, whole numbers or floats, any shape.
    bits
        Of a sample in the file: of unsigned whole numbers up to 24 bits the largest is white.
        Other samples are known by their range: floats in 0-1; whole numbers in 0-255 or 0-65535;
        unsigned ones of 32 bits whose range reaches above the half of what 32 bits hold.
    what, name
        What messages call the samples (grey, or colour) and the file.
    notes
        Gets what became of the values, if there is more to them than 8 bits.

    Returns
    -------
    np.ndarray
        float32, of the same shape.

    Raises
    ------
    ImageError
        The values are not finite, or of unknown scale.
    """
    unsigned = values.dtype.kind in "bu"
    if unsigned and bits <= _MOST_BITS_OF_KNOWN_SCALE:
        white = 2**bits - 1
    else:
        white = _guessed_white(values, unsigned, name)
    if not (unsigned and bits <= 8):
        kind = "float" if values.dtype.kind == "f" else f"{bits}-bit"
        divided = f"divided by {white} and " if white != 1 else ""
        notes.append(f"{kind} {what} values {divided}rounded to 8 bits")
    return values.astype(np.float32) * np.float32(255 / white)


def _guessed_white(values: np.ndarray, unsigned: bool, name: str) -> int:
    """The value that stands for white, guessed only where the guess is safe."""
    if not np.isfinite(values).all():
        raise ImageError(f"{name} holds NaN or infinite values; replace them and save it again")
    low, high = float(values.min()), float(values.max())
    # Half an 8-bit step outside still rounds to black or white: rounding noise, not a scale.
    if low >= -0.5 / 255 and high <= 1 + 0.5 / 255:
        return 1
    if low >= 0 and high <= 65535 and np.array_equal(values, np.rint(values)):
        return 255 if high <= 255 else 65535
    if unsigned and 2**31 <= high < 2**32:
        return 2**32 - 1
    raise ImageError(
        f"{name} holds values from {low:g} to {high:g}; scale them to 0-1, "
        "or to whole numbers in 0-255 or 0-65535"
    )
