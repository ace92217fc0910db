"""How the texture of a seed is made from noise: by a descent, or by moving its features.

A maker is begun once for a run, and makes an image for each seed, in a run of its own below it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from decouple import images
from decouple.errors import ImageError
from decouple.experiments.gatys import STATISTICS
from decouple.experiments.synthesize import MATCH, NESTED
from decouple.flows import Optimizer, StopRule, StopRules
from decouple.flows.matching import Matching, passes_of_metric, share_of_middle
from decouple.flows.preconditioner import Factor
from decouple.gatys import Objective, Statistic, Weighted, optimize, texture
from decouple.gatys.scales import MATCHED, STYLE, scaled
from decouple.images import rms
from decouple.images.noise import noise_image, noise_start
from decouple.parsing import optimizer_of, stop_rules
from decouple.pipeline.forecast import Forecast, Untold, of_objective, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.kept import IMAGE, RESULTS
from decouple.pipeline.running import Run
from decouple.pipeline.scales import Enlarge, Step, coarse_to_fine
from decouple.record.compounds import Record, Several, Table
from decouple.record.forms import Array, Plain
from decouple.stages import (
    DecoupledFeatures,
    Matched,
    MatchingFactors,
    StageError,
    match,
    noise_reference,
    prepare,
)

Rows = Sequence[Mapping[str, Any]]
"""Of `stages[]`."""

# Of the relative squared distance of the means, where they are matched: what is left to a finer
# image's descent anyway.
_ENOUGH_TO_BEGIN_WITH = 1e-4
# Of the noise whose features, or whose K, all images share, whichever are made together.
_REFERENCE_SEED = 0


@dataclass(frozen=True)
class Made:
    """An image, (H, W, 3) float64, and its rows of `stages[]`, for the journal."""

    image: np.ndarray
    stages: Rows

    @property
    def cost(self) -> dict[str, float]:
        """Passes and seconds."""
        return {key: sum(row[key] for row in self.stages) for key in ("passes", "seconds")}


@dataclass(frozen=True)
class _Taken:
    """Decoupled features of the source, {layer: (C_k,)}, and their rows, for the journal."""

    values: Mapping[str, np.ndarray]
    stages: Rows


_ROWS = Several(Table(Plain()))
RESULTS.add(Record(Made, 1, {"image": IMAGE, "stages": _ROWS}))
RESULTS.add(Record(_Taken, 1, {"values": Table(Array((None,))), "stages": _ROWS}))

Maker = Callable[[str, int], Made]
"""From the name of a run within the run, and a seed, to an image."""


def maker(run: Run) -> Maker:
    """That of `synthesize.method`."""
    return _MAKERS[run.config.synthesize.method](run)


def start(inputs: Inputs, seed: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """The noise that the image of a seed begins as, (H, W, 3), by default of the output's size."""
    return noise_start(inputs.config.synthesize.start, size or inputs.size, seed, inputs.source)


def scales_of(inputs: Inputs) -> list[float]:
    """The sizes that an image goes through, in units of its own, coarse to fine."""
    method, asked = inputs.config.synthesize.method, inputs.config.synthesize.scales
    if method == NESTED:
        return [1.0]
    if method == MATCH:  # the source is made smaller with it
        side = min(*inputs.size, *inputs.source.shape[:2])
        return MATCHED.scales(MATCHED.number(asked, side))
    scales = STYLE.scales(STYLE.number(asked, min(inputs.size)))
    if asked != "auto":
        return scales
    # The source is made smaller with the image, and may be much smaller than it.
    seen = [scale for scale in scales if _visible(inputs, scaled(inputs.source.shape, scale))]
    return seen or [1.0]


def _visible(inputs: Inputs, size: tuple[int, int]) -> bool:
    """Whether all layers can see an image of that size."""
    try:
        inputs.extractor.check_size(*size)
    except ImageError:
        return False
    return True


