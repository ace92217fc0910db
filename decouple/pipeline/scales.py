"""The coarser scales of an optimization, and where they let it begin at full size."""

from __future__ import annotations

import numpy as np

from decouple import images
from decouple.flows import Optimizer, StopRule
from decouple.gatys import optimize
from decouple.gatys.scales import STYLE, scaled
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.objective import objective_of, start_image
from decouple.pipeline.running import Run


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
    image: np.ndarray | None = None
    for number, scale in enumerate(STYLE.scales(count)[:-1], start=1):
        one = _at(run.inputs, scale)
        objective, _ = objective_of(one, statistic, start_image(one))
        x = start_image(one) if image is None else _enlarged(image, one.target.shape, how)
        height, width = x.shape[:2]
        run.say(f"scale {number} of {count}: {width}x{height} px")
        done = optimize(objective, x, how, rule, run.observer, stage=f"scale_{number}")
        run.progress.finish()
        run.recorder.add_stages(done.trace)
        run.save(f"scale_{number}", one.finished(done.image))
        image = done.image
    return None if image is None else _enlarged(image, run.target.shape, how)


def _at(inputs: Inputs, scale: float) -> Inputs:
    """The same pictures, smaller."""
    return inputs.in_size(lambda pixels: images.resized(pixels, scaled(pixels.shape, scale)))


def _enlarged(image: np.ndarray, shape: tuple[int, ...], how: Optimizer) -> np.ndarray:
    # Lanczos overshoots at edges, out of what an optimizer with bounds can begin from.
    return how.feasible(images.resized(image, (shape[0], shape[1])).astype(np.float64))
