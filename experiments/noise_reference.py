"""What noise looks like to the network: the image, its features, its feature maps.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/noise_reference.py

Figures 3.1, 4.5 and 4.6 of Miralles 2022: the noise image, the channel means of block5_conv1 with
the dead channels marked, and a sheet of feature maps of each layer. With ImageNet's filters, where
FILE holds VGG-16's in Keras's layout, and with calibrated ones, through ReLU and max pooling and
through a smooth network. Writes `reports/noise_reference.md` and its figures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import numpy as np
from matplotlib.axes import Axes

import decouple as dc
from decouple.config import MaskConfig
from decouple.report import style
from decouple.report.panel import Picture, picture_grid
from experiments.common import FILTERS, REPORTS, imagenet_weights, markdown_table

NAME = "noise_reference"
SIZE, SEED, LAYERS = 150, 0, 5
PICTURE = "astronaut"
MAPS, BRIGHTEST = 8, 99.5  # maps a layer; percentile at which the colour scale ends
AS_TRAINED = {"activation": "relu", "pooling": "max"}
HEADER = ["network", "layer", "channels", "mean of v", "smallest", "largest", "dead on noise"]
HEADER += [f"dead on {PICTURE}", "on either"]


def networks() -> dict[str, dc.Chain]:
    """{name: network}; the first one's feature maps are shown."""
    calibrated = {
        "calibrated, softplus, average pooling": dc.vgg19(weights="calibrated"),
        "calibrated, ReLU, max pooling": dc.vgg19(weights="calibrated", **AS_TRAINED),
    }
    if not os.environ.get(FILTERS):
        return calibrated
    trained = dc.vgg16(weights=imagenet_weights(), **AS_TRAINED)
    return {"ImageNet's filters, ReLU, max pooling": trained, **calibrated}


def described(chain: dc.Chain) -> str:
    """Network, weights, size and seed, for captions."""
    return (
        f"{chain.architecture.name}, weights {chain.weights.origin} ({chain.weights.digest[:8]}), "
        f"activation {chain.activation.value}, pooling {chain.pooling.value}, {SIZE}×{SIZE} px, "
        f"seed {SEED}"
    )


