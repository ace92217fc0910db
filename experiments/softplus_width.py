"""What the width of softplus and the kind of pooling do to the way back.

    python experiments/softplus_width.py

Self-transfers through two layers with fixed RK4 steps, for softplus of several widths and ReLU as
its limit, with average, l2 and max pooling; and with symmetric steps where the network is smooth.
Writes `reports/softplus_width.{png,md}`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from matplotlib.axes import Axes

import decouple as dc
from decouple.config import NetworkConfig
from decouple.report import style
from experiments.common import REPORTS, markdown_table

NAME = "softplus_width"
PICTURES = ("astronaut",)
SIZE, LAYERS, SEED, STEPS = 64, 2, 0, 8
RELU = "ReLU"
WIDTHS = (0.02, 0.05, 0.1, 0.2, 0.5)
POOLINGS = ("average", "l2", "max")
STEPPERS = {"RK4": dc.stepper("rk4", steps=STEPS), "symmetric": dc.stepper("symmetric")}
COLOURS = dict(zip(POOLINGS, ("blue", "green", "vermillion"), strict=True))
# l2 pooling's curves lie on those of average pooling, which must be seen below them.
SIZES = dict(zip(POOLINGS, (2.2, 1.0, 1.2), strict=True))
Key = tuple[str, str, str, float | str]


def self_transfer(image, extractor: dc.ChannelMeans, stepper: str) -> float | None:
    """PSNR in dB; None where a motion did not arrive."""
    reference, flow = dc.noise_reference(extractor, (SIZE, SIZE), SEED), dc.Lift(STEPPERS[stepper])
    try:
        taken = dc.noisify(image, extractor, reference, flow)
        result = dc.impose(taken.image, taken.features, extractor, reference, flow)
    except dc.StageError as error:
        print(error)
        return None
    return dc.psnr_db(result.image, image)


def main() -> None:
    """Measure, draw, write."""
    images = {p: dc.load(f"sample:{p}", size=SIZE, fit="crop").pixels for p in PICTURES}
    psnr: dict[Key, float | None] = {}
    for pooling in POOLINGS:
        for width in (RELU, *WIDTHS):
            kind = {"activation": "relu"} if width == RELU else {"width": width}
            last = f"block{LAYERS}_conv1"
            chain = dc.vgg19(weights="calibrated", last=last, pooling=pooling, **kind)
            extractor = dc.ChannelMeans(chain, LAYERS)
            for stepper in STEPPERS:
                if stepper == "symmetric" and not chain.smooth:
                    continue
                for picture, image in images.items():
                    key = picture, stepper, pooling, width
                    psnr[key] = self_transfer(image, extractor, stepper)
                    print(*key, psnr[key], flush=True)
    _draw(psnr)
    _write(psnr)


def _caption() -> str:
    return (
        f"vgg19 with calibrated random filters, {LAYERS} layers, {SIZE}×{SIZE} px, seed {SEED}; "
        f"RK4 with {STEPS} steps a stage and layer, symmetric steps at the default tolerance; "
        "centre square of scikit-image's sample."
    )


def _draw(psnr: dict[Key, float | None]) -> None:
    with style.context():
        width, height = 2.4 + 4.6 * len(PICTURES), 5.0
        figure = style.new_figure(width, height)
        style.put_caption(figure, style.wrapped(_caption(), width - 0.2))
        style.put_title(figure, "Self-transfer against the width of softplus")
        panels = figure.subplots(1, len(PICTURES), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.1, right=0.98, bottom=0.22, top=0.78, wspace=0.06)
        for axes, picture in zip(panels, PICTURES, strict=True):
            _draw_picture(axes, picture, psnr)
        panels[0].set_ylabel("PSNR of the result to the source (dB)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.3 / height), ncols=3
        )
        style.save_figure(figure, REPORTS / f"{NAME}.png")


def _draw_picture(axes: Axes, picture: str, psnr: dict[Key, float | None]) -> None:
    limit = min(WIDTHS) / 2.5  # where ReLU, of width 0, stands on the logarithmic axis
    for stepper, look in (("RK4", "-"), ("symmetric", "--")):
        for pooling in POOLINGS:
            points = [(w, psnr.get((picture, stepper, pooling, w))) for w in WIDTHS]
            points = [point for point in points if point[1] is not None]
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    color=style.PALETTE[COLOURS[pooling]],
                    linestyle=look,
                    linewidth=1.3 * SIZES[pooling],
                    marker="o" if stepper == "RK4" else "s",
                    markersize=3.5 * SIZES[pooling],
                    label=f"{stepper}, {pooling} pooling",
                )
            relu = psnr.get((picture, stepper, pooling, RELU))
            if relu is not None:
                colour, size = style.PALETTE[COLOURS[pooling]], 3.5 * SIZES[pooling]
                axes.plot(limit, relu, "o", color=colour, markersize=size)
    axes.set_xscale("log")
    axes.set_xticks([limit, *WIDTHS], [RELU, *(f"{w:g}" for w in WIDTHS)])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("width of softplus (standard deviations of pre-activations)")
    axes.set_title(picture)


def _write(psnr: dict[Key, float | None]) -> None:
    def cell(key: Key) -> str:
        if key not in psnr:
            return "–"
        value = psnr[key]
        return "not arrived" if value is None else f"{value:.1f}"

    rows = [
        [
            picture,
            stepper,
            pooling,
            *(cell((picture, stepper, pooling, w)) for w in (RELU, *WIDTHS)),
        ]
        for picture in PICTURES
        for stepper in STEPPERS
        for pooling in POOLINGS
        if any((picture, stepper, pooling, w) in psnr for w in WIDTHS)
    ]
    header = ["picture", "steps", "pooling", RELU, *(f"width {w:g}" for w in WIDTHS)]

    def span(stepper: str, pooling: str, *widths: float | str) -> str:
        values = [psnr.get((p, stepper, pooling, w)) for p in PICTURES for w in widths]
        found = [value for value in values if value is not None]
        if not found:
            return "nothing (no motion arrived)"
        ends = dict.fromkeys(f"{end:.1f}" for end in (min(found), max(found)))
        return f"{' to '.join(ends)} dB"

    default, narrow, wide = NetworkConfig.width, min(WIDTHS), max(WIDTHS)
    text = f"""# Width of softplus, and pooling

Made by `python experiments/softplus_width.py`:
{_caption()}

![PSNR against width]({NAME}.png)

PSNR (dB) of self-transfer. The width is in standard deviations of each layer's pre-activations;
ReLU is softplus of width 0. Each network is calibrated with its own activation and pooling.

{markdown_table(header, rows)}
- With average pooling the fixed RK4 steps bring back {span("RK4", "average", RELU)} through ReLU,
  {span("RK4", "average", narrow)} at the narrowest width, {span("RK4", "average", default)} at the
  default of {default:g} and {span("RK4", "average", wide)} at the widest: up to a
  point, the smoother the activation, the better a step of a given length follows the path.
- Symmetric steps need not follow the path closely, only solve their equations: with average pooling
  {span("symmetric", "average", narrow)} at the narrowest width, where softplus is nearly a kink,
  {span("symmetric", "average", default)} at the default and {span("symmetric", "average", wide)} at
  the widest.
- l2 pooling is smooth, too: at the default width {span("RK4", "l2", default)} with RK4,
  {span("symmetric", "l2", default)} with symmetric steps.
- Max pooling has kinks whatever the activation: {span("RK4", "max", *WIDTHS)} with RK4 over all
  widths. Symmetric steps are for smooth networks only.

A wide softplus is farther from the ReLU with which VGG was trained; the default is narrow.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
