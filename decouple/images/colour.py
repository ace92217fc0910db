"""Colours that a file describes in its own terms, to sRGB."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from decouple.images.locating import one_line

# Profiles of sRGB itself differ by as much, their curves being tables or rounded numbers.
_SAME_LEVELS = 2
# Likewise gAMA chunks that mean sRGB: 0.45, 1/2.2, 0.4545.
_SAME_EXPONENT = 0.05
_LONGEST_TITLE = 60
# The colour spaces of profiles for pictures, and the mode of theirs.
_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_NAMES = {"L": "grey", "F": "grey"}


def in_srgb(picture: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """A picture's colours in sRGB, as its ICC profile says: relative, black and white kept.

    Parameters
    ----------
    picture
        In mode L, F (grey, 0 to 255), RGB or CMYK.
    profile
        The file's; None for one that Pillow could not put together.
    notes
        Gets a note if the colours change, or if the profile is of no use.

    Returns
    -------
    Image.Image
        In RGB; `picture` itself where its profile is that of sRGB, or of no use.
    """
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile or b""))
        space, title = opened.profile.xcolor_space.strip(), _title(opened)
        mode = _MODES.get(space, space)
        transform = _to_srgb(opened, mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        notes.append("its colour profile cannot be read: values taken as they are")
        return picture
    colours, meant = (_NAMES.get(each, each) for each in (picture.mode, mode))
    # Grey with a profile for RGB is three equal values.
    if meant != colours and (colours, meant) != ("grey", "RGB"):
        notes.append(
            f"its colour profile ({title}) is for {meant}, not {colours}: values taken as they are"
        )
        return picture
    if _changes_nothing(transform, mode):
        return picture
    notes.append(f"colours converted from {title} to sRGB")
    return transform.apply(_in_8_bits(picture).convert(mode))


def lab_in_srgb(picture: Image.Image) -> Image.Image:
    """A picture in mode LAB (D50) in RGB; Pillow's own way is off by as much as 12 levels."""
    return _to_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB").apply(picture)


def _to_srgb(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    # A matrix and curves stay what they are; tables would be replaced by coarser ones.
    if not profile.profile.is_matrix_shaper:
        flags |= ImageCms.Flags.NOOPTIMIZE
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.ImageCmsTransform(profile, srgb, mode, "RGB", intent, flags=flags)


def _title(profile: ImageCms.ImageCmsProfile) -> str:
    printable = "".join(filter(str.isprintable, one_line(ImageCms.getProfileDescription(profile))))
    return printable[:_LONGEST_TITLE].strip() or "a profile without a name"


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform to sRGB is that of sRGB itself, by what it does to many colours."""
    if mode == "CMYK":
        return False
    shades = np.arange(256, dtype=np.uint8)
    levels = shades[::15]
    lattice = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    colours = np.concatenate([lattice, np.repeat(shades[:, None], 3, axis=1)])[None]
    before = Image.fromarray(colours if mode == "RGB" else shades[None])
    after = np.asarray(transform.apply(before), int)
    return bool(np.abs(after - np.asarray(before.convert("RGB"), int)).max() <= _SAME_LEVELS)


def _in_8_bits(picture: Image.Image) -> Image.Image:
    if picture.mode != "F":
        return picture
    return Image.fromarray(np.clip(np.rint(np.asarray(picture)), 0, 255).astype(np.uint8))


def with_gamma_of_srgb(picture: Image.Image, gamma: object, notes: list[str]) -> Image.Image:
    """A picture in mode L, F or RGB whose values are light to the power of `gamma`, in sRGB's way.

    As a PNG's gAMA chunk has it: about 0.4545 for sRGB, which changes nothing, 1 for light itself.
    """
    if not isinstance(gamma, float) or gamma <= 0 or abs(gamma * 2.2 - 1) <= _SAME_EXPONENT:
        return picture
    notes.append(f"gamma {gamma:g} converted to sRGB's")
    light = (np.clip(np.asarray(picture, np.float32) / 255, 0, 1)) ** (1 / gamma)
    levels = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    if picture.mode == "F":
        return Image.fromarray(levels.astype(np.float32))
    return Image.fromarray(np.rint(levels).astype(np.uint8))
