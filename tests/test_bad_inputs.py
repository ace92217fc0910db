"""Inputs that cannot be used, or look as if they could not: one line and exit code 2, or they work.

Every row goes through the command line in this process. What works is only planned
(`plan=true`): pictures are loaded, settings and network checked, and nothing is run.
"""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from decouple import images
from decouple.legible import legible
from decouple.networks import classifier, weights
from decouple.networks.architecture import VGG16
from decouple.run import main
from tests.bad_words import SELF, WORDS
from tests.images.pictures import colours, handmade_png, stored, with_chunk
from tests.networks.weight_files import write_onnx, write_safetensors, write_torch
from tests.permissions import bound_by_permissions

COMMON = ["network.weights=calibrated", "layers=1", "image.size=16"]
Make = Callable[[Path], object]


def saved(array: np.ndarray, mode: str | None = None, **options: object) -> Make:
    return lambda path: stored(path, array, mode, **options)


def written(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def truncated(path: Path) -> None:
    stored(path, colours())
    path.write_bytes(path.read_bytes()[:900])


def unreadable(path: Path) -> None:
    stored(path, colours())
    path.chmod(0)


def animated(path: Path) -> None:
    frames = [Image.fromarray(colours(seed=k)) for k in (1, 2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def transparent_palette(path: Path) -> None:
    picture = Image.fromarray(colours()).convert("P")
    picture.save(path, transparency=0)


def tiff_of(value: float) -> Make:
    floats = np.random.default_rng(0).random((20, 20), np.float32)
    floats[3, 3] = value
    return saved(floats)


def tiff(array: np.ndarray, photometric: str | None = None) -> Make:
    colour = "rgb" if array.ndim == 3 else "minisblack"
    return lambda path: tifffile.imwrite(path, array, photometric=photometric or colour)


def planes_of_16_bits() -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(colours().astype(np.uint16) * 257, -1, 0))


def texts(megabytes: int) -> Make:
    text = b"a\0\0" + zlib.compress(bytes(megabytes * 2**20))
    return lambda path: with_chunk(stored(path, colours()), b"zTXt", text)


def constant_channel() -> np.ndarray:
    picture = colours()
    picture[..., 2] = 7
    return picture


# {name: (file name, how it is made, words of the refusal; none if it works)}
PICTURES: dict[str, tuple[str, Make, list[str]]] = {
    "missing": ("a.png", lambda path: None, ["no picture"]),
    "empty": ("a.png", written(b""), ["empty (0 bytes)"]),
    "truncated": ("a.png", truncated, ["a.png"]),
    "text": ("a.png", written(b"not a picture"), ["a.png"]),
    "HTML": ("a.jpg", written(b"<!doctype html><html><body>404</body></html>"), ["a.jpg"]),
    "zeros": ("a.bmp", written(b"\0" * 500), ["a.bmp"]),
    "PostScript": ("a.eps", written(b"%!PS-Adobe-3.0 EPSF-3.0\n"), ["a.eps"]),
    "directory": ("a.png", Path.mkdir, ["is a folder"]),
    "pipe": ("a.png", os.mkfifo, ["not a plain file"]),
    "1x1": ("a.png", saved(colours(1, 1)), ["1x1"]),
    "1x5000": ("a.png", saved(colours(5000, 1)), ["1x5000"]),
    "5000x1": ("a.png", saved(colours(1, 5000)), ["5000x1"]),
    "all black": ("a.png", saved(np.zeros((20, 20, 3), np.uint8)), ["all one colour"]),
    "all white": ("a.png", saved(np.full((20, 20, 3), 255, np.uint8)), ["all one colour"]),
    "NaN": ("a.tif", tiff_of(np.nan), ["a.tif"]),
    "infinite": ("a.tif", tiff_of(np.inf), ["a.tif"]),
    "floats of unknown scale": ("a.tif", tiff_of(1e9), ["a.tif"]),
    "decompression bomb": (
        "a.png",
        lambda path: handmade_png(path, 100_000, 100_000, 8, 2),
        ["a.png"],
    ),
    "signed numbers": ("a.tif", tiff(colours().astype(np.int16)), ["a.tif", "signed 16-bit"]),
    "complex numbers": ("a.tif", tiff(colours()[..., 0] * 1j), ["a.tif", "complex"]),
    "colours of a mosaic": ("a.tif", tiff(colours()[..., 0], "cfa"), ["a.tif", "CFA"]),
    "counts of unknown scale": ("a.tif", tiff(colours().astype(np.uint32) * 999), ["a.tif"]),
    "megabytes of text": ("a.png", texts(65), ["a.png", "64 MB of text"]),
    "a text of some length": ("a.png", texts(2), []),
    "16 bits in planes": ("a.tif", tiff(planes_of_16_bits()), []),
    "white is 0": ("a.tif", tiff(colours()[..., 0].astype(np.uint16), "miniswhite"), []),
    "float16": ("a.tif", tiff((colours() / 255).astype(np.float16)), []),
    "a profile that is none": ("a.png", saved(colours(), icc_profile=b"none"), []),
    "line break in its name": ("a\nb.png", written(b""), ["empty"]),
    "one channel constant": ("a.png", saved(constant_channel()), []),
    "16 bits": ("a.png", saved(257 * colours(channels=1)[..., 0].astype(np.uint16)), []),
    "CMYK": ("a.jpg", saved(colours(), "CMYK"), []),
    "palette with transparency": ("a.png", transparent_palette, []),
    "animated GIF": ("a.gif", animated, []),
    "wrong extension": ("a.png", lambda path: stored(path, colours(), format="BMP"), []),
    "no extension": ("a", lambda path: stored(path, colours(), format="PNG"), []),
    "1_2 for a name": ("1_2", lambda path: stored(path, colours(), format="PNG"), []),
    "blank in its name": ("my photo.png", saved(colours()), []),
    "quotes in its name": ("it's \"mine\".png", saved(colours()), []),
    "equals sign in its name": ("a=b.png", saved(colours()), []),
    "commas in its name": ("a,b.png", saved(colours()), []),
    "interpolation in its name": ("${seed}.png", saved(colours()), []),
    "unicode in its name": ("föö 絵.png", saved(colours()), []),
    "bytes in its name": ("caf\udce9.png", saved(colours()), []),
    "HTML in its name": ("<b>a.png", saved(colours()), []),
}  # fmt: skip

PAIR = ["+experiment=transfer", "target=sample:coffee"]
# {name: (words, words of the refusal)}; see tests/test_command_line.py for the plainest mistakes.
SETTINGS: dict[str, tuple[list[str], list[str]]] = {
    **WORDS,
    "unknown group": ([SELF, "netwrk=vgg19"], ["netwrk", "network"]),
    "unknown optimizer": ([SELF, "flow=gradient", "optimizer=adma"], ["adma", "adam,"]),
    "unknown flow": ([SELF, "flow=lft"], ["lft", "'lift'"]),
    "unknown stop": ([SELF, "stop=none"], ["none"]),
    "unknown pooling": ([SELF, "network.pooling=averege"], ["'average'"]),
    "negative size": ([SELF, "image.size=-5"], ["image.size=-5"]),
    "fractional size": ([SELF, "image.size=1.5"], ["image.size"]),
    "enormous size": ([SELF, "image.size=1000000"], ["1000000"]),
    "no layers": ([SELF, "layers=0"], ["layers=0"]),
    "negative layers": ([SELF, "layers=-1"], ["layers=-1"]),
    "empty list of layers": ([SELF, "layers=[]"], ["layers"]),
    "layers twice": ([SELF, "layers=[block1_conv1,block1_conv1]"], ["block1_conv1"]),
    "layers of null": ([SELF, "layers=null"], ["layers"]),
    "layers of a mapping": ([SELF, "layers={a:1}"], ["layers"]),
    "infinite tolerance": ([SELF, "tolerance=inf"], ["tolerance=inf"]),
    "a tolerance beyond all floats": ([SELF, f"tolerance={10**400}"], ["tolerance", "too large"]),
    "a strength beyond all floats": (
        ["+experiment=mix", "target=sample:coffee", f"mix.strengths=[0.5,{10**400}]"],
        ["mix.strengths[1]", "too large"],
    ),
    "tolerance in words": ([SELF, "tolerance=small"], ["tolerance", "small"]),
    "seed of null": ([SELF, "seed=null"], ["seed"]),
    "seed too large": ([SELF, "seed=1e400"], ["seed"]),
    "source of null": ([SELF, "source=null"], ["source"]),
    "source of a list": ([SELF, "source=[a,b]"], ["source"]),
    "no iterations": ([SELF, "flow=gradient", "stop.max_iterations=0"], ["max_iterations=0"]),
    "negative loss": ([SELF, "flow=gradient", "stop.loss=-1"], ["stop.loss=-1"]),
    "negative rate": (
        [SELF, "flow=gradient", "optimizer=adam", "optimizer.learning_rate=-1"],
        ["learning_rate=-1"],
    ),
    "zero first step": ([SELF, "stepper=symmetric", "stepper.first_step=0"], ["first_step=0"]),
    "zero iterations of a step": (
        [SELF, "stepper=symmetric", "stepper.max_iterations=0"],
        ["max_iterations=0"],
    ),
    "ignored optimizer": ([SELF, "optimizer=adam"], ["optimizer=", "flow=lift"]),
    "ignored stepper": ([SELF, "flow=gradient", "stepper=rk4"], ["stepper=", "flow=gradient"]),
    "ignored strength": ([SELF, "strength=0.5"], ["strength=", "self_transfer"]),
    "ignored preprocessing": (
        [SELF, "network.weights=calibrated", "network.preprocessing=torch"],
        ["preprocessing=torch has no meaning with weights=calibrated"],
    ),
    "unknown preprocessing": ([SELF, "network.preprocessing=torchvision"], ["mean 'torch'"]),
    "ignored plan": (["+experiment=classify", "plan=true"], ["plan="]),
    "strength above one": ([*PAIR, "strength=1.5"], ["strength=1.5"]),
    "strength of no layer": ([*PAIR, "strength={block9:1}"], ["block9", "block1_conv1"]),
    "no target": (["+experiment=transfer"], ["needs a target"]),
    "strength of Caffe's layer": ([*PAIR, "strength={conv1_1:1}"], ["mean 'block1_conv1'"]),
    "features of Caffe's layer": ([*PAIR, "impose.from_source=[relu2_1]"], ["mean 'block2_conv1'"]),
    "features of no list": (
        [*PAIR, "impose.from_source=block1_conv1"],
        ['such as "impose.from_source=[block1_conv1]"'],
    ),
    "features of no layer": ([*PAIR, "impose.from_source=[block7_conv1]"], ["block7_conv1"]),
    "negative interval": ([SELF, "checkpoint.every_seconds=-1"], ["every_seconds=-1"]),
    "target of injection": ([SELF, "+network._target_=os.system"], ["_target_"]),
    "target of injection, plain": ([SELF, "network._target_=os.system"], ["_target_"]),
    "injection as a mapping": ([SELF, "network={_target_:os.system}"], ["network"]),
    "injection into a free value": ([SELF, "layers={_target_:os.system}"], ["layers"]),
    "unknown resolver": ([SELF, "source='${oc.env:NO_SUCH_THING}'"], ["NO_SUCH_THING"]),
    "mandatory value": ([SELF, "source='???'"], ["source"]),
    "unbalanced brackets": ([SELF, "layers=[1"], ["'[1'"]),
    "empty name": ([SELF, "=3"], ["unknown setting"]),
    "removed setting": ([SELF, "~seed"], ["seed"]),
    "group of a traversal": ([SELF, "network=../config"], ["../config"]),
    "resume of nothing": (["resume=nowhere"], ["nowhere"]),
    "resume of a long name": ([f"resume={'a' * 300}"], ["there is no run folder"]),
    "resume below a long name": ([f"resume=runs/{'a' * 300}/b"], ["there is no run folder"]),
    "resume of a NUL": (["resume=a\0b"], ["there is no run folder"]),
    "verify of a long name": ([f"verify=runs/{'a' * 300}/b"], ["there is no run folder"]),
    "verify of a NUL": (["verify=a\0b"], ["there is no run folder"]),
    "resume of numbers": (["resume=2024_01_05"], ["2024_01_05: there is no run folder"]),
    "verify of numbers": (["verify=2024_01_05"], ["2024_01_05: there is no run folder"]),
    "run_dir of numbers": ([SELF, *COMMON, "run_dir=2024_01"], ["run_dir '2024_01' is a file"]),
    "run_dir that is a file": ([SELF, *COMMON, "run_dir=file"], ["file", "is a file"]),
    "run_dir that is taken": ([SELF, *COMMON, "run_dir=taken"], ["taken", "not empty"]),
    "run_dir below a file": ([SELF, *COMMON, "run_dir=file/run"], ["file"]),
    "run_dir of a long name": (
        [SELF, *COMMON, f"run_dir=new/{'a' * 300}/run"],
        ["cannot use run_dir 'new/aaa", "File name too long"],
    ),
    "run_dir of a NUL": (
        [SELF, *COMMON, "run_dir=new/a\0b"],
        ["cannot use run_dir 'new/a\\x00b'", "no file has such a name"],
    ),
}


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


# Of single experiments: (words, a part of the refusal).
CLASSIFY = ["+experiment=classify", "source=sample:coffee"]
OF_CLASSIFY: list[tuple[list[str], str]] = [
    ([], "not in Keras's cache"),
    (["network.weights=imagenet"], "a file of the complete network"),
    (["network.weights=calibrated"], "learned no labels"),
    (["network.weights=none.h5"], "'none.h5' does not exist"),
    (["network.preprocessing=torch"], "no meaning with weights=auto"),
    (["classify.top=0"], "classify.top=0"),
    (["classify.top=1001"], "classify.top=1001"),
    (["image.fit=keep"], "image.fit=keep"),
    (["image.size=100"], "image.size= has no meaning"),
    (["network.pooling=average"], "network.pooling= has no meaning"),
    (["layers=2"], "layers= has no meaning"),
    (["target=sample:coffee"], "target= has no meaning"),
    (["flow=gradient"], "flow= has no meaning"),
    (["source=none.png"], "none.png"),
]
GATYS = ["+experiment=gatys_moreno", "network.weights=calibrated", "layers=2", "image.size=12"]
GATYS += ["gatys.content.layers=[block2_conv1]"]
OF_GATYS: list[tuple[list[str], str]] = [
    (["gatys.style.fit=keep", "gatys.start=style"], "gatys.start=style needs"),
    (["gatys.weights=balancd"], "did you mean 'balanced'"),
    (["gatys.style.normalization=kers"], "did you mean 'keras'"),
    (["gatys.style.weight=-1"], "gatys.style.weight=-1"),
    (["gatys.content.share=inf"], "gatys.content.share=inf"),
    (["gatys.style.statistic=means"], "normalization"),
    (["gatys.style.fit=keep", "gatys.style.normalization=raw"], "raw needs"),
    (["gatys.variation.exponent=0.5"], "exponent=0.5"),
    (["gatys.variation.form=absolute", "gatys.variation.exponent=1.5"], "no meaning"),
    (["gatys.variation.scale=[1,2]"], "scale=[1, 2]"),
    (
        [f"gatys.{term}.share=0" for term in ("content", "style", "variation")],
        "every gatys.*.share is 0",
    ),
    (["gatys.scales=0"], "gatys.scales=0"),
    (["gatys.scales=true"], "gatys.scales=True"),
    (["gatys.scales=1.5"], "gatys.scales=1.5"),
    (["gatys.scales=9"], "gatys.scales=9: an image of 1x1 pixels is too small"),
    (["gatys.save_every=0"], "gatys.save_every=0"),
    (["checkpoint.every_seconds=-1"], "checkpoint.every_seconds=-1"),
    (["optimizer.evaluations=1"], "optimizer.evaluations=1"),
    (["optimizer=adam", "optimizer.evaluations=20"], "evaluations"),
    (["gatys.content.layers=[block9_conv1]"], "block9_conv1"),
    (["gatys.start=no_such.png"], "no_such.png"),
    (["target=null"], "needs a target"),
    (["flow=gradient"], "flow= has no meaning"),
    (["tolerance=1e-3"], "tolerance= has no meaning"),
    (["mask.min_slope=0.1"], "mask.min_slope= has no meaning"),
    (["layers=5"], "block5_conv1"),
]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file and a folder that hold something."""
    monkeypatch.chdir(tmp_path)
    for name in ("file", "2024_01"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "result.png").write_text("mine")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> str:
    """The last line of a run that must end with `code`, and that nothing is left."""
    before = sorted(Path().rglob("*"))
    capsys.readouterr()
    assert main(words) == code, capsys.readouterr().err
    lines = capsys.readouterr().err.strip().splitlines()
    assert "Traceback" not in "".join(lines)
    assert sorted(Path().rglob("*")) == before, "a refused run leaves nothing behind"
    assert (Path("file").read_text(), Path("taken/result.png").read_text()) == ("mine", "mine")
    assert code == 0 or (lines[-1].startswith("error: ") and len(lines[-1]) < 900)
    return lines[-1]


def quoted(name: str) -> str:
    """A file's name as the command line takes it."""
    return "'" + name.replace("'", r"\'").replace("${", r"\${") + "'"


# As people type them, without the quotes of Hydra's grammar.
@pytest.mark.parametrize(
    "file",
    [
        *("photo (1).png", "été.png", "絵.png", "it's.png", "a#b.png", "a=b.png", "1e5", "007"),
        *("2024_01_05", "a;b & c.png", 'the "best".png', "[a].png", "{a}.png", "f(1)", "C:\\a.png"),
    ],
)
def test_names_of_pictures_as_they_are_typed(
    file: str, somewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(somewhere / file, colours(), format="PNG")
    assert file in said(capsys, [SELF, *COMMON, f"source={file}", "plan=true"], 0)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str, somewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, make, words = PICTURES[name]
    make(somewhere / file)
    setting = f"source={quoted(file)}"
    line = said(capsys, [SELF, *COMMON, setting, "plan=true"], 2 if words else 0)
    for word in words:
        assert word in line
    if not words:
        assert legible(file) in line


def test_a_picture_without_permission(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = images.load

    def refused(*what: object) -> object:
        with bound_by_permissions() as folder:
            unreadable(folder / "a.png")
            return load(folder / "a.png")

    monkeypatch.setattr(images, "load", refused)
    assert "no permission to read" in said(capsys, [SELF, *COMMON, "source=a.png"], 2)


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings, words = SETTINGS[name]
    # Planned only, so that a mistake that is not noticed costs this test no time.
    alone = ("run_dir", "resume", "verify", "two to verify", "ignored plan")
    planned = [] if name.startswith(alone) else ["plan=true"]
    line = said(capsys, [*settings, *planned], 2)
    for word in words:
        assert word in line


@pytest.mark.parametrize(("words", "refusal"), OF_CLASSIFY)
def test_settings_of_classify(
    words: list[str],
    refusal: str,
    somewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in (weights, classifier):  # no network
        monkeypatch.setattr(module, "is_cached", lambda _: False)
        monkeypatch.setattr(module, "reachable", lambda: False)
    assert refusal in said(capsys, [*CLASSIFY, *words], 2)


@pytest.mark.parametrize(("words", "refusal"), OF_GATYS)
def test_settings_of_gatys(
    words: list[str], refusal: str, somewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal in said(capsys, [*GATYS, *words], 2)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name: str, somewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, make = WEIGHTS[name]
    make(somewhere / file)
    words = [SELF, "layers=1", "image.size=16", f"network.weights={file}"]
    assert file in said(capsys, words, 2)


def test_there_are_enough() -> None:
    assert len(PICTURES) + len(SETTINGS) + len(WEIGHTS) >= 60
