"""`dc.match` against Newton's steps and plain L-BFGS, to reach the noise's features in all layers.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/benchmarks/matching.py [pixels:layers ...]

The same photograph and network; all end when the MSE is at most 1e-6 in each layer. `dc.match` is
L-BFGS in the metric of K at the noise; plain L-BFGS descends the sum of the layers' MSEs. Timed
turn about in one process; printed, and written to `reports/matching.md`, are passes, times, and
their ratios. K at the noise, which the first two start from, belongs to the network and the size
(up to 128 px) and is kept on the disk: what forming it costs stands beside. Then textures from
noise, with K at the noise alone and at the texture, too; and with features measured anew at every
look, as they had been. With ImageNet's filters where FILE holds VGG-16's in Keras's layout.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np
from scipy.optimize import minimize

import decouple as dc
from decouple.flows import matching
from decouple.flows.descent import Seen
from decouple.flows.matching import Matching
from decouple.flows.preconditioner import Factor
from decouple.flows.stopping import StopRule, StopRules
from decouple.stages import MatchingFactors
from experiments.benchmarks.timing import turn_about
from experiments.common import (
    FILTERS,
    REPORTS,
    Filters,
    all_filters,
    markdown_table,
)

PICTURES = ("astronaut", "coffee")
MSE, ROUNDS = 1e-6, 1
# Of the image, at which the first two end: at 1e-3 the MSE of five layers was still 3e-5 after
# Newton's steps, and in the damped metric of `dc.match` a distance counts for less.
TOLERANCE = 3e-5
CASES = ("128:2", "64:5", "256:2")
HEADER = [
    "picture",
    "pixels",
    "layers",
    "match: passes",
    "worst MSE",
    "Newton: passes",
    "worst MSE",
    "L-BFGS: passes",
    "worst MSE",
    "passes, L-BFGS / match",
    "time, L-BFGS / match",
    "match (s)",
    "K at the noise, once (s)",
]
# Of smaller ones K at the texture is not looked at.
TEXTURES, TEXTURE_SIZE, TEXTURE_LAYERS = ("brick", "grass"), 256, 2
# Of textures, where most of what can be reached has been: see `Matching.enough`.
ENOUGH = 1e-5
TEXTURE_HEADER = [
    *("filters", "texture", "pixels", "layers", "K at the noise: passes", "with the texture's"),
    *("K at the texture: passes", "time, K at the noise / both", "time, features measured / known"),
]


class _Reached(Exception):
    pass


def main(*asked: str) -> None:
    """Measure and write."""
    cases = [
        (int(size), int(depth)) for size, _, depth in (c.partition(":") for c in asked or CASES)
    ]
    deepest = max(depth for _, depth in cases)
    chain = dc.vgg19(weights="calibrated", last=f"block{deepest}_conv1")
    rows = []
    for size, depth in cases:
        extractor = dc.ChannelMeans(chain, layers=depth)
        reference = dc.noise_reference(extractor, (size, size), seed=0)
        began = time.perf_counter()
        with mock.patch.dict(os.environ, DECOUPLE_CACHE="off"):  # it is to be formed, and timed
            reference.factor(extractor, depth, 3 * size**2)
        formed = time.perf_counter() - began
        for picture in PICTURES:
            image = dc.load(f"sample:{picture}", size=size, fit="crop").pixels.astype(float)
            row = _row(extractor, reference, image)
            rows.append([picture, f"{size}×{size}", str(depth), *row, f"{formed:.1f}"])
            print(" ".join(rows[-1]), flush=True)
    textures = [
        _texture(filters, TEXTURE_SIZE, TEXTURE_LAYERS, picture)
        for filters in all_filters()
        for picture in TEXTURES
    ]
    text = f"""# Reaching given features

Made by `{FILTERS}=FILE python experiments/benchmarks/matching.py {" ".join(asked or CASES)}`:
VGG-19, calibrated random filters, softplus, average pooling. All layers are moved to the noise's
means at once, by `dc.match` (L-BFGS in the metric of K at noise of at most 128 px), by Newton steps
of the lift, with K as preconditioner, and by SciPy's L-BFGS on the sum of the layers' MSEs, until
each layer's MSE is at most {MSE:g}. Newton's last step usually lands far below, if it gets there in
50 steps. Times are of one
round after a first, turn about in one process.

{markdown_table(HEADER, rows)}

Times differ by more than passes do where Newton steps, since an evaluation computes all activations
and slopes anew, which a pass along them need not.

## Textures from noise

Until the relative squared distance of the means is at most {ENOUGH:g}, mean over the layers, or 500
iterations; in this metric alone, which is not formed anew on the way. *K at the texture* is formed
at no more than 64 × 64 of its pixels, and its time is in the ratio. *Features measured*: at every
look, as they were until they were known from the loss.

