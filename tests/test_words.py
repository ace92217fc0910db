"""What was typed, and what Hydra reads: text stays text, and several values are listed once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from decouple.command_line import cells, compose_checked, verified_run
from decouple.config import config_folder, register
from decouple.errors import ConfigError
from decouple.words import read

RUN = "+experiment=self_transfer"


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hydra at work, in a folder with three pictures, a note and a folder, under another home."""
    for name in ("b.png", "a.png", "é, ü.png", "note.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        yield


def values(word: str) -> list[object]:
    """What the runs of a sweep have at a setting, as their configurations hold it."""
    setting = word.partition("=")[0]
    found = []
    for cell in cells([RUN, word]):
        config = compose_checked(cell)
        for key in setting.split("."):
            config = config[key]
        found.append(config)
    return found


@pytest.mark.parametrize("setting", ["run_dir", "source", "network.weights", "resume"])
@pytest.mark.parametrize(
    "typed",
    [
        *("2024_01_05", "1_2", "1e5", "007", "1.50", "-0", "+3", ".5", "0x1F", "1_000.0"),
        *("true", "FALSE", "nan", "-inf", "no", "12:30", "1 2"),
    ],
)
def test_text_is_what_was_typed(setting: str, typed: str) -> None:
    (override,) = read([f"{setting}={typed}"])
    assert override.value() == typed
    (again,) = read([override.input_line or ""])
    assert again == override


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("seed=1_2", 12),
        ("image.size=1_00", 100),
        ("tolerance=1e-3", 1e-3),
        ("plan=TRUE", True),
        ("layers=2", 2),
        ("source='1_2'", "1_2"),
        ('run_dir="a b"', "a b"),
        (r"source=a\,b.png", "a,b.png"),
        ("seed=${image.size}", 150),
        ("run_dir=null", None),
    ],
)
def test_what_hydra_reads_stays(word: str, value: object) -> None:
    assert values(word) == [value]
    assert type(values(word)[0]) is type(value)


@pytest.mark.parametrize("setting", ["run_dir", "source", "network.weights"])
@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("${oc.env:HOME}/a.png", ["${oc.env:HOME}/a.png"]),
        ("'${oc.env:HOME}/a.png'", ["${oc.env:HOME}/a.png"]),
        (r"'\${oc.env:HOME}/a.png'", ["${oc.env:HOME}/a.png"]),
        ('"my ${now:%H} runs"', ["my ${now:%H} runs"]),
        ("my ${now:%H} runs", ["my ${now:%H} runs"]),
        ("~/${oc.env:HOME}", ["/home/me/${oc.env:HOME}"]),
        ("${oc.env:NO_SUCH_THING}", ["${oc.env:NO_SUCH_THING}"]),
        ("${oc.env:${oc.env:HOME}}", ["${oc.env:${oc.env:HOME}}"]),
        ("${seed}", ["${seed}"]),
        ("${", ["${"]),
        ("a${seed}.png,'b, ${seed}',007", ["a${seed}.png", "b, ${seed}", "007"]),
        ("choice('${now:%H}',a)", ["${now:%H}", "a"]),
    ],
)
def test_names_are_text_in_which_nothing_is_put(setting: str, typed: str, names: list[str]) -> None:
    assert values(f"{setting}={typed}") == names


