"""What the width of softplus and the kind of pooling do to the way back.

    python experiments/softplus_width.py

Self-transfers of two pictures through two layers with fixed RK4 steps, for softplus of several
widths and ReLU as its limit, with average and max pooling; with l2 pooling at the default width;
and with symmetric steps where the network is smooth. Writes `reports/softplus_width.{png,md}`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from matplotlib.axes import Axes

import decouple as dc
from decouple.network_kinds import NetworkConfig
from decouple.report import style
from experiments.common import REPORTS, markdown_table, self_transfer_psnr, span

NAME = "softplus_width"
PICTURES = ("astronaut", "coffee")
SIZE, LAYERS, SEED, STEPS = 40, 2, 0, 8
RELU = "ReLU"
DEFAULT = NetworkConfig.width
WIDTHS = (0.02, 0.05, 0.1, 0.2, 0.5)
# Looked at with each pooling: l2 behaves as average does, so that one width tells.
LOOKED_AT: dict[str, tuple[float | str, ...]] = {
    "average": (RELU, *WIDTHS),
    "l2": (DEFAULT,),
    "max": (RELU, *WIDTHS),
}
STEPPERS = {"RK4": dc.stepper("rk4", steps=STEPS), "symmetric": dc.stepper("symmetric")}
COLOURS = dict(zip(LOOKED_AT, ("blue", "green", "vermillion"), strict=True))
Key = tuple[str, str, str, float | str]


def main() -> None:
    """Measure, draw, write."""
    images = {p: dc.load(f"sample:{p}", size=SIZE, fit="crop").pixels for p in PICTURES}
    psnr: dict[Key, float | None] = {}
    for pooling, widths in LOOKED_AT.items():
        for width in widths:
            kind = {"activation": "relu"} if width == RELU else {"width": width}
            last = f"block{LAYERS}_conv1"
            chain = dc.vgg19(weights="calibrated", last=last, pooling=pooling, **kind)
            extractor = dc.ChannelMeans(chain, LAYERS)
            for name, stepper in STEPPERS.items():
                if name == "symmetric" and not chain.smooth:
                    continue
                for picture, image in images.items():
                    key = picture, name, pooling, width
                    psnr[key] = self_transfer_psnr(image, extractor, stepper, SEED)
                    print(*key, psnr[key], flush=True)
    _draw(psnr)
    _write(psnr)


def _caption() -> str:
    return (
        f"vgg19 with calibrated random filters, {LAYERS} layers, {SIZE}×{SIZE} px, seed {SEED}; "
        f"RK4 with {STEPS} steps a stage and layer, symmetric steps at the default tolerance; "
        "centre squares of scikit-image's samples."
    )


def _draw(psnr: dict[Key, float | None]) -> None:
    with style.context():
        width, height = style.PAGE_INCHES, 4.6
        figure = style.new_figure(width, height)
        style.put_caption(figure, style.wrapped(_caption(), width - 0.2))
        style.put_title(figure, "Self-transfer against the width of softplus")
        panels = figure.subplots(1, len(PICTURES), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.07, right=0.98, bottom=0.2, top=0.8, wspace=0.06)
        for axes, picture in zip(panels, PICTURES, strict=True):
            _draw_picture(axes, picture, psnr)
        panels[0].set_ylabel("PSNR of the result to the source (dB)")
        handles, labels = panels[0].get_legend_handles_labels()
        place = (0.0, 1 - 0.3 / height)
        figure.legend(handles, labels, loc="upper left", bbox_to_anchor=place, ncols=5)
        style.save_figure(figure, REPORTS / f"{NAME}.png")


def _draw_picture(axes: Axes, picture: str, psnr: dict[Key, float | None]) -> None:
    limit = min(WIDTHS) / 2.5  # where ReLU, of width 0, stands on the logarithmic axis
    for stepper, dashes, marker in (("RK4", "-", "o"), ("symmetric", "--", "s")):
        for pooling, widths in LOOKED_AT.items():
            points = [
                (limit if width == RELU else width, psnr[picture, stepper, pooling, width])
                for width in widths
                if psnr.get((picture, stepper, pooling, width)) is not None
            ]
            if not points:
                continue
            alone = len(points) == 1  # lies upon a point of the others, and shows as a ring
            axes.plot(
                *zip(*points, strict=True),
                color=style.PALETTE[COLOURS[pooling]],
                linestyle="" if alone else dashes,
                marker=marker,
                markersize=10 if alone else 4,
                markerfacecolor="none" if alone else None,
                label=f"{stepper}, {pooling} pooling",
            )
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
        [*key, *(cell((*key, w)) for w in (RELU, *WIDTHS))]
        for key in dict.fromkeys(key[:3] for key in sorted(psnr, key=lambda key: key[0]))
    ]
    header = ["picture", "steps", "pooling", RELU, *(f"width {w:g}" for w in WIDTHS)]

    def db(stepper: str, pooling: str, *widths: float | str) -> str:
        return f"{span(psnr.get((p, stepper, pooling, w)) for p in PICTURES for w in widths)} dB"

    narrow, wide = min(WIDTHS), max(WIDTHS)
    text = f"""# Width of softplus, and pooling

Made by `python experiments/softplus_width.py`:
{_caption()}

![PSNR against width]({NAME}.png)

PSNR (dB) of self-transfer. The width is in standard deviations of each layer's pre-activations;
ReLU is softplus of width 0. Each network is calibrated with its own activation and pooling.

{markdown_table(header, rows)}
- With average pooling the fixed RK4 steps bring back {db("RK4", "average", RELU)} through ReLU,
  {db("RK4", "average", narrow)} at the narrowest width, {db("RK4", "average", DEFAULT)} at the
  default of {DEFAULT:g} and {db("RK4", "average", wide)} at the widest.
- Symmetric steps need not follow the path closely, only solve their equations: with average pooling
  {db("symmetric", "average", narrow)} at the narrowest width, where softplus is nearly a kink,
  {db("symmetric", "average", DEFAULT)} at the default and {db("symmetric", "average", wide)} at
  the widest.
- l2 pooling is smooth, too: at the default width {db("RK4", "l2", DEFAULT)} with RK4,
  {db("symmetric", "l2", DEFAULT)} with symmetric steps.
- Max pooling has kinks whatever the activation: {db("RK4", "max", *WIDTHS)} with RK4 over all
  widths. Symmetric steps are for smooth networks only.

A wide softplus is farther from the ReLU with which VGG was trained; the default is narrow.
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
