"""Motions that tests of walks share, and what is told of them."""

from decouple.flows import Motion
from decouple.stages import noise_image

TOLERANCE = 1e-7


def features_of_noise(extractor, image, seed=0):
    return extractor.measure(noise_image(*image.shape[:2], seed))


def held_motion(extractor, image, tolerance=TOLERANCE, share=1.0):
    """Move the last layer towards the noise's features while the first stays where it is."""
    start = extractor.measure(image)
    end = start.copy()
    last = extractor.sizes[-1]
    end[-last:] += share * (features_of_noise(extractor, image) - start)[-last:]
    return Motion(extractor, start, end, tolerance)


class Told(list):
    def __call__(self, s, features):
        self.append((s, features))
