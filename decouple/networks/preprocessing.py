"""What a VGG is given of an image, which becomes part of its first convolution.

What people trained VGGs with is linear in each colour, so that kernels and biases of one origin can
be used whatever that was. It is no detail: filters that are given another preprocessing than they
were trained with see another picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Preprocessing:
    """(image − mean) · scale, for images in [0, 1].

    Attributes
    ----------
    name : as `network.preprocessing` has it
    mean : (R, G, B), in [0, 1]; the zero padding stands for this colour
    scale : (R, G, B)
    reversed : whether blue comes first
    """

    name: str
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    reversed: bool = False

    @property
    def offset(self) -> np.ndarray:
        """The mean, (3,) float32."""
        return np.asarray(self.mean, np.float32)

    def applied(self, image: np.ndarray) -> np.ndarray:
        """What a network is given of RGB images (…, 3) in [0, 1]; float32."""
        given = (np.asarray(image, np.float64) - self.mean) * self.scale
        return (given[..., ::-1] if self.reversed else given).astype(np.float32)

    def folded(self, kernel: np.ndarray) -> np.ndarray:
        """The first kernel (3, 3, 3, C) for images of which only `offset` is subtracted."""
        colours = kernel[:, :, ::-1, :] if self.reversed else kernel
        return (colours * np.asarray(self.scale)[:, None]).astype(np.float32)


PREPROCESSINGS = {
    made.name: made
    for made in (
        Preprocessing("unit"),
        Preprocessing("bytes", scale=(255.0,) * 3),
        # Of Caffe's VGG, and so of Keras's: BGR in 0..255 minus ImageNet's mean colour.
        Preprocessing(
            "caffe",
            mean=(123.68 / 255, 116.779 / 255, 103.939 / 255),
            scale=(255.0,) * 3,
            reversed=True,
        ),
        # Of torchvision: ImageNet's mean colour and standard deviations.
        Preprocessing("torch", mean=(0.485, 0.456, 0.406), scale=(1 / 0.229, 1 / 0.224, 1 / 0.225)),
        Preprocessing("tf", mean=(0.5,) * 3, scale=(2.0,) * 3),
    )
}
"""Of the words that `network.preprocessing` takes, with the meaning of `keras.applications`."""

KERAS_PREPROCESSING = "caffe"
"""Of Keras's VGGs, whose numbers are Caffe's."""
