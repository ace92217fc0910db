"""Files that look like weights and are none, or none of VGG-19."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np

from decouple.networks import weights
from decouple.networks.architecture import VGG16
from tests.bad_pictures import Make, written
from tests.networks.weight_files import write_onnx, write_safetensors, write_torch


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"block1_conv1": os.getcwd}))


class Touches:
    """Pickles to a command."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch ran",)


def of_a_command(legacy: bool) -> Make:
    return lambda path: write_torch(path, {}, legacy, lambda held: {"features.0.weight": Touches()})


def in_torchs_order_by_keras_names(path: Path) -> None:
    kernel, bias = np.ones((64, 3, 3, 3), "<f4"), np.zeros(64, "<f4")
    write_safetensors(path, {"block1_conv1.weight": kernel, "block1_conv1.bias": bias})


def without_names(path: Path) -> None:
    write_onnx(path, {"v_1": np.ones((64, 3, 3, 3), "<f4"), "v_2": np.zeros(64, "<f4")})


def of_vgg16_bn(path: Path) -> None:
    write_torch(path, {"features.1.running_mean": np.zeros(64, "<f4")})


def wrong_shapes(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1/block1_conv1")
        group["kernel:0"], group["bias:0"] = np.zeros((3, 3, 3, 32)), np.zeros(32)


def of_vgg16(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for layer, (kernel, bias) in weights.shapes_until(VGG16, "block5_conv3").items():
            file.create_dataset(f"{layer}/kernel:0", kernel, "f4", chunks=True)
            file.create_dataset(f"{layer}/bias:0", bias, "f4", chunks=True)


def two_networks(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for scale, model in ((1.0, "content"), (2.0, "style")):
            group = file.create_group(f"model_weights/{model}/block1_conv1")
            group["kernel"] = scale * np.ones((3, 3, 3, 64))
            group["bias"] = np.zeros(64)


def of_integers(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        group["kernel"], group["bias"] = np.ones((3, 3, 3, 64), np.int8), np.zeros(64)


def of_itself(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["block1_conv1/kernel"] = np.ones((3, 3, 3, 64))
        layout = h5py.VirtualLayout((64,), "f4")
        layout[:] = h5py.VirtualSource(".", "block1_conv1/bias", (64,))
        file.create_virtual_dataset("block1_conv1/bias", layout)


def of_another_file(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        group["kernel"] = np.ones((3, 3, 3, 64))
        group.create_dataset("bias", (64,), "f4", external=[("file", 0, 256)])


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", '{"class_name": "Lambda"}')


WEIGHTS: dict[str, tuple[str, Make]] = {
    "missing": ("a.h5", lambda path: None),
    "empty": ("a.h5", written(b"")),
    "corrupt": ("a.h5", written(b"\x89HDF\r\n\x1a\n" + b"\0" * 90)),
    "text": ("a.h5", written(b"no weights")),
    "directory": ("a.h5", Path.mkdir),
    "wrong shapes": ("a.h5", wrong_shapes),
    "pickle": ("a.pkl", pickled),
    "pickle in disguise": ("a.h5", pickled),
    "another network": ("a.h5", of_vgg16),
    "two networks": ("a.h5", two_networks),
    "integers": ("a.h5", of_integers),
    "a bias that is itself": ("a.h5", of_itself),
    "a bias in another file": ("a.h5", of_another_file),
    "pipe": ("a.h5", os.mkfifo),
    "a long name": ("a" * 300, lambda path: None),
    "Keras archive": ("a.keras", archive),
    "Git LFS pointer": ("a.h5", written(b"version https://git-lfs.github.com/spec/v1\n")),
    "HTML": ("a.pth", written(b"<!doctype html><html><body>404</body></html>")),
    "a command in a zip": ("a.pth", of_a_command(legacy=False)),
    "a command among pickles": ("a.pth", of_a_command(legacy=True)),
    "ONNX of nothing": ("a.onnx", written(b"\x08\x08")),
    "ONNX without names": ("a.onnx", without_names),
    "batch normalization": ("a.pth", of_vgg16_bn),
    "unknown preprocessing": ("a.safetensors", in_torchs_order_by_keras_names),
    "a word": ("imagnet", lambda path: None),
    "home of nobody": ("~no_such_user/a.h5", lambda path: None),
    "a number": ("1_2", lambda path: None),
}
