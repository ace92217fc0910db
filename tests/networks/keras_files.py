"""Files in the layout of Keras's own, and Keras's activations to compare with."""

import h5py
import keras
import numpy as np

LAST = "block3_conv1"
TAPS = ("block1_conv1", "block2_conv1", "block3_conv1")


def convolutions(net, last):
    return [conv for conv in net.until(last) if hasattr(conv, "filters")]


def write_legacy(path, net, last, arrays, only_shapes=False):
    """The layout of the ImageNet files: layer/layer_W_1:0 and layer/layer_b_1:0.

    Layers without given arrays are zero and take no room on the disk.
    """
    names, channels = [], 3
    with h5py.File(path, "w") as file:
        for layer in net.until(last) if last else net.layers:
            names.append(layer.name)
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = []
            if not hasattr(layer, "filters"):
                continue
            own = [f"{layer.name}_W_1:0", f"{layer.name}_b_1:0"]
            group.attrs["weight_names"] = [name.encode() for name in own]
            shapes = [(3, 3, channels, layer.filters), (layer.filters,)]
            for index, (name, shape) in enumerate(zip(own, shapes, strict=True)):
                if layer.name in arrays:
                    group[name] = arrays[layer.name][index]
                else:
                    group.create_dataset(name, shape, "f4", chunks=True)
            channels = layer.filters
        file.attrs["layer_names"] = [name.encode() for name in names]
    return path


def assert_equals_keras(net, keras_model, arrays):
    x = np.random.default_rng(1).random((1, 21, 30, 3), np.float32)
    theirs = keras_model(keras.applications.vgg19.preprocess_input(255.0 * x))
    ours = net.forward(x, TAPS)
    for tap, mine, their in zip(TAPS, ours, theirs, strict=True):
        their = np.asarray(their)
        assert their.max() > 0, tap
        np.testing.assert_allclose(mine, their, rtol=0, atol=3e-6 * their.max(), err_msg=tap)
    for name in arrays:
        assert net.weights.widths[name] > 0
