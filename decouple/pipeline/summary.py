"""What metrics.json says of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from decouple.devices import described
from decouple.features import Extractor, Features, fidelity
from decouple.flow_kinds import FLOWS
from decouple.networks import Activation, Chain, Pooling
from decouple.parsing import options_of
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.recorder import Recorder
from decouple.record.metrics import environment
from decouple.stages import Prepared


def summary(
    inputs: Inputs, prepared: Prepared | None, recorder: Recorder, *, ended: bool = True
) -> dict[str, Any]:
    """All of it; what an experiment recorded comes last, and overrides what stands before.

    Parameters
    ----------
    prepared : what step 0 found; None where no features were moved, or while it goes on
    ended : whether the run has; until then nothing is measured for it
    """
    config, flow = inputs.config, inputs.flow
    return {
        "experiment": config.experiment,
        "seed": config.seed,
        **environment(described()),
        "seconds": recorder.seconds,
        **({"tolerance": config.tolerance} if _tolerates(inputs, prepared) else {}),
        **inputs.origins(),
        **({"regions": [r.described() for r in inputs.regions]} if inputs.regions else {}),
        "network": {**_network(inputs, prepared), **(_fidelity(inputs, prepared) if ended else {})},
        "features": options_of(inputs.config.features),
        "image": dict(zip(("height", "width"), inputs.size, strict=True)),
        **({} if prepared is None else {"noise": _noise(inputs, prepared)}),
        **FLOWS.named(flow.name).describe(flow, config, inputs.target.shape),
        "stages": list(recorder.stages),
        "clipped_share": recorder.clipped,
        **recorder.results,
    }


def _tolerates(inputs: Inputs, prepared: Prepared | None) -> bool:
    """Whether a round trip's tolerance has a meaning."""
    return prepared is not None and inputs.experiment.takes_setting("tolerance")


def _channels(inputs: Inputs, prepared: Prepared | None) -> Features:
    return inputs.extractor if prepared is None else prepared.channels


def _network(inputs: Inputs, prepared: Prepared | None) -> dict[str, Any]:
    """The network, or the features that are of none, and what of them is used."""
    extractor = _channels(inputs, prepared)
    own = {"name": inputs.config.features.name, "dtype": extractor.dtype}
    return {
        **dict.fromkeys(("name", "weights", "weights_digest", "activation", "width", "pooling")),
        **(own if inputs.network is None else inputs.network.described()),
        "layers": list(extractor.layers),
        "channels": {
            layer: {"used": int(alive.sum()), "of": int(alive.size)}
            for layer, alive in extractor.alive.items()
        },
        **_directions(prepared),
    }


def _directions(prepared: Prepared | None) -> dict[str, Any]:
    """How many combinations of a layer's features are moved, where it is not they themselves."""
    if prepared is None or prepared.extractor is prepared.channels:
        return {}
    moved = prepared.extractor
    return {"directions": dict(zip(moved.layers, moved.sizes, strict=True))}


def _fidelity(inputs: Inputs, prepared: Prepared | None) -> dict[str, Any]:
    """How much the smooth network is the one that was trained."""
    chain, extractor = inputs.network, _channels(inputs, prepared)
    if not isinstance(chain, Chain) or not isinstance(extractor, Extractor):
        return {}
    if inputs.experiment.of_many:
        return {}  # noise tells nothing of pictures
    as_trained = (chain.activation, chain.pooling) == (Activation.RELU, Pooling.MAX)
    if not chain.weights.trained or as_trained:
        return {}
    found = fidelity(extractor, inputs.source.astype(np.float64))
    return {"fidelity": {layer: values._asdict() for layer, values in found.items()}}


def _noise(inputs: Inputs, prepared: Prepared) -> dict[str, Any]:
    noise = {k: getattr(prepared.reference, k) for k in ("kind", "height", "width", "draws")}
    if inputs.references is not None:
        noise["reference"] = {
            "origin": inputs.references.origin,
            "digest": inputs.references.digest,
        }
    return noise
