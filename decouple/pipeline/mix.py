"""The mixing grid: which layer's features come from the source, and how much of them."""

from __future__ import annotations

from decouple.pipeline.forecast import BOTH, Forecast, Untold, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.report.panel import plot_grid
from decouple.stages import mix as mixed

ALL = "all layers"


def mix(run: Run) -> None:
    """One imposition for each cell: rows are layers of the source, columns are strengths."""
    source = run.noisify(run.source, "noisify_source", saved_as="noisified_source")
    # Layers that a cell leaves to the target come back on it.
    target = run.noisify(run.target, "noisify_target", saved_as="noisified_target", comes_back=True)
    cells = []
    for number, (row, taken) in enumerate(_rows(run.inputs).items(), start=1):
        for strength in run.config.mix.strengths:
            features = mixed(source.features, target.features, dict.fromkeys(taken, strength))
            imposed = run.impose(target.image, features)
            name = f"mix_{number}_{row.replace(' ', '_')}_{strength:g}"
            run.save(name, imposed.image)
            cells.append({"row": row, "strength": strength, "image": name})
    run.record(mix={"strengths": list(run.config.mix.strengths), "cells": cells})
    run.draw(plot_grid)


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time."""
    cells = len(_rows(inputs)) * len(inputs.config.mix.strengths)
    return of_walks(inputs, lambda _: {**BOTH, "impose": cells})


def _rows(inputs: Inputs) -> dict[str, tuple[str, ...]]:
    """{name: layers whose features come from the source}."""
    layers = inputs.extractor.layers
    rows: dict[str, tuple[str, ...]] = {layer: (layer,) for layer in layers}
    return {**rows, ALL: layers} if len(layers) > 1 else rows