def check_values(inputs: Inputs) -> None:
    """Refuse images that have fewer values than there are features to be moved; ImageError."""
    method, count = inputs.config.synthesize.method, inputs.extractor.size
    sizes = {"output.size": inputs.size}
    if method == NESTED:
        sizes["the source"] = inputs.source.shape[:2]
    for what, (height, width) in sizes.items() if method in (MATCH, NESTED) else ():
        if 3 * height * width < count:
            raise ImageError(
                f"{what}: {width}x{height} px have {3 * height * width} values, too few for the "
                f"{count} features that synthesize.method={method} moves: take a larger image or "
                "fewer layers"
            )


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time of all images."""
    count = inputs.config.count
    if inputs.config.synthesize.method == NESTED:
        walks = {"noisify_source": 1, "noisify_target": count, "impose": count}
        return of_walks(inputs, lambda _: walks)
    objective = _objective(inputs, inputs.source)
    image = start(inputs, inputs.config.seed)
    one = of_objective(inputs, objective, *descent(inputs), scales_of(inputs), image)
    whole = replace(one, passes=count * one.passes, seconds=count * one.seconds)
    if inputs.config.synthesize.method == MATCH:
        extractor = inputs.extractor
        share = share_of_middle(extractor, inputs.source, image.size)
        anew = count * passes_of_metric(image, extractor)
        passes = whole.passes + anew + (extractor.size if share else 0)
        extra = anew + share * extractor.size  # in passes over a whole image
        seconds = whole.seconds + extra * one.seconds / max(one.passes, 1)
        whole = replace(whole, passes=passes, seconds=seconds)
    return whole


# From coarse to fine: descents of a statistic's distance, and means matched.


def _from_noise(inputs: Inputs, seed: int, enlarge: Enlarge, step: Step, last: str) -> np.ndarray:
    """From noise through all sizes; see `coarse_to_fine`."""

    def begin(scale: float) -> np.ndarray:
        return start(inputs, seed, scaled(inputs.size, scale))

    return coarse_to_fine(scales_of(inputs), begin, enlarge, step, last)


def _descended(run: Run) -> Maker:
    inputs, (how, rule) = run.inputs, descent(run.inputs)

    @cache  # compiled once for all images
    def objective_at(scale: float) -> Objective:
        return _objective(inputs, _at(inputs.source, scale))

    def make(name: str, seed: int) -> Made:
        with run.method(name) as one:
            one.record(flow={"name": inputs.config.synthesize.method}, stepper=asdict(how))  # type: ignore[call-overload]

            def step(image: np.ndarray, scale: float, stage: str) -> np.ndarray:
                begin = how.feasible(image)
                done = optimize(objective_at(scale), begin, how, rule, one.observer, stage=stage)
                one.recorder.add_stages(done.trace)
                return done.image

            def enlarge(image: np.ndarray, scale: float) -> np.ndarray:
                return _resized(image, scaled(inputs.size, scale))

            image = _from_noise(inputs, seed, enlarge, step, "synthesize")
            one.save("result", image)
        if not np.isfinite(image).all():
            raise StageError(f"{name} became infinite or undefined: try another optimizer", None)
        return Made(image, [{**row, "layer": name} for row in one.recorder.stages])

    return make


def _matched(run: Run) -> Maker:
    """Images whose means are the source's in all layers at once, or as near as they came."""
    inputs, (how, rule) = run.inputs, descent(run.inputs)
    extractor, tolerance = inputs.extractor, inputs.config.tolerance
    flow = Matching(how, StopRules(rule), enough=rule.loss)
    coarse = replace(flow, enough=max(rule.loss, _ENOUGH_TO_BEGIN_WITH))
    reference = noise_reference(extractor, inputs.size, _REFERENCE_SEED)
    values = 3 * inputs.size[0] * inputs.size[1]
    # Textures have much the same K at all scales.
    factors = MatchingFactors(extractor, reference, inputs.source, values)

    @cache  # K is formed once for all images
    def known_at(scale: float) -> tuple[Mapping[str, np.ndarray], Callable[[], Factor]]:
        source, (height, width) = _at(inputs.source, scale), scaled(inputs.size, scale)
        return extractor.split(extractor.measure(source)), factors.of(3 * height * width)

    def make(name: str, seed: int) -> Made:
        with run.method(name, inputs.flow) as one:  # of features; what moves them is recorded here
            one.record(flow={"name": MATCH}, stepper=asdict(flow.optimizer), tolerance=tolerance)  # type: ignore[call-overload]

            def step(image: np.ndarray, scale: float, stage: str) -> np.ndarray:
                wanted, nearby = known_at(scale)
                by = flow if scale == 1 else coarse
                done = as_near(
                    *(image, extractor, wanted, reference, by, tolerance, stage, one.observer),
                    nearby,
                )
                one.recorder.add_stages(done.trace)
                return done.image

            def enlarge(image: np.ndarray, scale: float) -> np.ndarray:
                noise = start(inputs, seed, scaled(inputs.size, scale))
                return _with_detail(_at(inputs.source, scale), image, noise)

            image = _from_noise(inputs, seed, enlarge, step, MATCH)
            one.save("result", image)
        return _moved(name, image, one)

    return make


