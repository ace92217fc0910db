"""Permissions that bind whoever runs the tests, root too."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

_NOBODY = 65534


@contextmanager
def bound_by_permissions() -> Iterator[Path]:
    """A new folder, and until the block ends a user who may do there what its mode says.

    Root is `nobody` meanwhile, and may not even read the modules of some installations: import
    before what the block needs.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("no such permissions here")
    Image.init()  # its formats
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), os.geteuid() == 0
        if root:
            os.chown(folder, _NOBODY, -1)
            os.seteuid(_NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            if root:
                os.seteuid(0)
