"""The hint on how to install more names this very package; its namesake is said."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import decouple
from decouple.installation import install_command
from decouple.namesake import namesake

CHECKOUT = Path(__file__).resolve().parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FOLDER = "file:///home/me/my%20checkout"
ORIGINS = {
    "editable": (
        {"url": FOLDER, "dir_info": {"editable": True}},
        ["-e", "/home/me/my checkout[cluster]"],
    ),
    "folder": ({"url": FOLDER, "dir_info": {}}, ["/home/me/my checkout[cluster]"]),
    "repository": (
        {"url": "https://host/it.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        [f"decouple-features[cluster] @ git+https://host/it.git@{COMMIT}"],
    ),
    "archive": (
        {"url": "file:///tmp/decouple_features-0.1.0-py3-none-any.whl", "archive_info": {}},
        ["decouple-features[cluster] @ file:///tmp/decouple_features-0.1.0-py3-none-any.whl"],
    ),
    "index": (None, ["decouple-features[cluster]==7.8"]),
}


def installed(folder: Path, origin: object, extra: str = "cluster") -> None:
    """What pip leaves of a distribution of this name."""
    about = folder / "decouple_features-7.8.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: decouple-features\nVersion: 7.8\nProvides-Extra: {extra}\n"
    )
    if origin is not None:
        (about / "direct_url.json").write_text(json.dumps(origin))


@pytest.mark.parametrize("name", ORIGINS)
def test_the_hint_names_what_is_installed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, words = ORIGINS[name]
    installed(tmp_path, origin)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert shlex.split(install_command("cluster")) == ["pip", "install", *words]


@pytest.mark.parametrize("other", [True, False], ids=["another of its name", "nothing"])
def test_a_checkout_that_is_not_installed_is_named(
    other: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if other:
        installed(tmp_path, None, extra="colours")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert shlex.split(install_command("cluster")) == [
        "pip",
        "install",
        "-e",
        f"{CHECKOUT}[cluster]",
    ]


def test_a_namesake_is_said_once_where_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decouple.py").write_text("config = dict")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.warns(UserWarning, match="python-decouple") as said:
        importlib.reload(decouple)
    (warning,) = said
    assert str(tmp_path / "decouple.py") in str(warning.message)
    assert "\n" not in str(warning.message)


def test_both_in_one_environment_are_one_line_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "decouple.py").write_text("config = dict")
    done = subprocess.run(
        [sys.executable, "-m", "decouple.run", "+experiment=self_transfr"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    said, error = done.stderr.splitlines()
    assert "python-decouple" in said
    assert error.startswith("error: ")


@pytest.mark.parametrize("kind", ["nothing", "package", "folder"])
def test_what_is_no_namesake(kind: str, tmp_path: Path) -> None:
    if kind == "package":
        (tmp_path / "decouple").mkdir()
        (tmp_path / "decouple" / "__init__.py").touch()
    elif kind == "folder":
        (tmp_path / "decouple.py").mkdir()
    assert namesake([str(tmp_path), str(tmp_path / "none"), "archive.zip"]) is None
