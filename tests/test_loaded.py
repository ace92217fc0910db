"""Which network a run may take over from the run before."""

import os

import pytest

from decouple.families import FAMILIES
from decouple.networks import Chain, vgg19
from decouple.pipeline import loaded as module
from decouple.pipeline.loaded import forget, loaded

ONE = ("block1_conv1",)
OPTIONS = {"name": "vgg19", "weights": "calibrated"}


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    """Counts what is loaded, and says a line about each."""
    made = []

    def network(last, say, **options):
        made.append(options)
        say(f"network {len(made)}")
        return vgg19(weights="calibrated", last=last)

    monkeypatch.setattr(module, "network", network)
    forget()
    yield made
    forget()


def ask(last=ONE[0], layers=ONE, features="means", **options):
    said = []
    found = loaded(
        {**OPTIONS, **options},
        last,
        layers,
        said.append,
        FAMILIES.named(features),
        {"name": features},
    )
    assert isinstance(found.network, Chain)
    assert found.extractor.layers == layers
    return found, said


def test_the_same_network_is_loaded_once_and_said_each_time(networks):
    first, said = ask()
    again, said_again = ask()
    assert again is first
    assert len(networks) == 1
    assert said == said_again == ["network 1"]


@pytest.mark.parametrize(
    "other",
    [
        {"features": "moments"},
        {"width": 0.2},
        {"weights": "auto"},
        {"last": "block1_conv2"},
        {"last": "block2_conv1"},
    ],
    ids=str,
)
def test_another_one_takes_its_place(networks, other):
    ask()
    ask(**other)
    assert len(networks) == 2
    ask()  # one is kept
    assert len(networks) == 3


def test_a_weights_file_that_changed_is_read_again(networks, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"one")
    ask(weights=str(path))
    ask(weights=str(path))
    assert len(networks) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(0, 0))
    ask(weights=str(path))
    assert len(networks) == 2
