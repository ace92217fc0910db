"""The mixing grid: which layer's features come from the source, and how much of them."""

from __future__ import annotations

from decouple.pipeline.job import Job
from decouple.report.panel import plot_grid
from decouple.stages import mix as mixed

ALL = "all layers"


def mix(job: Job) -> None:
    """One imposition for each cell: rows are layers of the source, columns are strengths."""
    source = job.noisify(job.source, "noisify_source", saved_as="noisified_source")
    target = job.noisify(job.target, "noisify_target", saved_as="noisified_target")
    layers = job.extractor.layers
    rows: dict[str, tuple[str, ...]] = {layer: (layer,) for layer in layers}
    if len(layers) > 1:
        rows[ALL] = layers
    cells = []
    for number, (row, taken) in enumerate(rows.items(), start=1):
        for strength in job.config.mix.strengths:
            features = mixed(source.features, target.features, dict.fromkeys(taken, strength))
            imposed = job.impose(target.image, features)
            name = f"mix_{number}_{row.replace(' ', '_')}_{strength:g}"
            job.save(name, imposed.image)
            cells.append({"row": row, "strength": strength, "image": name})
    job.results["mix"] = {"strengths": list(job.config.mix.strengths), "cells": cells}
    job.figures.append(plot_grid)
