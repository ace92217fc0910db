"""Where this package was installed from."""

from __future__ import annotations

import json
import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

# On package indexes; `decouple` is another project there.
_NAME = "decouple-features"
_CHECKOUT = Path(__file__).resolve().parents[1]


def install_command(extra: str) -> str:
    """The `pip install` that adds an extra to this very package, quoted for a POSIX shell.

    What came from a folder, a repository or an
    archive is therefore asked for there, as PEP 610 has it, and else by its very version.
    """
    return shlex.join(["pip", "install", *_requirement(extra)])


def _requirement(extra: str) -> list[str]:
    distribution = _distribution(extra)
    if distribution is None:  # it runs without being installed
        return ["-e", f"{_CHECKOUT}[{extra}]"]
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    url, name = origin.get("url"), f"{_NAME}[{extra}]"
    if url is None:
        return [f"{name}=={distribution.version}"]
    if "dir_info" in origin:
        folder = f"{url2pathname(urlsplit(url).path)}[{extra}]"
        return ["-e", folder] if origin["dir_info"].get("editable") else [folder]
    if "vcs_info" in origin:
        repository = origin["vcs_info"]
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return [f"{name} @ {url}"]


def _distribution(extra: str) -> metadata.Distribution | None:
    """This package's as it is installed; None where it is not, or another has its name."""
    try:
        found = metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        return None
    return found if extra in (found.metadata.get_all("Provides-Extra") or ()) else None
