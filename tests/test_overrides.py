"""From a configuration back to the command line."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from decouple.command_line import compose_checked
from decouple.config import config_folder, register
from decouple.errors import ConfigError
from decouple.overrides import (
    Difference,
    command,
    differences,
    overrides,
    quoted,
    repeat_command,
)

RUN = "+experiment=self_transfer"


def composed(*words: str) -> dict[str, Any]:
    """What the command line itself makes of these words, as config.yaml holds it."""
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = OmegaConf.to_container(compose_checked(list(words)), resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


TRANSFER = ["+experiment=transfer", "target=sample:coffee"]
CASES = {
    "nothing": [RUN],
    "numbers": [RUN, "layers=3", "tolerance=1e-06", "seed=7", "image.size=64"],
    "a list of layers": [RUN, "layers=[block1_conv1,block3_conv2]"],
    "a group": [RUN, "network=vgg16"],
    "a group and its option": [RUN, "stepper=rk4", "stepper.steps=5"],
    "a choice of one's own": [RUN, "network.activation=relu", "network.pooling=max"],
    "a flow, its optimizer and when it stops": [
        *(RUN, "flow=projected", "flow.projection=layer", "stop.impose.loss=0.1"),
        *("optimizer=sgd", "optimizer.options={momentum:0.9,nesterov:true}"),
    ],
    "the thesis by another optimizer": ["+experiment=thesis_self_transfer", "optimizer=adam"],
    "layers by name": [*TRANSFER, "impose.from_source=[block1_conv1]", "layers=1"],
    "strengths by name": [*TRANSFER, "strength={block1_conv1:0.5}"],
    "a comparison": ["+experiment=compare_flows", "compare_flows.methods=[lift:rk4]"],
}
NAMES = [
    "photo.jpg",
    "/home/me/my photo, the 2nd = best.jpg",
    "it's.jpg",
    'the "best".jpg',
    "C:\\pictures\\new\\",
    "null",
    "true",
    "12",
    "1e5",
    "a:",
    "inf",
    "[a].jpg",
    "{a:b}.jpg",
    "${seed}.jpg",
    "\\${seed}.jpg",
    "$HOME;`ls`#&.jpg",
    "été.jpg",
    "<script>alert(1)</script>.png",
    "",
    " ",
]


@pytest.mark.parametrize("case", CASES)
def test_the_command_composes_the_same_configuration(case: str) -> None:
    config = composed(*CASES[case], "run_dir=somewhere")
    words = shlex.split(repeat_command(config))
    assert words[:4] == ["python", "-m", "decouple.run", CASES[case][0]]
    assert sorted(words[4:]) == sorted(CASES[case][1:])
    assert composed(*words[3:]) == {**config, "run_dir": None}


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_survives_hydra_and_the_shell(name: str) -> None:
    config = {**composed(RUN), "source": name}
    words = shlex.split(repeat_command(config))[3:]
    assert words == overrides(config)
    assert composed(*words)["source"] == name


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("seed=1", "seed=1"),
        ("layers=[block1_conv1,block2_conv1]", '"layers=[block1_conv1,block2_conv1]"'),
        ("source='photo (1).jpg'", "\"source='photo (1).jpg'\""),
        ("source=*?~#;&|<>.jpg", '"source=*?~#;&|<>.jpg"'),
        ("source='$HOME.jpg'", """'source='"'"'$HOME.jpg'"'"''"""),
        ('source="a".jpg', """'source="a".jpg'"""),
        ("source=a!b`c\\.jpg", "'source=a!b`c\\.jpg'"),
    ],
)
def test_words_are_quoted_for_any_shell(word: str, shown: str) -> None:
    assert quoted(word) == shown
    assert shlex.split(command(word, word)) == ["python", "-m", "decouple.run", word, word]


def test_a_run_from_before_other_experiments_had_settings_is_repeated() -> None:
    config = composed(*TRANSFER, "seed=3")
    for name in ("count", "metamers", "synthesize", "table"):
        del config[name]
    assert overrides(config) == overrides(composed(*TRANSFER, "seed=3"))
    assert composed(*overrides(config))["metamers"]["steps"] == 60


@pytest.mark.parametrize(
    ("words", "lacking"),
    [((RUN,), "tolerance"), (TRANSFER, "transfer"), (("+experiment=synthesize",), "count")],
)
def test_what_its_own_experiment_asks_for_must_be_there(words, lacking: str) -> None:
    config = composed(*words)
    del config[lacking]
    with pytest.raises(ConfigError, match=f"another version of decouple: {lacking}"):
        overrides(config)


def test_differences_are_from_the_chosen_group() -> None:
    config = composed(RUN, "stepper=rk4", "stepper.steps=5", "layers=1", "run_dir=x")
    assert differences(config) == [
        Difference("stepper", "rk4", "auto"),
        Difference("layers", 1, 2),
        Difference("stepper.steps", 5, 16),
    ]
    assert differences(composed(RUN)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"experiment": "no_such"}, "no_such"),
        ({"experiment": None}, "None"),
        ({"of_tomorrow": 1}, "of_tomorrow"),
        ({"image": {"size": 48}}, "image.fit"),
        ({"layers": {"a": 1}}, "layers"),
    ],
)
def test_what_no_command_composes_is_refused(change: dict[str, Any], words: str) -> None:
    config = {**composed(RUN), **change}
    with pytest.raises(ConfigError, match=words):
        differences(config)
