"""Tables of features that are made up, for what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decouple.record.feature_rows import DONE, FeatureRow
from decouple.record.feature_table import begin_table, write_table

ONE, TWO = "block1_conv1", "block2_conv1"


def made_table(
    folder: Path,
    labels: Sequence[str],
    raw: np.ndarray,
    decoupled: np.ndarray,
    family: str = "means",
    failed: Sequence[int] = (),
    digest: str = "d",
    first: int = 0,
) -> Path:
    """A table of pictures `000.png`, …; half of the features are one layer's, half another's."""
    half = raw.shape[1] // 2
    cut = {ONE: slice(0, half), TWO: slice(half, None)}
    about = {
        "features": {
            **{"network": "vgg16", "weights": "0" * 64, "family": family},
            **{"activation": "softplus", "width": "0.1", "pooling": "average"},
        },
        "channels": {ONE: list(range(half)), TWO: list(range(raw.shape[1] - half))},
        "image": {"height": 8, "width": 8, "fit": "crop"},
        "noise": {"height": 8, "width": 8, "seed": 0, "draws": 1},
        "flow": {"name": "lift"},
        "stepper": {"name": "symmetric"},
        "accuracy": 1e-3,
    }
    rows = []
    for number, label in enumerate(labels):
        held = {} if number in failed else {k: raw[number, at].tolist() for k, at in cut.items()}
        moved = (
            {} if number in failed else {k: decoupled[number, at].tolist() for k, at in cut.items()}
        )
        status = "cannot be read: it is broken" if number in failed else DONE
        path = f"{first + number:03d}.png"
        rows.append(
            (FeatureRow(path, status, f"{digest}{number}", raw=held, decoupled=moved), label)
        )
    folder.mkdir(parents=True)
    begin_table(folder, about)
    write_table(folder, about, rows, parquet=False)
    return folder
