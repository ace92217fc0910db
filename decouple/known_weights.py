"""Numbers that are known wherever they lie: the filters that Keras calls ImageNet's.

The digests are of kernels and biases in the network's order, as `digest_of` makes them, one for
each layer at which a network may stop. Nothing in this module needs TensorFlow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

IMAGENET = "imagenet"
"""The origin of weights that Keras was asked for."""
KERAS_VGG16 = "ImageNet VGG-16, Keras"

# As in vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5.
_DIGESTS = {
    KERAS_VGG16: (
        "32314ce545bb80d6195eab0ae9b58a0b0975b0ada7c90215625203c5e63848ef",
        "af829a9cee4eb79cc8858c68d2dff92748549074a5002502eb95fb739e800021",
        "9764e677c6999739cf38ecaf706dfea5d76d348b7949e5cc8d2b061ec947a2cf",
        "12540ef274d559d8e954053b32b7408a18870c56c16057373bdcf2d778588c61",
        "a9939304dce3f30dc4ccea7b7057074c87fae78b642beb96910ff05b4840bf6a",
        "dcd1078ed3e695aaecc1d69edda1e435f49794d98e7d4cd1f2510e9b8e54f850",
        "cba1ccb85c50e90422dcbeebdd15aaf86af465fa4b2f712c08f554908153decf",
        "ffac73185196a95359757f32a2c372f3f8914ea86e7a66f307d19e65e5edd084",
        "3c2acb488cb5cc396c6c79a33dcc8e6550ec97a525bd34628d5f4350949289d9",
        "64b8b078c5a10fa0437fb03da1967854c6f3d70c718ed3eba5e6d1502408e010",
        "70d6b25efb644c257e69a1cc2bf2c681b850e44ea64baabdced5532f8f88b1b3",
        "a105b6cd15c75bd47a2881b08ef4169db70c190e33e5301f6736c7fdb33e865c",
        "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd",
    ),
}
_KNOWN = {digest: name for name, digests in _DIGESTS.items() for digest in digests}


def digest_of(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over the bytes of arrays of float32, hexadecimal."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array, "<f4").data)
    return sha.hexdigest()


def recognised(digest: str) -> str | None:
    """What numbers of this digest are; None if they are not known."""
    return _KNOWN.get(digest)


def are_imagenets(origin: str) -> bool:
    """Whether weights of this origin are Caffe's and Keras's of ImageNet, in whose units papers
    give their thresholds and weights."""
    return origin == IMAGENET or origin in _DIGESTS
