"""Gram matrices, channel means and decoupled features, side by side on one pair of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from decouple.experiments.compare import TRANSFERS, split_compared
from decouple.flows import Flow, Gradient, Lift, Optimizer, Projected, optimizer, stepper
from decouple.flows.optimizers import Lbfgs
from decouple.judges import Judges, structure
from decouple.memory import forget_peak_memory, peak_memory_bytes
from decouple.parsing import stop_rules
from decouple.pipeline.asked import layers_of
from decouple.pipeline.forecast import BOTH, Forecast, Untold, of_walks
from decouple.pipeline.gatys import stylize
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.kept import IMAGE, RESULTS
from decouple.pipeline.running import Run
from decouple.record.compounds import Fields, Maybe, Record, Table
from decouple.record.forms import Array, Count, Number, Text
from decouple.record.table import write_table
from decouple.stages import DecoupledFeatures, StageError, noisify

READING = (
    "Each method made an image; the first three are what the others lie between: the target, which "
    "has all of its own structure and none of the source's style; the source, the reverse; and "
    "noise. Distances are to the source, relative to its own size, mean over the layers: 0 is the "
    "source's style, and the target's is where a method begins. Gram and means distance are "
    "what gram and means optimize at the layers used, and the decoupled distance what lift and "
    "projected bring to zero, so that none of them says alone which method is better; at held-out "
    "layers nobody optimized anything. SSIM, gradient similarity and PSNR are to the target: how "
    "much of its structure is left (1, or more dB, is all of it); the change of luminance "
    "structure sees neither brightness nor contrast (0 is none). A method is better where its "
    "distances are smaller at the same structure, not where one of the two is bought with the "
    "other. Passes count one image once forward or backward through the network; methods that "
    "descend a loss were given as many as the first method took. They need fewer where the loss "
    "converged before, and overrun a small budget by the step they are in; for projected that is "
    "as many passes as there are held channels."
)

# Of what no method made.
_NO_COST = dict.fromkeys(("passes", "seconds", "peak_memory_bytes"))


def compare(run: Run) -> None:
    """Each method in a run folder of its own below this one; then one table and one panel."""
    settings = run.config.compare
    run.record(flow={"name": "several"}, stepper={"name": "several"})
    ruler = _Ruler(run)
    height, width = run.target.shape[:2]
    noise = run.reference.noise(height, width)
    run.save("result_noise", noise)
    ruler.know(noise, DecoupledFeatures(run.reference.features))
    passes, done = settings.passes, []
    peaks = [peak_memory_bytes() or 0]
    for method in settings.methods:
        run.progress.finish()
        run.say(f"{method}:")
        forget_peak_memory()
        done.append(_of_method(run, ruler, method, passes))
        peaks.append(done[-1].cost["peak_memory_bytes"] or 0)
        if passes is None:
            passes = done[-1].cost["passes"]
    run.progress.finish()
    run.say("Measuring all images")
    known = (("target", run.target), ("source", run.source), ("noise", noise))
    rows = [
        {**ruler.row(name, x), "clipped_share": run.recorder.clipped.get(name, 0.0), **_NO_COST}
        for name, x in known
    ]
    rows += [{**ruler.row(m.method, m.image), **m.cost, **m.ending} for m in done]
    run.record(
        compare={
            "rows": rows,
            "passes": passes,
            "held_out": list(ruler.held_out),
            "reading": READING,
        },
        peak_memory_bytes=max(peaks) or None,
    )
    write_table(run.recorder.folder, "compare", rows, READING)


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time, at most, where the first method is no objective's."""
    settings = inputs.config.compare
    name, how = split_compared(settings.methods[0])
    if name not in TRANSFERS:
        return Untold(f"the budget is what {settings.methods[0]} takes")
    flow = transfer_flow(inputs, name, how, settings.passes)
    walks = {**BOTH, "impose": 1}
    return of_walks(inputs, lambda _: walks, flow, methods=len(settings.methods))


@dataclass(frozen=True)
class _Done:
    """What a method came to: its image, None where it failed, and parts of its row."""

    method: str
    image: np.ndarray | None
    cost: Mapping[str, Any]
    ending: Mapping[str, str]


def _of_method(run: Run, ruler: _Ruler, method: str, passes: int | None) -> _Done:
    """One method's image, saved and made known; carried out unless it had ended already."""
    told = run.once(method, partial(_carried_out, run, method, passes))
    name = f"result_{method.replace(':', '_')}"
    if told.image is not None:
        run.save(name, told.image)
    for role, values in told.features.items():
        # What measuring would find out once more.
        ruler.know(run.inputs.seen[role], DecoupledFeatures(values))
    cost = {"clipped_share": run.recorder.clipped.get(name), **told.cost}
    return _Done(method, told.image, cost, told.ending)


@dataclass(frozen=True)
class Compared:
    """What a method left, for the journal.

    Attributes
    ----------
    image : (H, W, 3) float64, None where it failed
    features : {role of a picture: {layer: its decoupled features}}, as far as the lift found them
    cost, ending : parts of the method's row
    """

    image: np.ndarray | None
    features: Mapping[str, Mapping[str, np.ndarray]]
    cost: Mapping[str, Any]
    ending: Mapping[str, str]


