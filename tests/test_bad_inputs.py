"""Inputs that cannot be used, or look as if they could not: one line and exit code 2, or they work.

Every row goes through the command line in this process. What works is only planned
(`plan=true`): pictures are loaded, settings and network checked, and nothing is run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from decouple import images
from decouple.legible import legible
from decouple.networks import classifier, weights
from decouple.run import main
from tests.bad_pairs import PAIR, PAIRS
from tests.bad_pictures import PICTURES, unreadable
from tests.bad_weights import WEIGHTS
from tests.bad_words import SELF, WORDS
from tests.images.pictures import colours, stored
from tests.permissions import bound_by_permissions

COMMON = ["network.weights=calibrated", "layers=1", "image.size=16"]
MANY = ["+experiment=features"]
# {name: (words, words of the refusal)}; see tests/test_command_line.py for the plainest mistakes.
SETTINGS: dict[str, tuple[list[str], list[str]]] = {
    **WORDS,
    **PAIRS,
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
    "colour of null": (
        ["+experiment=transfer", "colour=null"],
        ["colour 'None'", "source, target, matched"],
    ),
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
    "a table of one file": ([*MANY, "source=file"], ["source=file is one file"]),
    "a table of one picture": ([*MANY, "source=taken/result.png"], ["is one file", "a pattern"]),
    "a table of nothing": ([*MANY, "source=nowhere"], ["source=nowhere has no pictures"]),
    "a table of no sample": ([*MANY, "source=sample:astronot"], ["has no pictures"]),
    "a table of a long name": ([*MANY, f"source={'a' * 300}"], ["has no pictures"]),
    "pictures of several sizes": ([*MANY, "image.fit=keep"], ["image.fit=keep", "crop or squash"]),
    "enormous pictures": ([*MANY, "image.size=1000000"], ["image.size=1000000 is too large"]),
    "a shard of none": ([*MANY, "shard=1/0"], ["shard=1/0 must be i/n"]),
    "a shard before the first": ([*MANY, "shard=0/2"], ["shard=0/2 must be i/n"]),
    "a shard beyond the last": ([*MANY, "shard=3/2"], ["shard=3/2 must be i/n"]),
    "a shard of a number": ([*MANY, "shard=2"], ["shard=2 must be i/n"]),
    "more shards than pictures": (
        [*MANY, *COMMON, "source=taken", "shard=2/2"],
        ["shard=2/2 has none of 1 pictures"],
    ),
    "an accuracy of zero": ([*MANY, "table.accuracy=0"], ["table.accuracy=0"]),
    "fewer than no checks": ([*MANY, "table.checked=-1"], ["table.checked=-1"]),
    "a table as a sheet": ([*MANY, "table.format=xlsx"], ["table.format 'xlsx'", "parquet"]),
    "labels of nowhere": ([*MANY, "table.labels=none.csv"], ["none.csv"]),
    "labels of no list": ([*MANY, "table.labels=file"], ["table.labels=file has no column path"]),
    "tolerance of a table": ([*MANY, "tolerance=1e-3"], ["tolerance= has no meaning"]),
    "a shard of a picture": ([SELF, "shard=1/2"], ["shard= has no meaning"]),
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