def main() -> None:
    """Measure, draw, write."""
    noise = dc.noise_image(SIZE, SIZE, SEED)
    picture = dc.load(f"sample:{PICTURE}", size=SIZE, fit="crop").pixels
    least = MaskConfig.min_slope
    chains, rows = networks(), []
    dead: dict[tuple[str, str], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for network, chain in chains.items():
        extractor = dc.ChannelMeans(chain, LAYERS)
        means = dc.noise_reference(extractor, (SIZE, SIZE), SEED).features
        on_noise, on_picture = (extractor.mean_slopes(image) or {} for image in (noise, picture))
        for layer, v in means.items():
            still = [slopes[layer] <= least for slopes in (on_noise, on_picture)]
            dead[network, layer] = v, still[0], still[1]
            counts = [*map(np.count_nonzero, still), np.count_nonzero(still[0] | still[1])]
            values = [f"{x:.3f}" for x in (v.mean(), v.min(), v.max())]
            rows.append([network, layer, str(v.size), *values, *map(str, counts)])
    with style.context():
        caption = f"uniform noise U(0, 1), {SIZE}×{SIZE} px, seed {SEED}; all values independent"
        figure = picture_grid([Picture("the noise image", noise)], 1, caption)
        style.save_figure(figure, REPORTS / f"{NAME}_image.png")
    last = extractor.layers[-1]
    _draw_means(last, {k: dead[k, last] for k in chains}, least, chains)
    _draw_maps(next(iter(chains.values())), extractor.layers, noise)
    _write(rows, last, {k: dead[k, last][1:] for k in chains}, least, chains)


def _draw_means(
    layer: str,
    means: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    least: float,
    chains: dict[str, dc.Chain],
) -> None:
    with style.context():
        width, height = style.PAGE_INCHES, 1.2 + 2.5 * len(means)
        figure = style.new_figure(width, height)
        text = "\n".join(f"{k}: {described(chain)}." for k, chain in chains.items())
        lines = style.wrapped(text, width - 0.2)
        style.put_caption(figure, lines)
        style.put_title(figure, f"Channel means of noise, {layer}")
        panels = figure.subplots(len(means), 1, sharex=True)
        figure.subplots_adjust(
            left=0.07, right=0.985, bottom=1.02 / height, top=1 - 0.68 / height, hspace=0.26
        )
        for axes, (network, (v, on_noise, on_picture)) in zip(panels, means.items(), strict=True):
            _draw_stems(axes, v, on_noise | on_picture)
            counts = [np.count_nonzero(dead) for dead in (on_noise, on_picture)]
            axes.set_title(
                f"{network}: of {v.size} channels {counts[0]} dead on noise, {counts[1]} on "
                f"{PICTURE} (mean slope at most {least:g})",
                loc="left",
            )
            axes.set_ylabel("v (activation)")
        panels[-1].set_xlabel("channel")
        style.save_figure(figure, REPORTS / f"{NAME}_means.png")


def _draw_stems(axes: Axes, v: np.ndarray, still: np.ndarray) -> None:
    channels = np.arange(v.size)
    for chosen, colour, marker, size in ((~still, "blue", "o", 2.5), (still, "vermillion", "x", 6)):
        label = "dead on noise or picture" if marker == "x" else "alive"
        axes.vlines(channels[chosen], 0, v[chosen], color=style.PALETTE[colour], linewidth=0.6)
        axes.plot(
            *(channels[chosen], v[chosen], marker),
            color=style.PALETTE[colour],
            markersize=size,
            label=label,
        )
    axes.set_xlim(-4, v.size + 3)
    axes.set_ylim(0, 1.15 * v.max())
    if still.any():
        axes.legend(loc="upper right", ncols=2)


def _draw_maps(chain: dc.Chain, layers: Sequence[str], noise: np.ndarray) -> None:
    """A row for each layer, a column for each of a few channels, taken at equal distances."""
    activations = chain.forward(noise[None], layers)
    with style.context():
        width, height = style.PAGE_INCHES, 1.28 * len(activations) + 1.1
        figure = style.new_figure(width, height)
        style.put_caption(figure, style.wrapped(described(chain), width - 0.2))
        style.put_title(figure, "Feature maps of noise")
        grid = figure.subplots(len(activations), MAPS)
        figure.subplots_adjust(
            left=0.1,
            right=0.91,
            bottom=0.4 / height,
            top=1 - 0.6 / height,
            wspace=0.08,
            hspace=0.28,
        )
        for line, layer, activation in zip(grid, layers, activations, strict=True):
            maps = activation.numpy()[0]
            channels = np.linspace(0, maps.shape[2] - 1, MAPS).round().astype(int)
            highest = np.percentile(maps[..., channels], BRIGHTEST)
            for axes, channel in zip(line, channels, strict=True):
                shown = axes.imshow(maps[..., channel], cmap="cividis", vmin=0, vmax=highest)
                axes.set_title(f"channel {channel}", fontsize=7.5, pad=2)
                axes.set_xticks([])
                axes.set_yticks([])
                axes.grid(False)
            size = f"{maps.shape[1]}×{maps.shape[0]}"
            line[0].set_ylabel(f"{layer}\n{size}", rotation=0, ha="right", va="center", fontsize=8)
            place = line[-1].get_position()
            bar = figure.add_axes((0.92, place.y0, 0.009, place.height))
            figure.colorbar(shown, cax=bar, extend="max")
            bar.tick_params(labelsize=7)
        figure.text(0.985, 0.5, "activation", rotation=90, va="center", ha="right", fontsize=8)
        style.save_figure(figure, REPORTS / f"{NAME}_maps.png")


def _write(
    rows: list[list[str]],
    layer: str,
    still: dict[str, tuple[np.ndarray, np.ndarray]],
    least: float,
    chains: dict[str, dc.Chain],
) -> None:
    counts = "; ".join(
        f"{network}: {np.count_nonzero(on_noise)} on the noise, {np.count_nonzero(on_picture)} on "
        f"{PICTURE}, of {on_noise.size}"
        for network, (on_noise, on_picture) in still.items()
    )
    captions = "\n".join(f"- {name}: {described(chain)}" for name, chain in chains.items())
    text = f"""# The noise reference

Made by `{FILTERS}=FILE python experiments/{NAME}.py`:

{captions}

The features of this noise are what every image is moved to (figure 3.1 of Miralles 2022):

![Colour noise]({NAME}_image.png)

## Channel means, and dead channels

The means v of {layer} (figure 4.5):

![Stem plots of each network]({NAME}_means.png)

A channel that does not react cannot be moved. The rule (`mask.min_slope`): it is dead where the
mean slope of its activation, for ReLU the share of positions at which it is above zero, is at most
{least:g} on the noise or on the picture. Dead at {layer}:
{counts}.

Calibration gives every channel's pre-activations a mean of 0 and a standard deviation of 1 over
synthetic pictures, noise among them, so that channels are alive on noise with ReLU, too; on a given
picture one may still be dead. ImageNet's filters have learnt pictures, not noise: there more are
dead or nearly so (Miralles 2022, section 4.4).

{markdown_table(HEADER, rows)}
## Feature maps

{MAPS} channels of each layer, at equal distances (figure 4.6); one colour scale a row, up
to the percentile {BRIGHTEST:g}. The deeper the layer, the fewer positions are averaged.

![Feature maps, a row for each layer]({NAME}_maps.png)
"""
    (REPORTS / f"{NAME}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