RESULTS.add(
    Record(
        Compared,
        2,
        {
            "image": Maybe(IMAGE),
            "features": Table(Table(Array((None,)))),
            "cost": Fields(
                {"passes": Count(), "seconds": Number(), "peak_memory_bytes": Maybe(Count())}
            ),
            "ending": Table(Text()),
        },
    )
)


def _carried_out(run: Run, method: str, passes: int | None) -> Compared:
    """Run one method, within a budget of passes."""
    kind, how = split_compared(method)
    failure = image = None
    features: dict[str, Mapping[str, np.ndarray]] = {}
    flow = transfer_flow(run.inputs, kind, how, passes) if kind in TRANSFERS else None
    with run.method(method, flow) as one:
        try:
            if kind in TRANSFERS:
                image = _transferred(one, features)
            else:
                rule = stop_rules(run.config.stop, run.inputs.weights).common
                image = stylize(one, kind, _stepping(how), replace(rule, max_passes=passes))
        except StageError as error:
            failure = str(error)
            run.say(failure)
        peak = peak_memory_bytes()
    stages = one.recorder.stages
    cost = {
        "passes": sum(row["passes"] for row in stages),
        "seconds": sum(row["seconds"] for row in stages),
        "peak_memory_bytes": peak,
    }
    ending = {
        "stop_reasons": ", ".join(dict.fromkeys(row["stop_reason"] for row in stages)),
        "folder": str(Path("methods") / one.recorder.folder.path.name),
        **({"failure": failure} if failure else {}),
    }
    return Compared(image, features, cost, ending)


def transfer_flow(inputs: Inputs, kind: str, how: str, passes: int | None) -> Flow:
    """The flow of a transfer by noisification, within a budget of passes for the whole of it."""
    if kind == "lift":
        return Lift.suited_to(inputs.extractor) if how == "auto" else Lift(stepper(how))
    stop = stop_rules(inputs.config.stop, inputs.weights)
    if passes is not None:
        # Source, target and imposition, each layer by layer.
        stop = stop.within(max(passes // (3 * len(inputs.extractor.layers)), 1))
    return Gradient(optimizer(how), stop) if kind == "gradient" else Projected(optimizer(how), stop)


def _transferred(run: Run, features: dict[str, Mapping[str, np.ndarray]]) -> np.ndarray:
    """Steps 1 to 3 of the method; those that the lift takes off are put into `features`."""
    source = run.noisify(run.source, "noisify_source", saved_as="noisified_source")
    target = run.noisify(run.target, "noisify_target", saved_as="noisified_target")
    if isinstance(run.inputs.flow, Lift):
        features.update(source=source.features.values, target=target.features.values)
    image = run.impose(target.image, source.features).image
    run.save("result", image)
    return image


def _stepping(how: str) -> Optimizer:
    """The optimizer of an objective; L-BFGS as in the named experiments."""
    return Lbfgs(evaluations=20) if how == "lbfgs" else optimizer(how)


class _Ruler:
    """Measures images against the source's style and the target's structure."""

    def __init__(self, run: Run) -> None:
        self._run = run
        chain = run.inputs.chain
        self.held_out = layers_of(run.config.compare.held_out, chain.architecture)
        used = run.extractor.layers
        self._judges = Judges(chain, run.source, used, self.held_out, kinds=("gram", "means"))
        self._known: list[tuple[np.ndarray, DecoupledFeatures]] = []

    def know(self, image: np.ndarray, features: DecoupledFeatures) -> None:
        """Keep the decoupled features that the lift took off an image."""
        self._known.append((image, features))

    def row(self, method: str, image: np.ndarray | None) -> dict[str, Any]:
        """What `READING` explains; None where it does not exist."""
        if image is None:
            # The same columns, of an image that there is.
            return {**dict.fromkeys(self.row(method, self._run.target)), "method": method}
        return {
            "method": method,
            **self._judges.distances(image),
            "decoupled_distance": self._decoupled_distance(image),
            **structure(image, self._run.target),
        }

    def _decoupled_distance(self, image: np.ndarray) -> float | None:
        """Of the decoupled features; None where an image cannot be noisified."""
        own, source = self._decoupled(image), self._decoupled(self._run.source)
        if own is None or source is None:
            return None
        pairs = [(own.values[layer], c) for layer, c in source.values.items()]
        apart = [np.linalg.norm(ours - c) / np.linalg.norm(c) for ours, c in pairs]
        return float(np.mean(apart))

    def _decoupled(self, image: np.ndarray) -> DecoupledFeatures | None:
        for known, features in self._known:
            if known is image:
                return features
        run = self._run
        try:
            taken = noisify(
                image,
                run.extractor,
                run.reference,
                tolerance=run.config.tolerance,
                features_only=True,
            )
        except StageError:
            return None
        self.know(image, taken.features)
        return taken.features
