"""ICC profiles made here: their bytes say what they are, so that no file has to be had for a test.

Written after ICC.1:2001-04 (version 2.4), which every reader knows.
"""

import struct

import numpy as np

# Columns: red, green and blue at their largest as XYZ, adapted to D50 by Bradford's matrix; from
# the definitions of the spaces (IEC 61966-2-1; DCI-P3's primaries with D65; Adobe RGB 1998).
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71690, 0.06061], [0.01392, 0.09708, 0.71410]]
)
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
D50 = (0.9642, 1.0, 0.8249)


def to_light(levels):
    """sRGB's levels in 0-1 as light."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def from_light(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def fixed(*numbers):
    return b"".join(struct.pack(">i", round(65536 * number)) for number in numbers)


def _text(kind, words):
    if kind == b"text":
        return b"text\0\0\0\0" + words.encode() + b"\0"
    ascii_ = words.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(ascii_)) + ascii_ + b"\0" * 78


def _curve(levels):
    """A curve from a level to light, by a table of levels in 0-1 or by an exponent."""
    if isinstance(levels, float):
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * levels))
    numbers = np.rint(65535 * np.asarray(levels)).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(numbers)) + numbers.tobytes()


def _profile(space, pcs, kind, name, tags):
    tags = {b"desc": _text(b"desc", name), b"cprt": _text(b"text", "none"), **tags}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + fixed(*D50)
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(data), b"none", 0x02400000, kind, space, pcs)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + fixed(*D50)
    return header.ljust(128, b"\0") + table + data


def of_rgb(primaries, curve, name, private=b""):
    """A display's profile: a matrix and one curve, which is a float (an exponent) or a table."""
    tags = {b"mine": private} if private else {}
    for letter, column in zip("rgb", np.transpose(primaries), strict=True):
        tags[f"{letter}XYZ".encode()] = b"XYZ \0\0\0\0" + fixed(*column)
        tags[f"{letter}TRC".encode()] = _curve(curve)
    return _profile(b"RGB ", b"XYZ ", b"mntr", name, tags)


def of_grey(curve, name):
    return _profile(b"GRAY", b"XYZ ", b"mntr", name, {b"kTRC": _curve(curve)})


def of_cmyk(lab_of, name):
    """A printer's profile: Lab at the 16 corners of no ink and full ink, linear between them.

    `lab_of` maps four numbers of 0 or 1 (C, M, Y, K) to L in 0-100, a and b.
    """
    identity = np.arange(256, dtype=np.uint8).tobytes()
    corners = b""
    for index in np.ndindex(2, 2, 2, 2):
        light, a, b = lab_of(*index)
        corners += bytes([round(light * 2.55), round(a + 128), round(b + 128)])
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += 4 * identity + corners + 3 * identity
    return _profile(b"CMYK", b"Lab ", b"prtr", name, {b"A2B0": table, b"A2B1": table})
