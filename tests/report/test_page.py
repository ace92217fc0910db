"""report.html of a run: what it says, and that it needs nothing else."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from html_pages import Page, check_needs_nothing_else
from hydra import initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from run_folders import LAYERS, MEASURED, write_run

from decouple.command_line import compose_checked
from decouple.config import config_folder, register
from decouple.flows.stop import StopReason
from decouple.report.page import write_page
from decouple.report.template import Embedded

ROOT = Path(__file__).resolve().parents[2]
EVIL = "<script>alert(1)</script>.png"


def page_of(folder: Path) -> Page:
    assert write_page(folder) == folder / "report.html"
    return Page(folder / "report.html")


def test_a_whole_run(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run"))
    check_needs_nothing_else(page)
    assert page.text("h1") == ["Self-transfer"]
    lead = page.text("p")[0]
    assert lead.startswith("Self-transfer of sample:coffee, 24 × 16 px, through 2 layers of vgg19")
    assert "calibrated weights" in lead
    assert lead.endswith("in 0:01:15.")
    assert dict(zip(page.text("dt"), page.text("dd"), strict=True)) == {
        "PSNR to the source": "141.26 dB tolerance 0.0001 met",
        "differing values in 8 bits": "0.01 % of all values",
        "largest error in 8 bits": "0.00321 levels of 255",
        "excursion recovered": "1 − 3.0e-07 1 is the very same picture",
    }
    rows = page.rows()
    stage = ["source noisification", "block2_conv1", "reached"]
    stage += ["21", "1,234", "12.3", "3.5e-15", "2.5e-16", "20.2"]
    assert stage in rows
    assert {"title": StopReason.REACHED.value} in page.all("abbr")
    for pair in (
        ["weights", "calibrated"],
        ["digest of weights", "cd" * 32],
        ["activation", "softplus of width 0.1"],
        ["layers", "block1_conv1 (63 of 64 channels), block2_conv1 (128 of 128 channels)"],
        ["stepper", "symmetric, max steps 500"],
        ["peak memory", "512 MiB"],
        ["processor", "of some kind"],
        ["threads", "2"],
        ["XLA_FLAGS", "--some"],
        ["versions", "decouple 0.1.0, python 3.11, tensorflow 2.20"],
        ["source", "sample:coffee", "sample:astronaut"],
        ["seed", "3", "0"],
    ):
        assert pair in rows
    captions = page.text("figcaption")
    assert captions[0] == "source"
    assert "resultPSNR 141.3 dB to source, 2.8 % of values clipped" in captions
    assert captions[-1] == "|result − source| × 1,000"
    assert not any("notice" in p.get("class", "") for p in page.all("p"))


def test_pictures_and_figures_are_the_files_bytes(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    page = page_of(folder)
    files = {path.read_bytes() for path in (folder / "images").glob("*.png")}
    files |= {path.read_bytes() for path in (folder / "plots").glob("loss_*.png")}
    assert len(files) == 6
    assert set(page.embedded) == files
    assert all(image["alt"] for image in page.all("img") if "src" in image)
    # The figures stand in the order of the stages, not of the alphabet; at 150 dots an inch.
    figures = [image for image in page.all("img") if image["alt"].startswith("Loss curves")]
    assert [f["alt"].split(": ")[1] for f in figures] == ["source noisification", "imposition"]
    with Image.open(folder / "plots" / "loss_impose.png") as drawn:
        assert int(figures[1]["width"]) == round(drawn.width * 96 / 150)


def test_the_same_folder_gives_the_same_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    first = write_page(folder).read_bytes()
    assert write_page(folder).read_bytes() == first
    assert {path.name for path in folder.iterdir()} == {
        *("config.yaml", "metrics.json", "history.csv", "images", "plots", "report.html")
    }


def test_names_are_shown_not_obeyed(tmp_path: Path) -> None:
    attribute = 'a" onerror="alert(1)" b="><img src=x onerror=alert(1)>'
    folder = write_run(
        tmp_path / "run",
        config={"source": EVIL},
        pictures=("source", "result", attribute),
        source={"origin": EVIL, "digest": "</td><script>alert(2)</script>"},
        device="<b>GPU</b> & more",
        other={"</style><script>": "{{ 7 * 7 }}"},
    )
    page = page_of(folder)
    check_needs_nothing_else(page)
    assert "alert" not in page.texts["script"][0]
    assert EVIL not in page.source
    assert f"Self-transfer of {EVIL}" in page.text("p")[0]
    assert ["source", f"'{EVIL}'", "sample:astronaut"] in page.rows()
    assert ["device", "<b>GPU</b> & more"] in page.rows()
    assert ["other, </style><script>", "{{ 7 * 7 }}"] in page.rows()
    assert any(image["alt"] == attribute.replace("_", " ") for image in page.all("img"))
    command = page.text("code")[0]
    assert f"source='{EVIL}'" in shlex.split(command)


HEADINGS = {
    *("Result", "Source and result", "Pictures", "Stages", "Loss curves"),
    *("Settings", "Network and flow", "Environment"),
}


@pytest.mark.parametrize(
    ("absent", "headings"),
    [
        ([], set()),
        (["metrics.json"], {"Result", "Stages", "Network and flow", "Environment"}),
        (["config.yaml"], {"Settings"}),
        (["images"], {"Pictures", "Source and result"}),
        (["images/result.png"], {"Source and result"}),
        (["plots"], {"Loss curves"}),
        (["plots", "images", "config.yaml", "metrics.json", "history.csv"], HEADINGS),
    ],
    ids=lambda part: "-".join(part) or "nothing" if isinstance(part, list) else "",
)
def test_what_is_not_there_is_left_out(
    absent: list[str], headings: set[str], tmp_path: Path
) -> None:
    folder = write_run(tmp_path / "run")
    for name in absent:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = page_of(folder)
    check_needs_nothing_else(page)
    assert set(page.text("h2")) == HEADINGS - headings
    if "metrics.json" in absent:
        assert any("no metrics.json" in text for text in page.text("p"))


def test_any_part_of_the_metrics_may_be_missing(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    for key in MEASURED:
        (folder / "metrics.json").write_text(
            json.dumps({k: v for k, v in MEASURED.items() if k != key}), "utf-8"
        )
        assert page_of(folder).text("h1") == ["Self-transfer"]
        (folder / "metrics.json").write_text(json.dumps({**MEASURED, key: None}), "utf-8")
        assert page_of(folder).text("h1") == ["Self-transfer"]


def test_a_run_that_fell_short_says_so_first(tmp_path: Path) -> None:
    stages = [{**MEASURED["stages"][0], "stop_reason": "step_limit"}]
    folder = write_run(tmp_path / "run", pictures=("source",), stages=stages, self_transfer=None)
    texts = page_of(folder).text("p")
    assert texts[1] == f"Source noisification, block2_conv1: {StopReason.STEP_LIMIT.value}"
    assert texts[2].startswith("There is no result")


def test_a_missed_tolerance_and_an_exact_result(tmp_path: Path) -> None:
    exact = {**MEASURED["self_transfer"], "psnr_db": None, "max_error_8bit": 0.0}
    page = page_of(write_run(tmp_path / "run", tolerance_met=False, self_transfer=exact))
    assert page.text("dd")[0] == "∞ dB tolerance 0.0001 not met"
    assert page.text("p")[1] == "The round trip's error exceeds the tolerance."


@pytest.mark.parametrize(
    ("name", "weights", "group", "each"),
    [
        ("means", "calibrated", "layer", "channels"),
        ("covariance", "calibrated", "layer", "features"),
        ("pixel_moments", None, "group", "features"),
        ("softfilters", None, "group", "features"),
    ],
)
def test_words_fit_the_features(
    tmp_path: Path, name: str, weights: str | None, group: str, each: str
) -> None:
    network = {**MEASURED["network"], "weights": weights}
    write_run(tmp_path / "run", network=network, features={"name": name})
    page = page_of(tmp_path / "run")
    words = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert f"through 2 {group}s of vgg19" in words
    assert f"block1_conv1 (63 of 64 {each})" in words
    assert group in page.text("th")


def test_a_transfer(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "run",
        config={"experiment": "transfer"},
        pictures=("source", "target", "result"),
        experiment="transfer",
        target={"origin": "sample:chelsea", "digest": "ef" * 32},
        self_transfer=None,
        transfer={
            "decoupled_feature_mse": {LAYERS[0]: 1e-9, LAYERS[1]: 4.2e-8},
            "feature_mse_to_source": {LAYERS[0]: 0.02, LAYERS[1]: None},
        },
    )
    page = page_of(folder)
    assert page.text("p")[0].startswith("Transfer of sample:coffee to sample:chelsea, ")
    assert dict(zip(page.text("dt"), page.text("dd"), strict=True)) == {
        "largest decoupled feature MSE": "4.2e-08 block2_conv1",
        "largest feature MSE to the source": "2.0e-02 block1_conv1",
    }
    assert "Target and result" in page.text("h2")
    target = (folder / "images" / "target.png").read_bytes()
    assert page.embedded.count(target) == 2  # under the slider, and among the pictures


def test_pictures_of_different_sizes_are_not_laid_over_each_other(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    Image.new("RGB", (30, 16)).save(folder / "images" / "result.png")
    assert "Source and result" not in page_of(folder).text("h2")


def compared(folder: Path, rows: list[dict]) -> list[list[str]]:
    """The rows of the page's table of `compare.rows`."""
    found = page_of(write_run(folder, compare={"rows": rows})).rows()
    return found[next(k for k, row in enumerate(found) if row[0] == "method") :]


