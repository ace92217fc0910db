"""Weights out of files in Keras's layouts, compared with Keras itself, and files gone bad."""

import h5py
import keras
import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks import network, vgg16, vgg19
from decouple.networks.architecture import VGG16, VGG19
from tests.networks.keras_files import LAST, assert_equals_keras, write_legacy


def write_nested(path, *models):
    """Models in a model, `inner_1` and so on, each with its {layer: (kernel, bias)}."""
    with h5py.File(path, "w") as file:
        for number, arrays in enumerate(models, start=1):
            for name, (kernel, bias) in arrays.items():
                group = file.create_group(f"model_weights/inner_{number}/{name}")
                group["kernel"], group["bias"] = kernel, bias


def assert_holds(loaded, arrays):
    """Biases, and kernels but for the first, in which the preprocessing is."""
    for name, (kernel, bias) in arrays.items():
        np.testing.assert_array_equal(loaded.biases[name], bias, err_msg=name)
        if name != "block1_conv1":
            np.testing.assert_array_equal(loaded.kernels[name], kernel, err_msg=name)


class TestLayouts:
    def test_legacy_file(self, legacy_file, keras_model, arrays):
        net = vgg19(weights=str(legacy_file), last=LAST, activation="relu", pooling="max")
        assert_equals_keras(net, keras_model, arrays)
        assert net.weights.origin == "legacy.h5"

    def test_a_name_that_begins_with_a_tilde(self, legacy_file, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "~mine.h5").symlink_to(legacy_file)
        assert vgg19(weights="~mine.h5", last=LAST).weights.origin == "~mine.h5"

    # Keras itself does not yet follow NumPy's newest protocol when it writes.
    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
    @pytest.mark.parametrize("name", ["ours.weights.h5", "ours.h5"])
    def test_files_that_keras_writes(self, name, tmp_path, keras_model, arrays):
        path = tmp_path / name
        write = keras_model.save_weights if name.endswith(".weights.h5") else keras_model.save
        write(path)
        net = vgg19(weights=str(path), last=LAST, activation="relu", pooling="max")
        assert_equals_keras(net, keras_model, arrays)

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
    @pytest.mark.parametrize("name", ["trained.h5", "trained.weights.h5"])
    def test_files_of_a_model_that_was_trained(self, name, tmp_path):
        """What the optimizer keeps of each layer is in them, too."""
        rng = np.random.default_rng(2)
        image = keras.Input((8, 8, 3))
        layers = [
            keras.layers.Conv2D(64, 3, padding="same", name=f"block1_conv{k}") for k in (1, 2)
        ]
        model = keras.Model(image, layers[1](layers[0](image)))
        model.compile("adam", "mse")
        model.train_on_batch(rng.random((1, 8, 8, 3)), rng.random((1, 8, 8, 64)))
        path = tmp_path / name
        write = model.save_weights if name.endswith(".weights.h5") else model.save
        write(path)
        loaded = vgg19(weights=str(path), last="block1_conv2").weights
        kernel, bias = layers[1].get_weights()
        np.testing.assert_array_equal(loaded.kernels["block1_conv2"], kernel)
        np.testing.assert_array_equal(loaded.biases["block1_conv2"], bias)

    @pytest.mark.parametrize(
        "place",
        [
            "optimizer_weights/Adam/v/{}",
            "optimizer_weights/training/Adam/{}",
            "optimizer_weights/{}/{}",
            "moving_averages/{}",
        ],
    )
    def test_beside_a_whole_model_nothing_is_read(self, place, tmp_path, arrays):
        """Moments have the names of the layers, and the shapes of their filters."""
        path = tmp_path / "whole.h5"
        with h5py.File(path, "w") as file:
            for name, (kernel, bias) in arrays.items():
                own = file.create_group(f"model_weights/{name}/{name}")
                beside = file.create_group(place.format(name, name))
                own["kernel:0"], own["bias:0"] = kernel, bias
                beside["m:0"], beside["v:0"] = 1e-6 * kernel, 1e-6 * bias
        assert_holds(vgg19(weights=str(path), last=LAST).weights, arrays)

    @pytest.mark.parametrize("place", ["optimizer/{}", "optimizer_weights/{}"])
    def test_beside_layers_optimizers_are_not_read(self, place, tmp_path, arrays):
        path = write_legacy(tmp_path / "beside.h5", VGG19, LAST, arrays)
        with h5py.File(path, "a") as file:
            for name, (kernel, bias) in arrays.items():
                file[f"{place.format(name)}/kernel"] = 1e-6 * kernel
                file[f"{place.format(name)}/bias"] = 1e-6 * bias
        assert_holds(vgg19(weights=str(path), last=LAST).weights, arrays)

    def test_a_layer_that_two_models_share(self, tmp_path, arrays):
        path = tmp_path / "shared.h5"
        write_nested(path, arrays, arrays)
        assert_holds(vgg19(weights=str(path), last=LAST).weights, arrays)

    def test_a_file_may_hold_more_than_is_asked_for(self, whole_file, arrays):
        net = vgg19(weights=str(whole_file), last="block1_conv2")
        assert list(net.weights.kernels) == ["block1_conv1", "block1_conv2"]
        np.testing.assert_array_equal(
            net.weights.kernels["block1_conv2"], arrays["block1_conv2"][0]
        )

    def test_widths_are_the_deviations_on_the_synthetic_batch(
        self, legacy_file, keras_model, arrays
    ):
        """Keras's pre-activations, channel by channel: mean deviation, at first twice that."""
        from decouple.networks.calibration import synthetic_batch

        net = vgg19(weights=str(legacy_file), last=LAST)
        whole = keras.Model(
            keras_model.input,
            [keras_model.get_layer(name).output for name in ("block1_conv1", "block1_conv2")],
        )
        x = keras.applications.vgg19.preprocess_input(255.0 * synthetic_batch())
        before = x
        for name, after in zip(("block1_conv1", "block1_conv2"), whole(x), strict=True):
            kernel, bias = arrays[name]
            z = keras.ops.conv(before, kernel, 1, "same") + bias
            expected = np.asarray(z, np.float64).std((0, 1, 2)).mean()
            wider = 2 if name == "block1_conv1" else 1
            assert net.weights.widths[name] == pytest.approx(wider * expected, rel=1e-4)
            before = after

    def test_the_digest_tells_files_apart(self, legacy_file, tmp_path, arrays):
        other = {**arrays, "block1_conv1": (arrays["block1_conv1"][0], np.ones(64, np.float32))}
        path = write_legacy(tmp_path / "legacy.h5", VGG19, LAST, other)
        one, again, two = (
            vgg19(weights=str(file), last=LAST).weights.digest
            for file in (legacy_file, legacy_file, path)
        )
        assert one == again
        assert one != two


