"""The built wheel works away from the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


def python(*arguments, folder, **environment):
    """What Python prints in `folder`, which must end with exit code 0."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def configs_of_checkout():
    folder = CHECKOUT / "configs"
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*.yaml")}
    assert found
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the source distribution, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("built")
    # Without isolation, which would fetch hatchling from the network.
    python("-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT, folder=folder)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """The folder into which the wheel alone is installed."""
    target = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("*.whl")
    python(
        *("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"),
        *("--disable-pip-version-check", "--target", target, wheel),
        folder=target,
    )
    return target


def test_source_distribution_holds_the_configs(built):
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"configs/{name}" for name in configs_of_checkout()} <= names
    assert {"LICENSE", "README.md", "pyproject.toml", "decouple/py.typed"} <= names


def test_wheel_holds_the_configs_and_the_type_marker(installed):
    folder = installed / "decouple" / "configs"
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*.yaml")}
    assert found == configs_of_checkout()
    assert (installed / "decouple" / "py.typed").is_file()


def test_configs_come_from_the_wheel(installed, tmp_path):
    code = "import decouple.config; print(decouple.config.config_folder())"
    printed = python("-c", code, folder=tmp_path, PYTHONPATH=str(installed))
    assert Path(printed.strip()) == (installed / "decouple" / "configs").resolve()


@pytest.fixture(scope="module")
def command(installed):
    """The console command."""
    posix = installed / "bin" / "decouple"
    return posix if posix.exists() else installed / "Scripts" / "decouple.exe"


def versions(command, path, folder):
    """What the console command and the module do when they are asked for the version."""
    return [
        subprocess.run(
            [*words, "--version"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(path)},
            capture_output=True,
            text=True,
            check=True,
        )
        for words in ([command], [sys.executable, "-m", "decouple.run"])
    ]


def test_the_console_command_does_what_the_module_does(command, installed, tmp_path):
    printed = [done.stdout for done in versions(command, installed, tmp_path)]
    assert printed[0] == printed[1] != ""


def test_beside_python_decouple_there_is_one_line_more(command, installed, tmp_path):
    shutil.copytree(installed / "decouple", tmp_path / "decouple")
    (tmp_path / "decouple.py").write_text("config = dict")  # what python-decouple installs
    for done in versions(command, tmp_path, tmp_path):
        (said,) = done.stderr.splitlines()
        assert "python-decouple" in said
        assert done.stdout.startswith("decouple ")


def test_citation_changelog_and_package_are_of_one_version(built):
    (version,) = re.findall(
        r"^version: (\S+)$", (CHECKOUT / "CITATION.cff").read_text("utf-8"), re.M
    )
    assert [path.name for path in built.glob("*.tar.gz")] == [f"decouple_features-{version}.tar.gz"]
    assert f"\n## [{version}] - 20" in (CHECKOUT / "CHANGELOG.md").read_text("utf-8")


def test_help(installed, tmp_path):
    printed = python("-m", "decouple.run", "--help", folder=tmp_path, PYTHONPATH=str(installed))
    assert "self_transfer" in printed
    assert list(tmp_path.iterdir()) == []


def test_self_transfer_in_an_empty_folder(installed, tmp_path):
    python(
        *("-m", "decouple.run", "+experiment=self_transfer", "layers=1", "image.size=24"),
        "network.weights=calibrated",
        folder=tmp_path,
        PYTHONPATH=str(installed),
    )
    (written,) = tmp_path.glob("runs/self_transfer/*/metrics.json")
    metrics = json.loads(written.read_text(encoding="utf-8"))
    assert metrics["experiment"] == "self_transfer"
    assert written.with_name("report.html").read_text(encoding="utf-8").endswith("</html>")
