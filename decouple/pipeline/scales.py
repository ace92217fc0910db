"""The coarser scales of an optimization, and where they let it begin at full size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from decouple import images
from decouple.flows import Optimizer, StopRule
from decouple.gatys import optimize
from decouple.gatys.scales import scaled, scales
from decouple.pipeline.job import Job
from decouple.pipeline.objective import objective_of, start_image
from decouple.record.metrics import stage_row


def warm_start(
    job: Job, statistic: str, how: Optimizer, rule: StopRule, count: int
) -> np.ndarray | None:
    """Optimize at all scales but the last, each from where the one before ended.

    At each scale the objective is that of a run at this size: pictures are scaled down, and
    weights balanced anew.

    Parameters
    ----------
    job : within `recorded_in`; a stage `scale_<n>` and a picture of the same name are recorded
        for each scale, counted from 1, the coarsest
    statistic, how, rule : as of `stylize`; `rule` holds for each scale
    count : of the scales, the last one included

    Returns
    -------
    (H, W, 3) float64 of the target's shape; None where there is no coarser scale.
    """
    image: np.ndarray | None = None
    for number, scale in enumerate(scales(count)[:-1], start=1):
        one = _at(job, scale)
        objective, _ = objective_of(one, statistic, start_image(one))
        x = start_image(one) if image is None else _enlarged(image, one.target.shape, how)
        height, width = x.shape[:2]
        job.progress.say(f"scale {number} of {count}: {width}x{height} px")
        done = optimize(objective, x, how, rule, job.observer, stage=f"scale_{number}")
        job.progress.finish()
        job.stages.append(stage_row(done.trace))
        job.save(f"scale_{number}", done.image)
        image = done.image
    return None if image is None else _enlarged(image, job.target.shape, how)


def _at(job: Job, scale: float) -> Job:
    """The job with pictures of another size."""
    one = job.beside(job.flow)
    one.pictures = {
        role: replace(
            picture, pixels=images.resized(picture.pixels, scaled(picture.pixels.shape, scale))
        )
        for role, picture in job.pictures.items()
    }
    return one


def _enlarged(image: np.ndarray, shape: tuple[int, ...], how: Optimizer) -> np.ndarray:
    # Lanczos overshoots at edges, out of what an optimizer with bounds can begin from.
    return how.feasible(images.resized(image, (shape[0], shape[1])).astype(np.float64))
