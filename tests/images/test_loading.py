import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import colours, levels, refusal, stored

from decouple.images import load


@pytest.mark.parametrize(
    "name",
    [
        "two words.png",
        'it\'s "quoted".png',
        "size=5,fit=crop.png",
        "näme-画像-🖼.png",
        "<b>&amp;.png",
        "line\nbreak.png",
        "percent%20{x}.png",
    ],
)
def test_odd_file_names(tmp_path, name):
    path = stored(tmp_path / name, colours())
    assert np.array_equal(levels(load(path)), colours())
    path.write_bytes(b"no picture")
    refusal(path)
    path.unlink()
    refusal(path)


def test_path_objects_are_files_even_if_named_like_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored(Path("sample:astronaut"), colours(), format="PNG")
    assert np.array_equal(levels(load(Path("sample:astronaut"))), colours())


def test_import_is_light():
    code = (
        "import sys, decouple.images; "
        "print([m for m in ('tensorflow', 'skimage', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
