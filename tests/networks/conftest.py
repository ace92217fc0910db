import keras
import numpy as np
import pytest

from decouple.networks.architecture import VGG19
from tests.networks.keras_files import LAST, TAPS, convolutions, write_legacy


@pytest.fixture(scope="session")
def arrays():
    """{layer: (kernel, bias)} up to block3_conv1, scaled so that channels live and die."""
    rng = np.random.default_rng(0)
    drawn, channels = {}, 3
    for conv in convolutions(VGG19, LAST):
        kernel = rng.standard_normal((3, 3, channels, conv.filters)) / np.sqrt(4.5 * channels)
        bias = 5 * rng.standard_normal(conv.filters)
        drawn[conv.name] = (kernel.astype(np.float32), bias.astype(np.float32))
        channels = conv.filters
    return drawn


@pytest.fixture(scope="session")
def keras_model(arrays):
    """Keras's own VGG-19 up to block3_conv1, with `arrays` in it."""
    whole = keras.applications.VGG19(weights=None, include_top=False)
    for name, pair in arrays.items():
        whole.get_layer(name).set_weights(pair)
    return keras.Model(whole.input, [whole.get_layer(tap).output for tap in TAPS])


@pytest.fixture(scope="session")
def legacy_file(tmp_path_factory, arrays):
    folder = tmp_path_factory.mktemp("weights")
    return write_legacy(folder / "legacy.h5", VGG19, LAST, arrays)


@pytest.fixture(scope="session")
def whole_file(tmp_path_factory, arrays):
    """All layers of VGG-19, as the ImageNet file has them."""
    return write_legacy(tmp_path_factory.mktemp("weights") / "whole.h5", VGG19, None, arrays)