def test_comparison_of_a_few_methods_has_a_row_for_every_key_of_any(tmp_path: Path) -> None:
    rows = [
        {"method": "lift", "psnr_db": 120.123, "passes": 1234, "seconds": 3.21},
        {"method": "gradient", "psnr_db": None, "stop_reason": "step_limit", "mse": {"a": 1e-9}},
    ]
    assert compared(tmp_path / "run", rows)[:6] == [
        ["method", "lift", "gradient"],
        ["PSNR (dB)", "120.12", "–"],
        ["passes", "1,234", "–"],
        ["seconds", "3.2", "–"],
        ["stop reason", "–", "step limit"],
        ["MSE, a", "–", "1.0e-09"],
    ]


def test_comparison_of_many_methods_has_a_row_for_each(tmp_path: Path) -> None:
    rows = [{"method": f"gradient:{k}", "psnr_db": 10.0 + k, "seconds": k / 2} for k in range(4)]
    found = compared(tmp_path / "run", rows)
    assert found[0] == ["method", "PSNR (dB)", "seconds"]
    assert found[4] == ["gradient:3", "13.00", "1.5"]


def test_numbers_of_an_unknown_experiment_are_shown(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", ours={"style_loss": 1.24e-4, "rounds": 3}))
    assert ["ours, style_loss", "1.2e-04"] in page.rows()
    assert ["ours, rounds", "3"] in page.rows()


def test_the_command_composes_the_configuration(tmp_path: Path) -> None:
    words = ("source='my, odd = name.jpg'", "stepper=rk4", "stepper.steps=5", "run_dir=x")
    folder = write_run(tmp_path / "run", (*words, "layers=[block1_conv1,block3_conv2]"))
    page = page_of(folder)
    command = shlex.split(page.text("code")[0])
    assert command[:3] == ["python", "-m", "decouple.run"]
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        again = OmegaConf.to_container(compose_checked(command[3:]), resolve=True)
    kept = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    assert again == {**kept, "run_dir": None}
    assert kept["run_dir"] == "x"
    table = [row for row in page.rows() if len(row) == 3]
    assert [row[0] for row in table[1:]] == ["stepper", "source", "layers", "stepper.steps"]


def test_settings_of_another_version_are_shown_without_a_command(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", config={"of_tomorrow": 1}))
    assert any("do not apply: settings of another version" in text for text in page.text("p"))
    assert "of_tomorrow: 1" in page.text("code")[0]
    assert "decouple.run" not in page.source


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB` (WCAG 2.2)."""
    values = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_both_schemes_are_legible(tmp_path: Path) -> None:
    (css,) = page_of(write_run(tmp_path / "run")).texts["style"]
    light, dark = css.split("@media (prefers-color-scheme: dark)", 1)
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", part.split("\n}")[0])) for part in (light, dark)
    ]
    assert luminance(schemes[0]["paper"]) > 0.9
    assert luminance(schemes[1]["paper"]) < 0.05
    pairs = [(ink, paper) for ink in ("ink", "muted", "accent") for paper in ("paper", "card")]
    for scheme in schemes:
        for ink, paper in [*pairs, ("warning-ink", "warning")]:
            bright, dim = sorted((luminance(scheme[ink]), luminance(scheme[paper])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, paper)


def test_no_tensorflow_is_needed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    program = (
        "import sys; from decouple.report.page import write_page; "
        "from decouple.report.sweep import write_sweep_page; "
        f"write_page({str(folder)!r}); sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").exists()


def test_a_file_that_is_no_png_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png", format="JPEG")
    Image.new("RGB", (80, 40)).save(tmp_path / "large.png")
    assert Embedded.of(tmp_path / "absent.png") is None
    assert Embedded.of(tmp_path / "text.png") is None
    assert Embedded.of(tmp_path / "other.png") is None
    small = Embedded.of(tmp_path / "large.png", largest=20)
    assert small is not None
    assert (small.width, small.height) == (20, 10)