def _with_detail(source: np.ndarray, image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """An image as large as `noise`, with some of it where the smaller one has nothing.

    It is as much as the source, at that scale, has there.

    From it grass is matched in two thirds of the iterations, bricks in as many as without.
    """
    smaller = scaled(source.shape, image.shape[0] / noise.shape[0])
    detail = _lost(noise, image.shape)
    strength = rms(_lost(source, smaller)) / max(rms(detail), np.finfo(float).tiny)
    return _resized(image, noise.shape) + strength * detail


def _lost(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """What an image (H, W, 3) loses where it is made smaller."""
    return image - _resized(_resized(image, size), image.shape)


def as_near(*what: Any) -> Matched:
    """`stages.match`, or where it ended before its tolerance; an image that is lost is an error."""
    try:
        return match(*what)
    except StageError as error:
        done: Matched = error.partial
        if not done.trace.stop_reason.usable:
            raise
        return done


def descent(inputs: Inputs) -> tuple[Optimizer, StopRule]:
    """How a distance is descended, and when that ends."""
    config = inputs.config
    return optimizer_of(config.optimizer), stop_rules(config.stop, inputs.weights).common


def _objective(inputs: Inputs, source: np.ndarray) -> Objective:
    """The distance of an image's statistics from those of a source."""
    layers, method = inputs.extractor.layers, inputs.config.synthesize.method
    wanted = texture(inputs.chain, source, layers, Statistic.MEANS if method == MATCH else method)
    return Objective(inputs.chain, {"style": Weighted(1.0, wanted)})


def _at(source: np.ndarray, scale: float) -> np.ndarray:
    return source if scale == 1 else _resized(source, scaled(source.shape, scale))


def _resized(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.asarray(images.resized(image, (size[0], size[1])), np.float64)


# Decoupled features, imposed on noise.


def _nested(run: Run) -> Maker:
    """The source's decoupled features, put on noise from the last layer to the first.

    The source is noisified at its own size and the noise at the output's, each towards the means
    of noise of that size, seed 0; both have the same channels, those that can be moved on either.
    Where the two sizes differ, so do their references, a little: by the border, which is a larger
    part of small maps, and by the sample. What a layer is given is the source's own value, c_k,
    measured while the layers before it were at the reference of the source's size, and it is
    imposed while they are at the output's, by a way of the noise's own. So the first layer's means
    end as the source's; what the layers behind it give up when the result is noisified again is
    the source's up to that difference, and to what the first layer's two ways do to them.
    """
    inputs, flow = run.inputs, run.inputs.flow
    size, (height, width) = inputs.size, inputs.source.shape[:2]
    own_size = height, width
    prepared = prepare(
        inputs.extractor,
        inputs.source,
        noise_image(height, width, _REFERENCE_SEED),
        size=size,
        seed=_REFERENCE_SEED,
    )
    moving = replace(run, prepared=prepared)
    own = noise_reference(prepared.extractor, own_size, _REFERENCE_SEED)

    def taken_off() -> _Taken:
        at_source = replace(run, prepared=replace(prepared, reference=own))
        with at_source.method("source", flow) as one:
            source = one.noisify(inputs.source, "noisify_source", saved_as="noisified_source")
        return _Taken(source.features.values, one.recorder.stages)

    taken = run.once("source", taken_off)
    run.recorder.add_stages(*taken.stages)
    features = DecoupledFeatures(taken.values, signature=prepared.extractor.signature)

    def make(name: str, seed: int) -> Made:
        with moving.method(name, flow) as one:
            noise = one.noisify(start(inputs, seed), "noisify_target", saved_as="noisified_target")
            image = one.impose(noise.image, features).image
            one.save("result", image)
        return _moved(name, image, one)

    return make


def _moved(name: str, image: np.ndarray, one: Run) -> Made:
    """With rows that tell this image's layers from those of others."""
    rows = [{**row, "stage": f"{row['stage']}_{name}"} for row in one.recorder.stages]
    return Made(image, rows)


_MAKERS: Mapping[str, Callable[[Run], Maker]] = {
    **dict.fromkeys(STATISTICS, _descended),
    MATCH: _matched,
    NESTED: _nested,
}
