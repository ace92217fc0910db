"""Run folders as a run leaves them, without running one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from decouple import images
from decouple.flows.trace import StepReport
from decouple.overrides import composed
from decouple.record.history import History
from decouple.report import style
from decouple.report.curves import plot_losses
from decouple.report.panel import plot_panel

LAYERS = ("block1_conv1", "block2_conv1")
MEASURED: dict[str, Any] = {
    "schema": 1,
    "experiment": "self_transfer",
    "seed": 3,
    "versions": {"decouple": "0.1.0", "python": "3.11", "tensorflow": "2.20", "keras": None},
    "device": "CPU",
    "numerics": {"processor": "of some kind", "threads": 2, "XLA_FLAGS": "--some"},
    "seconds": 75.25,
    "peak_memory_bytes": 512 * 2**20,
    "tolerance": 1e-4,
    "tolerance_met": True,
    "source": {"origin": "sample:coffee", "digest": "ab" * 32},
    "network": {
        "name": "vgg19",
        "weights": "calibrated",
        "weights_digest": "cd" * 32,
        "activation": "softplus",
        "width": 0.1,
        "pooling": "average",
        "layers": list(LAYERS),
        "channels": {LAYERS[0]: {"used": 63, "of": 64}, LAYERS[1]: {"used": 128, "of": 128}},
    },
    "image": {"height": 16, "width": 24},
    "flow": {"name": "lift"},
    "stepper": {"name": "symmetric", "max_steps": 500},
    "stages": [
        {
            "stage": "noisify_source",
            "layer": LAYERS[1],
            "stop_reason": "reached",
            "steps": 21,
            "passes": 1234,
            "seconds": 12.34,
            "feature_mse": {LAYERS[0]: 2.5e-16, LAYERS[1]: 3.5e-15},
            "image_change_psnr_db": 20.16,
        },
    ],
    "clipped_share": {"result": 0.028},
    "difference_gain": 1000,
    "self_transfer": {
        "psnr_db": 141.264,
        "max_error_8bit": 0.00321,
        "differing_pixels_8bit": 0.0001,
        "excursion_recovered": 1 - 3e-7,
    },
}


def steps(*stages: str) -> Iterator[StepReport]:
    """Eight steps of each stage."""
    for stage in stages:
        for step in range(1, 9):
            mse = {LAYERS[1]: 10.0 ** (-2 * step), LAYERS[0]: 1e-15}
            yield StepReport(stage, LAYERS[1], step / 8, 6 * step, 0.1 * step, mse)


def write_run(
    folder: Path,
    words: tuple[str, ...] = ("source=sample:coffee", "seed=3"),
    *,
    config: dict[str, Any] | None = None,
    pictures: tuple[str, ...] = ("source", "noisified_1_block1_conv1", "result", "difference"),
    shape: tuple[int, int] = (16, 24),
    drawn: bool = False,
    **measured: Any,
) -> Path:
    """A finished run in `folder`: settings from `words`, other settings and metrics as given.

    The figures are blank sheets, unless they are to be drawn, which takes a second.
    """
    (folder / "images").mkdir(parents=True)
    settings = {**composed("+experiment=self_transfer", *words), **(config or {})}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    (folder / "metrics.json").write_text(json.dumps({**MEASURED, **measured}), "utf-8")
    for k, name in enumerate(pictures):
        ramp = np.linspace(0, 1, shape[0] * shape[1] * 3).reshape(*shape, 3)
        images.save((ramp + 0.1 * k) % 1, folder / "images" / f"{name}.png")
    with History(folder, LAYERS) as history:
        for report in steps("noisify_source", "impose"):
            history(report)
    if drawn:
        plot_losses(folder)
        plot_panel(folder)
    else:
        (folder / "plots").mkdir()
        for k, name in enumerate(("loss_noisify_source", "loss_impose", "panel")):
            figure = Image.new("RGB", (300, 150 + k), "white")
            figure.save(folder / "plots" / f"{name}.png", dpi=(style.DPI, style.DPI))
    return folder