class TestBadFiles:
    def refused(self, path, last=LAST):
        with pytest.raises(WeightsError) as caught:
            vgg19(weights=str(path), last=last)
        message = str(caught.value)
        assert "\n" not in message
        assert str(path) in message
        return message

    def test_missing(self, tmp_path):
        assert "does not exist" in self.refused(tmp_path / "none.h5")

    @pytest.mark.parametrize("name", ["~/none.h5", "~nobody-of-this-name/none.h5", "~none.h5"])
    def test_missing_in_the_home_of_nobody(self, homeless, name):
        assert "does not exist" in self.refused(name)

    def test_misspelt_origin(self):
        with pytest.raises(WeightsError, match="auto, imagenet, calibrated"):
            vgg19(weights="calibratd", last=LAST)

    def test_folder(self, tmp_path):
        assert "not a readable" in self.refused(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"no HDF5 at all\n" * 50])
    def test_not_hdf5(self, tmp_path, content):
        path = tmp_path / "bad.h5"
        path.write_bytes(content)
        assert "not a readable HDF5 file" in self.refused(path)

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_a_pointer_in_place_of_the_file(self, tmp_path, version):
        path = tmp_path / "pointer.h5"
        path.write_text(
            f"version https://git-lfs.github.com/spec/{version}\noid sha256:{64 * 'a'}\nsize 553\n"
        )
        assert "a Git LFS pointer to it: `git lfs pull`" in self.refused(path)

    @pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\x89PNG\r\n\x1a\n"])
    def test_no_weights_by_bytes_or_name(self, tmp_path, content):
        path = tmp_path / "weights"
        path.write_bytes(content)
        assert "of no kind that is read: HDF5" in self.refused(path)

    @pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
    def test_truncated(self, tmp_path, legacy_file, share):
        path = tmp_path / "cut.h5"
        content = legacy_file.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        assert "not a readable HDF5 file" in self.refused(path)

    @pytest.mark.parametrize(("held", "asked"), [(VGG16, VGG19), (VGG19, VGG16)])
    @pytest.mark.parametrize("last", ["block1_conv1", "block2_conv1", "block4_conv1"])
    def test_another_network(self, tmp_path, arrays, held, asked, last):
        path = write_legacy(tmp_path / "a.h5", held, None, arrays)
        with pytest.raises(WeightsError) as caught:
            network(asked.name, last, weights=str(path))
        assert str(caught.value) == (
            f"weights file '{path}' does not fit {asked.name}: it holds {held.name}; "
            f"give network={held.name}, or another file"
        )

    @pytest.mark.parametrize("told", ["config", "group", "attribute"])
    def test_layers_that_both_have_are_those_of_the_model_that_says_its_name(
        self, tmp_path, arrays, told
    ):
        few = {name: arrays[name] for name in ("block1_conv1", "block1_conv2")}
        path = tmp_path / "few.h5"
        write_legacy(path, VGG19, "block1_conv2", few)
        with h5py.File(path, "a") as file:
            if told == "config":
                file.attrs["model_config"] = '{"class_name": "Model", "config": {"name": "vgg16"}}'
            elif told == "group":
                group = file.create_group("vgg16")
                for name in few:
                    file.move(name, f"vgg16/{name}")
            else:
                group = file.create_group("vars")
                group.attrs["name"] = "vgg16"
        assert "it holds vgg16" in self.refused(path, last="block1_conv2")
        loaded = vgg16(weights=str(path), last="block1_conv2").weights
        assert_holds(loaded, few)

    def test_layers_that_both_have_without_a_name(self, tmp_path, arrays):
        path = write_legacy(tmp_path / "few.h5", VGG16, "block1_conv2", arrays)
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = '["no", "name"]'
        for name in ("vgg16", "vgg19"):
            loaded = network(name, "block1_conv2", weights=str(path)).weights
            np.testing.assert_array_equal(loaded.biases["block1_conv2"], arrays["block1_conv2"][1])

    def test_a_layer_twice(self, tmp_path, arrays):
        """Two networks in one file, of which neither is meant more than the other."""
        other = {**arrays, "block2_conv1": tuple(2 * a for a in arrays["block2_conv1"])}
        path = tmp_path / "two.h5"
        write_nested(path, arrays, other)
        message = self.refused(path)
        assert "inner_1/block2_conv1 and inner_2/block2_conv1 differ" in message
        # The layers before it are the same.
        assert_holds(
            vgg19(weights=str(path), last="block1_conv2").weights,
            {name: arrays[name] for name in ("block1_conv1", "block1_conv2")},
        )

    def test_two_arrays_for_one(self, tmp_path, arrays):
        path = write_legacy(tmp_path / "moments.h5", VGG19, LAST, arrays)
        with h5py.File(path, "a") as file:
            file["block1_conv2/kernel_momentum"] = 0 * arrays["block1_conv2"][0]
        assert "block1_conv2 has shapes (3, 3, 64, 64) and (3, 3, 64, 64)" in self.refused(path)

    @pytest.mark.parametrize("dtype", ["i1", "u2", "c8", "V2"])
    def test_no_floating_point_numbers(self, tmp_path, arrays, dtype):
        kernel, bias = arrays["block1_conv2"]
        quantized = {**arrays, "block1_conv2": (np.ones(kernel.shape, "i1").astype(dtype), bias)}
        message = self.refused(write_legacy(tmp_path / "int8.h5", VGG19, LAST, quantized))
        assert f"block1_conv2 holds {np.dtype(dtype)}" in message

    def test_wrong_shapes(self, tmp_path, arrays):
        kernel, bias = arrays["block2_conv1"]
        wrong = {**arrays, "block2_conv1": (kernel[..., :100], bias[:100])}
        message = self.refused(write_legacy(tmp_path / "narrow.h5", VGG19, LAST, wrong))
        assert "block2_conv1" in message
        assert "(3, 3, 64, 128)" in message

    def test_other_data(self, tmp_path):
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["block1_conv1/names"] = np.array([b"a", b"b"])
            file["block1_conv1/deep/kernel"] = np.zeros((3, 3, 3, 64))
        self.refused(tmp_path / "other.h5")

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
    def test_not_finite(self, tmp_path, arrays, value):
        kernel = arrays["block1_conv2"][0].astype(np.float64)
        kernel[1, 1, 5, 7] = value
        wrong = {**arrays, "block1_conv2": (kernel, arrays["block1_conv2"][1])}
        message = self.refused(write_legacy(tmp_path / "nan.h5", VGG19, LAST, wrong))
        assert "block1_conv2 holds non-finite values" in message

    def test_all_zero_layers_have_no_width(self, tmp_path, arrays):
        """Softplus would divide by a width of zero."""
        kernel, bias = arrays["block1_conv2"]
        wrong = {**arrays, "block1_conv2": (0 * kernel, bias)}
        path = write_legacy(tmp_path / "zero.h5", VGG19, LAST, wrong)
        assert "block1_conv2" in self.refused(path)
