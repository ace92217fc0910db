"""Self-transfer: take an image's decoupled features off and put them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from decouple.experiments.registry import Experiment, Fact, register

_SHOWN = ("psnr_db", "max_error_8bit", "differing_pixels_8bit", "excursion_recovered")


def headline(metrics: Mapping[str, Any]) -> list[Fact]:
    """How near the result is to the source, and whatever else was measured of it."""
    from decouple.report import wording

    own = wording.part(metrics, "self_transfer")
    if not own:
        return []
    met, tolerance = metrics.get("tolerance_met"), metrics.get("tolerance")
    known = met is not None and tolerance is not None
    return [
        Fact(
            "PSNR to the source",
            wording.psnr(own),
            f"tolerance {tolerance:g} {'met' if met else 'not met'}" if known else "",
        ),
        Fact(
            "differing values in 8 bits",
            wording.share_of(own.get("differing_pixels_8bit")),
            "of all values",
        ),
        Fact(
            "largest error in 8 bits",
            wording.general(own.get("max_error_8bit"), ".3g"),
            "levels of 255",
        ),
        Fact(
            "excursion recovered",
            wording.recovered(own.get("excursion_recovered")),
            "1 is the very same picture",
        ),
        *wording.others(own, _SHOWN),
    ]


SELF_TRANSFER = register(
    Experiment(
        name="self_transfer",
        run="decouple.pipeline.self_transfer:self_transfer",
        variants={
            "self_transfer": "Self-transfer",
            "thesis_self_transfer": "Thesis self transfer",
        },
        forecast="decouple.pipeline.self_transfer:forecast",
        headline=headline,
    )
)
