"""Transfer: put the source's decoupled features on the target."""

from __future__ import annotations

import numpy as np

from decouple.checks import strengths_of
from decouple.errors import ConfigError, unknown_name
from decouple.pipeline.job import Job
from decouple.stages import DecoupledFeatures, Imposed, Noisified, mix


def transfer(job: Job) -> None:
    """Steps 0 to 3, and once more out from the result to see what it holds."""
    strengths = chosen(job)
    source = job.noisify(job.source, "noisify_source", saved_as="noisified_source")
    target = job.noisify(job.target, "noisify_target", saved_as="noisified_target")
    features = mix(source.features, target.features, strengths)
    imposed = job.impose(target.image, features, retraced=True)
    job.save("result", imposed.image)
    job.results["strength"] = strengths
    held = decoupled(job, imposed)
    job.results["transfer"] = measured(job, source, target, imposed, features, held)


def chosen(job: Job) -> dict[str, float]:
    """{layer: strength}, 0 where `impose.from_source` leaves a layer to the target.

    Raises
    ------
    ConfigError : a layer that is not among those used.
    """
    layers, named = job.extractor.layers, job.config.impose.from_source
    for layer in named if named != "all" else ():
        if layer not in layers:
            raise ConfigError(unknown_name("layer of impose.from_source", layer, layers))
    strengths = strengths_of(job.config.strength, layers)
    return {k: t if named == "all" or k in named else 0.0 for k, t in strengths.items()}


def decoupled(job: Job, imposed: Imposed) -> DecoupledFeatures:
    """What an imposed image holds: its decoupled features, taken off on the way it came."""
    again = job.noisify(imposed.image, "noisify_result", ways=imposed.ways, retraced=True)
    return again.features


def measured(
    job: Job,
    source: Noisified,
    target: Noisified,
    imposed: Imposed,
    features: DecoupledFeatures,
    held: DecoupledFeatures,
) -> dict[str, dict[str, float]]:
    """Mean squared distances, {layer: value}, of raw and of decoupled features."""
    part = job.extractor
    raw = {name: part.measure(x) for name, x in (("source", job.source), ("target", job.target))}
    result = part.measure(imposed.image)
    return {
        "feature_mse_to_source": part.mean_square(result - raw["source"]),
        "feature_mse_target_to_source": part.mean_square(raw["target"] - raw["source"]),
        "decoupled_feature_mse": _mse(held, features),
        "decoupled_feature_mse_target_to_source": _mse(target.features, source.features),
    }


def _mse(a: DecoupledFeatures, b: DecoupledFeatures) -> dict[str, float]:
    return {k: float(np.mean(np.square(a.values[k] - b.values[k]))) for k in b.values}
