"""Self-transfer: take an image's decoupled features off and put them back."""

from __future__ import annotations

import numpy as np

from decouple import images
from decouple.pipeline.forecast import ROUND_TRIP, Forecast, Untold, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.running import Run

# The difference picture is amplified by the largest power of ten that leaves so many per cent of
# its values within the full range: a few pixels usually err by far the most, and would leave all
# the others black.
_LARGEST_GAIN, _WITHIN = 10**9, 99
# But its largest value goes no farther beyond the range than this.
_FARTHEST = 100


def self_transfer(run: Run) -> None:
    """The method's acid test: ideally the result is the source."""
    done = run.round_trip(run.source, saved_as="noisified")
    noisified, result, rms = done.noisified, done.imposed.image, done.rms
    difference = result - run.source
    run.save("result", result)
    run.record(
        self_transfer=_measured(run.source, noisified.image, result),
        round_trip_rms=rms,
        tolerance_met=rms <= run.config.tolerance,
        noisified_range=[float(noisified.image.min()), float(noisified.image.max())],
        difference_gain=_save_difference(run, difference),
    )


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time."""
    return of_walks(inputs, lambda _: ROUND_TRIP)


def _measured(source: np.ndarray, noisified: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """The acid test's numbers; see reports/method.md."""
    error, excursion = np.linalg.norm(result - source), np.linalg.norm(noisified - source)
    return {
        "psnr_db": images.psnr_db(result, source),
        "max_error_8bit": images.max_error_8bit(result, source),
        "differing_pixels_8bit": images.differing_pixels_8bit(result, source),
        # An image that was never moved has no excursion to recover.
        "excursion_recovered": float(1 - error / excursion) if excursion > 0 else float("nan"),
    }


def _save_difference(run: Run, difference: np.ndarray) -> int:
    """Save |difference| amplified by a power of ten, which is returned."""
    errors = np.abs(difference)
    gain = _gain(errors)
    # Past the record of clipped shares: that is of results.
    run.recorder.folder.save_image("difference", errors * gain)
    return gain


def _gain(errors: np.ndarray) -> int:
    most = max(float(np.percentile(errors, _WITHIN)), float(np.max(errors)) / _FARTHEST)
    gain = 1
    while gain < _LARGEST_GAIN and most * gain * 10 <= 1:
        gain *= 10
    return gain