{markdown_table(TEXTURE_HEADER, textures)}"""
    (REPORTS / "matching.md").write_text(text, encoding="utf-8")


def _row(extractor: dc.ChannelMeans, reference: dc.Reference, image: np.ndarray) -> list[str]:
    wanted = reference.vector(extractor)
    weights = np.repeat([1 / count for count in extractor.sizes], extractor.sizes)
    passes, worst = {}, {}

    def matched(name: str, flow: dc.Lift | None = None) -> None:
        before = extractor.passes.count
        try:
            done = dc.match(image, extractor, reference.features, reference, flow, TOLERANCE)
        except dc.StageError as error:  # Newton's steps have a limit: what is left is in the table
            done = error.partial
        passes[name] = extractor.passes.count - before
        worst[name] = max(done.trace.feature_mse.values())

    def match() -> None:
        matched("match")

    def newton() -> None:
        matched("newton", dc.Lift(dc.stepper("newton")))

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        features, gradient = extractor.squared_error(x.reshape(image.shape), wanted, weights)
        worst["lbfgs"] = max(extractor.mean_square(features - wanted).values())
        if worst["lbfgs"] <= MSE:
            raise _Reached
        return float(weights @ np.square(features - wanted)), gradient.ravel()

    def lbfgs() -> None:
        before = extractor.passes.count
        options = {"maxfun": 5000, "maxiter": 5000, "ftol": 0, "gtol": 0}
        with suppress(_Reached):
            minimize(loss, image.ravel(), jac=True, method="L-BFGS-B", options=options)
        passes["lbfgs"] = extractor.passes.count - before

    timed = turn_about({"match": match, "newton": newton, "lbfgs": lbfgs}, ROUNDS)
    if max(worst["match"], worst["lbfgs"]) > MSE:
        raise SystemExit(f"not reached: {worst}")
    return [
        *(word for name in passes for word in (str(passes[name]), f"{worst[name]:.0e}")),
        f"{passes['lbfgs'] / passes['match']:.1f}",
        f"{timed['lbfgs'].median / timed['match'].median:.1f}",
        f"{timed['match'].median:.2f}",
    ]


class _Measuring(Seen):
    """Features measured once at every look, whatever is known."""

    def keep(self, image: np.ndarray, features: np.ndarray) -> None:
        """Nothing."""

    def at(self, image: np.ndarray) -> np.ndarray:
        """See `Seen.at`."""
        features = super().at(image)
        super().keep(image, features)
        return features


def _texture(filters: Filters, size: int, depth: int, picture: str) -> list[str]:
    """A line of the second table."""
    extractor = dc.ChannelMeans(filters.chain(depth), depth)
    texture = dc.load(f"sample:{picture}", size=size, fit="crop").pixels.astype(float)
    start, wanted = dc.noise_image(size, size, 1), extractor.measure(texture)
    reference, features = dc.noise_reference(extractor, (size, size)), extractor.split(wanted)
    reference.normal_matrix(extractor, depth, texture.size)  # is kept on the disk
    flow = Matching(stop=StopRules(StopRule(max_iterations=500, stagnation=0)), enough=ENOUGH)
    passes = {}
    known = MatchingFactors(extractor, reference, texture, texture.size).of(texture.size)
    known()
    of_noise = MatchingFactors(extractor, reference).of(texture.size)

    def made(
        name: str, nearby: Callable[[], Factor] | None = None, seen: type[Seen] = Seen
    ) -> None:
        before = extractor.passes.count
        if nearby is None:
            factors = MatchingFactors(extractor, reference, texture, texture.size)
            nearby = factors.of(texture.size)
        alone = mock.patch.object(matching._When, "pays", return_value=False)
        with alone, mock.patch.object(matching, "Seen", seen), suppress(dc.StageError):
            dc.match(start, extractor, features, reference, flow, nearby=nearby)
        passes[name] = extractor.passes.count - before

    ways = {
        "noise": lambda: made("noise", of_noise),
        "both": lambda: made("both"),
        "known": lambda: made("known", known),
        "measured": lambda: made("measured", known, _Measuring),
    }
    timed = {name: way.median for name, way in turn_about(ways, ROUNDS).items()}
    row = [
        *(filters.name, picture, f"{size}×{size}", str(depth), str(passes["noise"])),
        *(str(passes["known"]), str(passes["both"] - passes["known"])),
        f"{timed['noise'] / timed['both']:.1f}",
        f"{timed['measured'] / timed['known']:.2f}",
    ]
    print(" ".join(row), flush=True)
    return row


if __name__ == "__main__":
    main(*sys.argv[1:])
