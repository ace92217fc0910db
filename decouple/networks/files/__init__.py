"""Weights out of files of several kinds, read as data: nothing of a file's is carried out."""

from decouple.networks.files.reading import FileWeights, Pair, read_file, shapes_until

__all__ = ["FileWeights", "Pair", "read_file", "shapes_until"]
