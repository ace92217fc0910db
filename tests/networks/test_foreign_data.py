"""Weights files that lead elsewhere, or hold more than a layer has: nothing of it is read."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from decouple.errors import WeightsError
from decouple.networks.architecture import VGG19
from decouple.networks.files import read_file, shapes_until
from decouple.networks.files.stored import Stored

LAST = "block1_conv2"
EXPECTED = shapes_until(VGG19, LAST)
PLACE = f"{LAST}/bias"
Spoil = Callable[[h5py.File, Path], None]


@pytest.fixture
def arrays() -> dict[str, tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(0)
    return {
        name: tuple(rng.standard_normal(shape).astype(np.float32) for shape in shapes)
        for name, shapes in EXPECTED.items()
    }


@pytest.fixture
def path(tmp_path: Path, arrays: dict[str, tuple[np.ndarray, ...]]) -> Path:
    """A good file, and beside it a file of 64 numbers, another HDF5 file, and a pipe."""
    os.mkfifo(tmp_path / "pipe")
    np.ones(64, np.float32).tofile(tmp_path / "other")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["bias"] = np.ones(64, np.float32)
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        for name, (kernel, bias) in arrays.items():
            file[f"{name}/kernel"], file[f"{name}/bias"] = kernel, bias
    return tmp_path / "a.h5"


def virtual(source: str, dataset: str, unlimited: bool = False) -> Spoil:
    most = (None,) if unlimited else (64,)

    def spoil(file: h5py.File, folder: Path) -> None:
        layout = h5py.VirtualLayout((64,), "f4", maxshape=most)
        of = h5py.VirtualSource(source, dataset, (64,), maxshape=most)
        end = h5py.h5s.UNLIMITED if unlimited else 64
        layout[0:end] = of[0:end]
        file.create_virtual_dataset(PLACE, layout)

    return spoil


def external(name: str) -> Spoil:
    return lambda file, folder: file.create_dataset(
        PLACE, (64,), "f4", external=[(str(folder / name), 0, 256)]
    )


def link(to: object) -> Spoil:
    def spoil(file: h5py.File, folder: Path) -> None:
        file[PLACE] = to

    return spoil


def dataset(*what: object, **how: object) -> Spoil:
    return lambda file, folder: file.create_dataset(PLACE, *what, **how)


# {what stands for the bias: (how it is made, words of the refusal)}
FOREIGN: dict[str, tuple[Spoil, str]] = {
    "virtual, of itself": (virtual(".", PLACE), "made up of other datasets"),
    "virtual, of itself without end": (virtual(".", PLACE, True), "made up of other datasets"),
    "virtual, of a pipe": (virtual("pipe", "x", True), "made up of other datasets"),
    "virtual, of another file": (virtual("other.h5", "bias"), "made up of other datasets"),
    "stored in a pipe": (external("pipe"), "stored in another file"),
    "stored in another file": (external("other"), "stored in another file"),
    "link to a pipe": (link(h5py.ExternalLink("pipe", "x")), f"{PLACE} is a link"),
    "link to another file": (link(h5py.ExternalLink("other.h5", "bias")), f"{PLACE} is a link"),
    "link to itself": (link(h5py.SoftLink(f"/{PLACE}")), f"{PLACE} is a link"),
    "link to another layer": (link(h5py.SoftLink("/block1_conv1/bias")), f"{PLACE} is a link"),
    "a thousand million": (dataset((10**9,), "f4", chunks=(64,)), "has shapes"),
    "a huge chunk": (dataset((64,), "f8", chunks=(10**8,), maxshape=(None,)), "chunks larger"),
    "no values": (dataset(data=h5py.Empty("f4")), "has shapes"),
    "texts": (dataset(data=["a"] * 64), "holds object and no floating-point numbers"),
    "pairs": (dataset((64,), np.dtype("f4,f4")), "and no floating-point numbers"),
    "vectors": (dataset((1,), np.dtype(("f4", (64,)))), "has shapes"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_only_plain_datasets_of_the_file_itself_are_read(
    what: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    spoil, words = FOREIGN[what]
    with h5py.File(path, "a", libver="latest") as file:
        del file[PLACE]
        spoil(file, path.parent)
    monkeypatch.setattr(Stored, "read", lambda self: pytest.fail("read before all was checked"))
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=words):
            read_file(path, VGG19, EXPECTED)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_the_layers_of_a_linked_group_are_not_there(path: Path) -> None:
    path.rename(path.with_name("moved.h5"))
    with h5py.File(path, "w") as file:
        for name in EXPECTED:
            file[name] = h5py.ExternalLink("moved.h5", name)
        file["model_weights"] = h5py.ExternalLink("pipe", "/")
    with pytest.raises(WeightsError, match="block1_conv1 is missing"):
        read_file(path, VGG19, EXPECTED)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("another/block1_conv2", None),
        ("vars", "block1_conv2"),
        ("block1_conv2/block1_conv2", None),
        ("another/block1_conv2", "of another name"),
    ],
)
def test_another_group_of_the_same_name_is_no_second_choice(
    place: str, name: str | None, path: Path, arrays: dict[str, tuple[np.ndarray, ...]]
) -> None:
    """However it is called so; what is the same in both is read."""
    kernel, bias = arrays[LAST]
    with h5py.File(path, "a") as file:
        file[f"{place}/kernel"], file[f"{place}/bias"] = kernel, bias
        if name is not None:
            file[place].attrs["name"] = name
    np.testing.assert_array_equal(read_file(path, VGG19, EXPECTED).pairs[LAST][1], bias)
    with h5py.File(path, "a") as file:
        file[f"{place}/bias"][3] += 1
    with pytest.raises(WeightsError, match="differ, and both are called block1_conv2"):
        read_file(path, VGG19, EXPECTED)


@pytest.mark.parametrize("value", [3, [b"block1_conv1"] * 2, h5py.Empty("f4"), b"\xff"])
def test_a_name_that_is_no_text_is_none(value: object, path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["block1_conv1"].attrs["name"] = value
        file.attrs["model_config"] = value
    assert set(read_file(path, VGG19, EXPECTED).pairs) == set(EXPECTED)


def test_a_configuration_nested_without_end_has_no_name(path: Path) -> None:
    with h5py.File(path, "a", libver="latest") as file:
        file.attrs["model_config"] = "[" * 100_000
    assert set(read_file(path, VGG19, EXPECTED).pairs) == set(EXPECTED)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "pipe", "/dev/zero"])
def test_names_that_no_file_has(name: str, path: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not exist|is not a readable file \(it is"):
        read_file(path.parent / name, VGG19, EXPECTED)
