"""Self-transfer: take an image's decoupled features off and put them back."""

from __future__ import annotations

import numpy as np

from decouple import images
from decouple.pipeline.job import Job

# The difference picture is amplified by the power of ten that brings its largest value nearest
# to, but not above, the full range.
_LARGEST_GAIN = 10**9


def self_transfer(job: Job) -> None:
    """The method's acid test: ideally the result is the source."""
    done = job.round_trip(job.source, saved_as="noisified")
    noisified, result, rms = done.noisified, done.imposed.image, done.rms
    difference = result - job.source
    job.save("result", result)
    job.results.update(
        self_transfer=_measured(job.source, noisified.image, result),
        round_trip_rms=rms,
        tolerance_met=rms <= job.config.tolerance,
        noisified_range=[float(noisified.image.min()), float(noisified.image.max())],
        difference_gain=_save_difference(job, difference),
    )


def _measured(source: np.ndarray, noisified: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """The acid test's numbers; definitions in DESIGN's contract."""
    error, excursion = np.linalg.norm(result - source), np.linalg.norm(noisified - source)
    return {
        "psnr_db": images.psnr_db(result, source),
        "max_error_8bit": images.max_error_8bit(result, source),
        "differing_pixels_8bit": images.differing_pixels_8bit(result, source),
        # An image that was never moved has no excursion to recover.
        "excursion_recovered": float(1 - error / excursion) if excursion > 0 else float("nan"),
    }


def _save_difference(job: Job, difference: np.ndarray) -> int:
    """Save |difference| amplified by a power of ten, which is returned."""
    largest = float(np.max(np.abs(difference)))
    gain = 1
    while gain < _LARGEST_GAIN and largest * gain * 10 <= 1:
        gain *= 10
    # Past the record of clipped shares: the gain keeps it in range.
    job.folder.save_image("difference", np.abs(difference) * gain)
    return gain