@pytest.mark.parametrize("setting", ["resume", "verify"])
def test_a_run_is_named_by_text(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "value")
    for typed in ("${oc.env:SECRET}", "'${oc.env:SECRET}'", r"'\${oc.env:SECRET}'"):
        with pytest.raises(ConfigError, match=r"=\$\{oc.env:SECRET\}: there is no run folder"):
            (verified_run if setting == "verify" else compose_checked)([f"{setting}={typed}"])


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("run_dir=~/out", "/home/me/out"),
        ("run_dir='~/out'", "/home/me/out"),
        ('source="~/my pictures/a.png"', "/home/me/my pictures/a.png"),
        ("source='~/${seed}.png'", "/home/me/${seed}.png"),
        ("network.weights=~/vgg.h5", "/home/me/vgg.h5"),
        ("gatys.start=~/a (1).png", "/home/me/a (1).png"),
        ("target=~", "/home/me"),
        ("source=~no_such_user/a.png", "~no_such_user/a.png"),
        ("source=./~/a.png", "./~/a.png"),
        ("source=a~b.png", "a~b.png"),
    ],
)
def test_a_tilde_is_the_home_folder(word: str, value: str) -> None:
    experiment = "+experiment=gatys_moreno" if "target" in word or "gatys" in word else RUN
    (override,) = read([word])
    config = compose_checked(
        [experiment, "target=a.png", word] if experiment != RUN else [RUN, word]
    )
    for key in override.key_or_group.split("."):
        config = config[key]
    assert config == value


def test_a_tilde_is_the_home_folder_for_what_no_configuration_holds() -> None:
    read_values = [
        o.value() for o in read(["resume=~/run", "verify='~/run'", "hydra.sweep.dir=~/s"])
    ]
    assert read_values == ["/home/me/run", "/home/me/run", "/home/me/s"]


@pytest.mark.parametrize(
    ("word", "each"),
    [
        ("run_dir=1_2,1e5", ["1_2", "1e5"]),
        ("source='~/a.png',1_2,choice", ["/home/me/a.png", "1_2", "choice"]),
        ("source=choice(1_2,007,'it, too',${seed}.png)", ["1_2", "007", "it, too", "${seed}.png"]),
        ("run_dir=sort(2_0,1_0)", ["1_0", "2_0"]),
        ("seed=1_0,2", [10, 2]),
        ("seed=range(1,4)", [1, 2, 3]),
        ("layers=[block1_conv1,block2_conv1],1", [["block1_conv1", "block2_conv1"], 1]),
        ("source=glob(*.png)", ["a.png", "b.png", "é, ü.png"]),
        ("source=glob('é*')", ["é, ü.png"]),
        ("source=glob([*.png,*.txt],exclude=[b*,'é*'])", ["a.png", "note.txt"]),
        ("network.pooling=glob(*max)", ["max", "smooth_max"]),
        ("image.fit=glob(*,[c*,k*])", ["squash"]),
    ],
)
def test_several_values(word: str, each: list[object]) -> None:
    assert values(word) == each


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("stepper=glob(r*)", ["rk4", "rk45"]),
        ("stepper=glob(*,exclude=[rk*,auto])", ["dop853", "euler", "newton", "symmetric"]),
        ("network=glob(vgg*)", ["vgg16", "vgg19"]),
    ],
)
def test_choices_of_a_group(word: str, names: list[str]) -> None:
    group = word.partition("=")[0]
    assert [compose_checked(cell)[group].name for cell in cells([RUN, word])] == names


def test_of_a_setting_named_twice_the_latter_holds() -> None:
    assert cells([RUN, "seed=1,2", "layers=1", "seed=3,4"]) == [
        [RUN, "seed=3", "layers=1"],
        [RUN, "seed=4", "layers=1"],
    ]


def test_what_is_shuffled_is_shuffled_once() -> None:
    (override,) = read(["seed=shuffle(range(0,50))"], sweeping=True)
    word = override.input_line or ""
    assert cells([word]) == [[f"seed={seed}"] for seed in word.removeprefix("seed=").split(",")]


@pytest.mark.parametrize("name", ["é, ü.png", "a, b (1).png", "'a',b.png", "it's, $HOME.png"])
def test_a_name_with_a_comma_as_the_refusal_writes_it(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read([f"source={name}"])
    # The quoted word is the first that a shell would take for one with an equals sign.
    advice = str(refused.value).split(" is written ")[1]
    word = next(word for word in _shell_words(advice) if word.startswith("source="))
    assert values(word) == [name]


def _shell_words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return [re.sub(r",$", "", word) for word in lexer]
