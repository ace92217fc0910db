"""Coarse to fine: an image at one scale after the other, each begun where the one before ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np

from decouple import images
from decouple.flows import Optimizer, StopRule
from decouple.gatys import optimize
from decouple.gatys.scales import STYLE, scaled
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.objective import objective_of, start_image
from decouple.pipeline.running import Run

Enlarge = Callable[[np.ndarray, float], np.ndarray]
"""Of an image (H, W, 3), and the scale that it is to have."""
Step = Callable[[np.ndarray, float, str], np.ndarray]
"""Of an image (H, W, 3), its scale, and what the stage is called."""


def coarse_to_fine(
    scales: Sequence[float],
    begin: Callable[[float], np.ndarray],
    enlarge: Enlarge,
    step: Step,
    last: str | None = None,
) -> np.ndarray:
    """What `step` makes of an image (H, W, 3) at every scale.

    Parameters
    ----------
    scales : in units of the image's own size, the coarsest first
    begin : the image at the first scale, which it is given
    enlarge : of the image as it was at the scale before
    step : what is done at a scale; the stage is called `scale_<n>`, counted from 1
    last : what the last stage is called instead
    """
    image = begin(scales[0])
    for number, scale in enumerate(scales, start=1):
        if number > 1:
            image = enlarge(image, scale)
        stage = last if last and number == len(scales) else f"scale_{number}"
        image = step(image, scale, stage)
    return image


def warm_start(
    run: Run, statistic: str, how: Optimizer, rule: StopRule, count: int
) -> np.ndarray | None:
    """Optimize at all scales but the last, each from where the one before ended.

    At each scale the objective is that of a run at this size: pictures are scaled down, and
    weights balanced anew.

    Parameters
    ----------
    run : a stage `scale_<n>` and a picture of the same name are recorded for each scale, counted
        from 1, the coarsest
    statistic, how, rule : as of `stylize`; `rule` holds for each scale
    count : of the scales, the last one included

    Returns
    -------
    (H, W, 3) float64 of the target's shape; None where there is no coarser scale.
    """
    scales = STYLE.scales(count)[:-1]
    if not scales:
        return None
    at = cache(partial(_at, run.inputs))

    def step(x: np.ndarray, scale: float, stage: str) -> np.ndarray:
        one = at(scale)
        objective, _ = objective_of(one, statistic, start_image(one))
        height, width = x.shape[:2]
        run.say(f"{stage.replace('_', ' ')} of {count}: {width}x{height} px")
        done = optimize(objective, x, how, rule, run.observer, stage=stage)
        run.progress.finish()
        run.recorder.add_stages(done.trace)
        run.save(stage, one.finished(done.image))
        return done.image

    image = coarse_to_fine(
        scales,
        lambda scale: start_image(at(scale)),
        lambda image, scale: _enlarged(image, at(scale).target.shape, how),
        step,
    )
    return _enlarged(image, run.target.shape, how)


def _at(inputs: Inputs, scale: float) -> Inputs:
    """The same pictures, smaller."""
    return inputs.in_size(lambda pixels: images.resized(pixels, scaled(pixels.shape, scale)))


def _enlarged(image: np.ndarray, shape: tuple[int, ...], how: Optimizer) -> np.ndarray:
    # Lanczos overshoots at edges, out of what an optimizer with bounds can begin from.
    return how.feasible(images.resized(image, (shape[0], shape[1])).astype(np.float64))
