import json
import math
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from decouple.flows.stop import StopReason
from decouple.flows.trace import LayerTrace
from decouple.record import metrics as record
from decouple.record.folder import RunFolder


def trace(**changes):
    values = {
        "stage": "impose",
        "layer": "block1_conv1",
        "stepper": "rk45",
        "stop_reason": StopReason.STEP_LIMIT,
        "steps": 4,
        "passes": 24,
        "seconds": 0.5,
        "feature_mse": {"block1_conv1": np.float32(0.25), "block2_conv1": math.nan},
        "image_change_psnr_db": math.inf,
    }
    return LayerTrace(**{**values, **changes})


@pytest.fixture
def complete():
    return {
        "experiment": "self_transfer",
        "seed": 0,
        **record.environment("CPU"),
        "device": "cpu",
        "seconds": np.float64(2.5),
        "network": {
            **dict.fromkeys(("name", "weights", "weights_digest", "activation", "pooling"), "x"),
            "layers": ["x"],
        },
        "image": {"height": 150, "width": np.int64(100)},
        "flow": {"name": "lift"},
        "stepper": {"name": "rk45"},
        "stages": [record.stage_row(trace())],
        "self_transfer": {
            "psnr_db": math.inf,
            "max_error_8bit": -math.inf,
            "differing_pixels_8bit": 0.0,
            "excursion_recovered": math.nan,
        },
    }


def strict(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_written_metrics_are_strict_json_in_the_given_order(tmp_path, complete):
    record.write_metrics(RunFolder.create("x", tmp_path / "run"), {"schema": 7, **complete})
    written = strict(tmp_path / "run" / "metrics.json")
    assert list(written) == ["schema", *complete, "digests"]
    assert list(written["digests"]) == ["metrics.json"]
    assert written["schema"] == 1
    assert written["self_transfer"] == {
        "psnr_db": None,
        "max_error_8bit": None,
        "differing_pixels_8bit": 0.0,
        "excursion_recovered": None,
    }
    assert written["stages"][0]["feature_mse"] == {"block1_conv1": 0.25, "block2_conv1": None}
    assert written["stages"][0]["image_change_psnr_db"] is None
    assert written["image"]["width"] == 100
    assert record.read_metrics(tmp_path / "run") == written
    assert record.finished_metrics(tmp_path / "run") == written


def test_unwritten_metrics_are_empty(tmp_path):
    assert record.read_metrics(tmp_path) == {}


@pytest.mark.parametrize(
    ("experiment", "former", "now"),
    [
        ("compare_flows", "compare", "compare_flows"),
        ("compare_flows", "compare_flows", "compare_flows"),
        ("compare", "compare", "compare"),
    ],
)
def test_each_comparison_is_found_under_its_own_name(tmp_path, experiment, former, now):
    told = {"experiment": experiment, "seed": 0, former: {"rows": [{"method": "lift"}]}}
    (tmp_path / "metrics.json").write_text(json.dumps(told))
    metrics = record.read_metrics(tmp_path)
    assert list(metrics) == ["experiment", "seed", now]
    assert record.comparison(metrics)["rows"] == [{"method": "lift"}]


@pytest.mark.parametrize("metrics", [{}, {"compare": None}, {"transfer": {"rows": [1]}}])
def test_what_compared_nothing_has_no_comparison(metrics):
    assert record.comparison(metrics) == {}


def test_an_older_run_is_read_in_todays_words(tmp_path, complete):
    record.write_metrics(tmp_path, complete)
    held = json.loads((tmp_path / "metrics.json").read_text())
    row = {"method": "lift", "psnr_db": 1.0, "evaluations": 7, "seconds": 1.0}
    held |= {"experiment": "compare", "compare": {"rows": [row]}}
    for stage in held["stages"]:
        stage["evaluations"] = stage.pop("passes")
    held["network"] |= {"name": "vgg19", "weights": "calibrated"}
    (tmp_path / "metrics.json").write_text(json.dumps(held))
    metrics = record.read_metrics(tmp_path)
    assert [stage["passes"] for stage in metrics["stages"]] == [24]
    assert [row["passes"] for row in record.comparison(metrics)["rows"]] == [7]
    assert metrics["network"]["preprocessing"] is None
    record.check_metrics(metrics)


def test_every_missing_key_is_listed(tmp_path, complete):
    del complete["seed"]
    del complete["network"]["pooling"]
    del complete["stages"][0]["layer"]
    del complete["self_transfer"]["psnr_db"]
    complete["compare"] = {"rows": [{"method": "lift", "psnr_db": 1.0, "seconds": 1.0}]}
    complete["compare_flows"] = {"rows": [{"method": "lift", "psnr_db": 1.0, "passes": 1}]}
    complete["transfer"] = None
    with pytest.raises(ValueError, match="metrics lack") as error:
        record.write_metrics(tmp_path, complete)
    assert set(str(error.value).removeprefix("metrics lack ").split(", ")) == {
        "seed",
        "network.pooling",
        "stages[0].layer",
        "self_transfer.psnr_db",
        "compare.rows[0].passes",
        "compare_flows.rows[0].seconds",
        "transfer.feature_mse_to_source",
        "transfer.decoupled_feature_mse",
    }
    assert list(tmp_path.iterdir()) == []


def test_sections_are_needed_only_where_they_apply(complete):
    del complete["self_transfer"]
    record.check_metrics(complete)


def test_stage_row_is_named_as_in_the_contract():
    row = record.stage_row(trace(image_change_psnr_db=23.5))
    assert row["stop_reason"] == "step_limit"
    assert row["image_change_psnr_db"] == 23.5
    assert row["passes"] == 24


def test_environment_names_versions_without_importing_them():
    code = (
        "import json, sys; from decouple.record import metrics\n"
        "print(json.dumps(metrics.environment('CPU'))); assert 'tensorflow' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    found = json.loads(said.stdout)
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    names = {"decouple", "python", "tensorflow", "keras", "numpy", "scipy"}
    assert set(found["versions"]) == names


def test_tensorflow_is_found_under_its_other_names(monkeypatch):
    def version(name):
        if name == "tensorflow-cpu":
            return "2.99"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    versions = record.environment("CPU")["versions"]
    assert versions["tensorflow"] == "2.99"
    assert versions["keras"] is None
