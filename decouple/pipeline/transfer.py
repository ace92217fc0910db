"""Transfer: put the source's decoupled features on the target."""

from __future__ import annotations

import numpy as np

from decouple.errors import ConfigError, unknown_layer
from decouple.parsing import strengths_of
from decouple.pipeline import region_transfer
from decouple.pipeline.forecast import BOTH, Forecast, Untold, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run
from decouple.stages import DecoupledFeatures, Noisified, Retraced, distances, mix, weighted_mean


def transfer(run: Run) -> None:
    """Steps 0 to 3, and once more out from the result to see what it holds."""
    strengths = chosen(run.inputs)
    source = of_sources(run)
    # Of the target come back, along its own way, the last layers that the source does not change.
    kept = strengths[run.extractor.layers[-1]] == 0
    target = run.noisify(run.target, "noisify_target", saved_as="noisified_target", comes_back=kept)
    features = mix(source, target.features, strengths)
    check_passes = None if run.config.transfer.check else 0
    done = run.impose_retraced(target.image, features, check_passes)
    image = run.inputs.finished(done.imposed.image)
    run.save("result", image)
    run.record(strength=strengths, transfer=measured(run, source, target, done, features))
    if done.traceable is None and run.config.transfer.check:
        run.say(
            "The check by noisifying the result again took more passes than the imposition and was "
            "given up: what the result gives up is not known."
        )
    elif done.traceable is False:
        run.say(
            "Noisifying the result again does not give what was imposed (decoupled_feature_mse in "
            "metrics.json): it lies too far from pictures, or the flow is not reversible."
        )


def of_sources(run: Run) -> DecoupledFeatures:
    """Step 1: the decoupled features of the source, or the weighted mean of several sources'.

    Of regions those that each takes.
    """
    if run.inputs.regions:
        return region_transfer.taken(run)
    seen, taken = run.inputs.seen, []
    for role, weight in run.inputs.sources.items():
        done = run.noisify(seen[role], f"noisify_{role}", saved_as=f"noisified_{role}")
        taken.append((weight, done.features))
    return weighted_mean(taken)


def chosen(inputs: Inputs) -> dict[str, float]:
    """{layer: strength}, 0 where `impose.from_source` leaves a layer to the target.

    Raises
    ------
    ConfigError : a layer that is not among those used.
    """
    layers, named = inputs.extractor.layers, inputs.config.impose.from_source
    for layer in named if named != "all" else ():
        if layer not in layers:
            raise ConfigError(unknown_layer("layer of impose.from_source", layer, layers))
    strengths = strengths_of(inputs.config.strength, layers)
    return {k: t if named == "all" or k in named else 0.0 for k, t in strengths.items()}


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time."""

    def walks(depth: int) -> dict[str, int]:
        # The last layer's features are known before it would be moved again.
        again = {"noisify_result": 1} if depth < len(inputs.extractor.layers) else {}
        sources = {"noisify_source": len(inputs.sources)}
        return {**BOTH, **sources, "impose": 1, **again}

    return of_walks(inputs, walks)


def measured(
    run: Run,
    source: DecoupledFeatures,
    target: Noisified,
    done: Retraced,
    features: DecoupledFeatures,
) -> dict[str, dict[str, float] | None]:
    """Mean squared distances, {layer: value}, of raw and of decoupled features."""
    part = run.extractor
    inputs, imposed = run.inputs, done.imposed.image
    raw = {
        "source": _raw(run),
        "target": part.measure(run.target),
    }
    result = part.measure(inputs.looked_at(inputs.finished(imposed)))
    return {
        "feature_mse_to_source": part.mean_square(result - raw["source"]),
        "feature_mse_target_to_source": part.mean_square(raw["target"] - raw["source"]),
        "decoupled_feature_mse": distances(done.held, features) if done.held else None,
        "imposed_mean_square": {
            k: float(np.mean(np.square(v))) for k, v in features.values.items()
        },
        "decoupled_feature_mse_target_to_source": distances(target.features, source),
        **({"region_feature_mse": _in_regions(run, done, features)} if inputs.regions else {}),
    }


def _raw(run: Run) -> np.ndarray:
    """Raw features (C,) of the source, or what stands for them where there are several."""
    inputs = run.inputs
    if inputs.regions:
        return region_transfer.measured(run)
    measured = [w * run.extractor.measure(inputs.seen[role]) for role, w in inputs.sources.items()]
    return np.asarray(np.sum(measured, axis=0))


def _in_regions(run: Run, done: Retraced, features: DecoupledFeatures) -> dict[str, float] | None:
    """Mean squared distances, {layer and region: value}, of decoupled features to those imposed."""
    if not done.held:
        return None
    apart = {k: done.held.values[k] - wanted for k, wanted in features.values.items()}
    found = region_transfer.by_region(run.extractor, len(run.inputs.regions), apart)
    return {name: float(np.mean(np.square(own))) for name, own in found}
