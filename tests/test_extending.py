"""Features and networks of the user's own: the listings of docs/extending.md, run as printed."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from pages import listing
from test_plugins import refusal

from decouple.run import main

OWN = ["+plugin=softfilters", "+experiment=self_transfer", "features=softfilters"]


@pytest.fixture
def home(own_modules: Path) -> Path:
    """A folder with the page's module."""
    (own_modules / "softfilters.py").write_text(listing("softfilters.py"), encoding="utf-8")
    return own_modules


def metrics_of(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def decibels(capsys: pytest.CaptureFixture[str]) -> float:
    (found,) = re.findall(r"^([\d.]+) dB$", capsys.readouterr().out, re.M)
    return float(found)


@pytest.mark.usefixtures("home")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", ["softfilters in a notebook", "network in a notebook"])
def test_in_a_notebook(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(listing(name), name, "exec"), {})
    assert decibels(capsys) > 80


def test_a_run_with_them_is_recorded_repeated_and_planned(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = home / "run"
    words = [*OWN, "image.size=32", "features.filters=5"]
    assert main([*words, f"run_dir={run}"]) == 0
    found = metrics_of(run)
    assert found["features"] == {"name": "softfilters", "filters": 5, "seed": 3}
    assert found["network"]["layers"] == ["mean", "deviation"]
    assert found["self_transfer"]["psnr_db"] > 80
    assert (run / "images" / "noisified_2_deviation.png").exists()
    page = html.unescape((run / "report.html").read_text(encoding="utf-8"))
    assert "through 2 groups of softfilters" in page
    assert "softfilters, filters 5, seed 3" in page
    assert "Other measurements" in page
    assert "features, " not in page.split("Other measurements")[1], "they have a place of their own"
    capsys.readouterr()
    assert main([f"verify={run}"]) == 0
    assert capsys.readouterr().out.startswith("identical")
    assert main([*words, "plan=true"]) == 0
    assert "through 2 groups of softfilters" in capsys.readouterr().err


def test_a_broken_one_is_named_in_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = listing("softfilters.py").replace("tf.nn.softplus(", "tf.round(")
    text = text.replace("softfilters", "broken")
    (home / "broken.py").write_text(text, encoding="utf-8")
    line = refusal(
        capsys,
        *("+plugin=broken", "+experiment=self_transfer", "features=broken", "image.size=24"),
    )
    assert "not differentiable" in line


@pytest.mark.usefixtures("home")
def test_their_settings_are_checked_as_any(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["features.filter=3"], "did you mean 'features.filters'"),
        (["features.filters=many"], "many"),
        (["layers=1"], "layers= has no meaning with features=softfilters"),
        (["network.dtype=float64"], "network.dtype= has no meaning with features=softfilters"),
    ):
        assert told in refusal(capsys, *OWN, *words)


@pytest.mark.parametrize(
    ("words", "groups"),
    [
        (["features=moments", "layers=1"], {"block1_conv1": 128}),
        (["features=covariance", "features.most=70", "layers=1"], {"block1_conv1": 70}),
        (["features=gram", "features.most=10", "layers=1"], {"block1_conv1": 10}),
        (["features=dists", "layers=1"], {"mean": 3, "block1_conv2": 64}),
    ],
)
def test_statistics_of_vggs_layers_come_back(
    tmp_path: Path, words: list[str], groups: dict[str, int]
) -> None:
    run = tmp_path / "run"
    few = ["network.weights=calibrated", "image.size=32", f"run_dir={run}"]
    assert main(["+experiment=self_transfer", *words, *few]) == 0
    found = metrics_of(run)
    channels = {k: v["of"] for k, v in found["network"]["channels"].items()}
    assert channels == groups
    assert found["self_transfer"]["psnr_db"] > 80


@pytest.mark.slow
def test_pixel_moments_are_transferred(tmp_path: Path) -> None:
    words = ["+experiment=transfer", "target=sample:coffee", "features=pixel_moments"]
    assert main([*words, "image.size=32", f"run_dir={tmp_path / 'run'}"]) == 0
    assert max(metrics_of(tmp_path / "run")["transfer"]["decoupled_feature_mse"].values()) < 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_keras_model_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    held: dict = {}
    exec(compile(listing("network in a notebook").split("network = dc")[0], "model", "exec"), held)
    held["model"].save("model.keras")
    words = ["+experiment=self_transfer", "network=keras", "network.model=model.keras"]
    words += ["layers=[first,second]", "image.size=32", "run_dir=run"]
    assert main(words) == 0
    found = metrics_of(tmp_path / "run")
    assert found["network"]["weights"] == "model.keras"
    assert found["self_transfer"]["psnr_db"] > 80
    capsys.readouterr()
    assert main(["verify=run"]) == 0
    assert capsys.readouterr().out.startswith("identical")
    # Another model in its place is another run's.
    layer = held["model"].get_layer("first")
    layer.set_weights([1.1 * np.asarray(w) for w in layer.get_weights()])
    held["model"].save("model.keras")
    capsys.readouterr()
    assert main(["verify=run"]) == 2
    assert "not those of the run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["network=keras"], "needs network.model="),
        (["network=keras", "network.model=m.keras"], "names of layers"),
        (["network=keras", "network.model=m.keras", "layers=[a]"], "no Keras model"),
        (["network=keras", "network.model=Resnet50", "layers=[a]"], "did you mean 'ResNet50'"),
        (["network=keras", "network.model=m.keras", "network.pooling=l2"], "auto, average, max"),
        (
            ["network=keras", "network.model=m", "network.activation=unbiased_softplus"],
            "of a Keras model auto, softplus, relu",
        ),
        (["network=keras", "network.model=m", "network.width=-1"], "network.width=-1 must be"),
        (["network=keras", "network.model=m", "features=dists"], "network=vgg16 or vgg19"),
        (["features=grams"], "did you mean 'gram'"),
        (["features=gram", "features.most=0"], "too small"),
        (["features=pixel_moments", "features.orders=5"], "from 1 to 4"),
        (["features=pixel_moments", "features.of=band"], "did you mean 'bands'"),
        (["features=pixel_moments", "features.of=bands", "features.orders=1"], "always 0"),
        (["features.most=3"], "'most' is not an option of means"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refusal(capsys, "+experiment=self_transfer", *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("experiment", ["gatys_moreno", "compare", "classify"])
def test_experiments_of_vgg_say_so(experiment: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"+experiment={experiment}", "network=keras", "network.model=a.keras"]
    target = [] if experiment == "classify" else ["target=sample:coffee"]
    assert "which needs vgg16 or vgg19" in refusal(capsys, *words, *target)
