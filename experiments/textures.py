"""Textures out of noise with ImageNet's filters, nine sources: by Gram matrices and by means.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/textures.py [pixels a side] [--runs FOLDER]
    DECOUPLE_IMAGENET_VGG16=FILE python experiments/textures.py --pages textures_average
    DECOUPLE_IMAGENET_VGG16=FILE python experiments/textures.py --ways Gram    # runs, no page yet

FILE holds VGG-16's ImageNet convolutions in Keras's layout. Writes `reports/textures.md`, at 256 px
if no size is given, the same with average pooling, where means with covariances are a third way,
and a gallery of each; a run that FOLDER has is not made again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import decouple as dc
from decouple.images import resized
from experiments.common import (
    FILTERS,
    REPORTS,
    drawn_wall,
    imagenet,
    made,
    markdown_table,
    slim,
)

NAME = "textures"


class Way(NamedTuple):
    """How textures are made: what the page calls it, the settings, and how the page tells of it."""

    name: str
    settings: tuple[str, ...]
    told: str


GRAM_AND_MEANS = (
    Way("Gram", ("synthesize.method=gram",), "descent of Gram matrices"),
    Way(
        "means",
        ("synthesize.method=match", "stop.max_iterations=200"),
        "the means of all layers at once, to a thousandth or as near as 200 iterations come",
    ),
)
COVARIANCE = Way(
    "covariance",
    ("synthesize.method=mean_covariance",),
    "descent of means and covariances, each relative to the source's",
)


class Page(NamedTuple):
    """A page: its file and title, the network's pooling in words and as set, and the ways."""

    name: str
    title: str
    pooling: str
    settings: tuple[str, ...] = ()
    ways: tuple[Way, ...] = GRAM_AND_MEANS


PAGES = (
    Page(NAME, "Textures out of noise", "smooth maximum"),
    Page(
        f"{NAME}_average",
        "Textures with average pooling",
        "average",
        ("network.pooling=average",),
        (*GRAM_AND_MEANS, COVARIANCE),
    ),
)
# Pictures on a line of the gallery, at most.
ABREAST = 9
JUDGES = {
    "gram_squared_distance": "Gram, squared",
    "gram_squared_distance_held_out": "Gram, held out",
    "means_distance": "means",
    "means_distance_held_out": "means, held out",
}


def sources(size: int) -> dict[str, np.ndarray]:
    """{name: texture}, (size, size, 3) in [0, 1]: packaged, cut out of photographs, drawn."""

    def cut(name: str, top: float, left: float, share: float) -> np.ndarray:
        whole = dc.load(f"sample:{name}").pixels
        side = round(share * min(whole.shape[:2]))
        top, left = round(top * whole.shape[0]), round(left * whole.shape[1])
        return np.asarray(resized(whole[top : top + side, left : left + side], (size, size)))

    return {
        **{name: cut(name, 0, 0, 1) for name in ("brick", "grass", "gravel")},
        "tissue (ihc)": cut("ihc", 0, 0.3, 0.5),
        "galaxies (hubble_deep_field)": cut("hubble_deep_field", 0.35, 0.3, 0.3),
        "coins": cut("coins", 0.06, 0.15, 0.85),
        "a drawn wall": drawn_wall(size),
        "drawn waves": _waves(size),
        "drawn leaves": _leaves(size),
    }


def _waves(size: int) -> np.ndarray:
    """Noise of one scale and nearly one direction, between two colours."""
    noise = np.random.default_rng(2).standard_normal((size, size))
    fine, coarse = (gaussian_filter(noise, (s, 3 * s), mode="wrap") for s in (size / 80, size / 50))
    shade = 1 / (1 + np.exp(-6 * (fine - coarse) / (fine - coarse).std()))
    return shade[..., None] * (0.93, 0.85, 0.63) + (1 - shade[..., None]) * (0.10, 0.24, 0.42)


def _leaves(size: int) -> np.ndarray:
    """Discs of all sizes that cover each other (dead leaves)."""
    rng = np.random.default_rng(3)
    colours = np.array(
        [(0.80, 0.27, 0.13), (0.93, 0.69, 0.19), (0.35, 0.42, 0.17), (0.3, 0.2, 0.15)]
    )
    rows, columns = np.mgrid[:size, :size]
    image = np.zeros((size, size, 3)) + colours[-1]
    for _ in range(900):
        radius = size * 0.012 * rng.pareto(2.0) + size * 0.015
        far = (rows - rng.uniform(0, size)) ** 2 + (columns - rng.uniform(0, size)) ** 2
        image[far < min(radius, size / 10) ** 2] = colours[rng.integers(4)] + rng.normal(0, 0.03, 3)
    return np.clip(gaussian_filter(image, (0.7, 0.7, 0)), 0, 1)


def main() -> int:
    """Run all, write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="?", type=int, default=256, help="of a side, in pixels")
    parser.add_argument("--runs", type=Path, default=Path("runs") / NAME)
    names = [page.name for page in PAGES]
    parser.add_argument("--pages", nargs="+", choices=names, default=names)
    every_way = {way.name: None for page in PAGES for way in page.ways}
    parser.add_argument("--ways", nargs="+", choices=every_way)
    options = parser.parse_args()
    for page in PAGES:
        if page.name in options.pages:
            ways = [way for way in page.ways if way.name in (options.ways or every_way)]
            make(page, ways, options.size, options.runs.resolve() / f"{options.size}px")
    return 0


def make(page: Page, ways: list[Way], size: int, runs: Path) -> None:
    """Run in these ways; where they are all, write the page."""
    rows: dict[str, dict[str, dict[str, float]]] = {}
    pictures: dict[str, dict[str, np.ndarray]] = {}
    runs.mkdir(parents=True, exist_ok=True)
    network = (*imagenet().settings, *page.settings)
    for number, (texture, pixels) in enumerate(sources(size).items()):
        path = runs / f"{number}.png"
        if not path.exists():
            dc.save(pixels, path)
        rows[texture], pictures[texture] = {}, {"source": pixels}
        for way in ways:
            sizes = (f"image.size={size}", f"output.size={size}", f"source={path}")
            run_dir = runs / page.name / f"{number}_{way.name}"
            given = ("+experiment=synthesize", *network, *sizes, *way.settings)
            metrics = made(run_dir, *given, apart=True)
            rows[texture] |= judged(way, metrics)
            pictures[texture][way.name] = dc.load(run_dir / "images" / "result.png").pixels
    if len(ways) == len(page.ways):
        write(page, rows, size, metrics["numerics"]["threads"])
        draw(page, pictures)


def judged(way: Way, metrics: dict[str, Any]) -> dict[str, dict[str, float]]:
    """{row: {judge: value}} of a run: its image's, and of descents of Gram the references'."""
    rows = {row["method"]: row for row in metrics["judges"]["rows"]}
    kept = {key: rows["seed_0"][key] for key in JUDGES}
    kept |= {"seconds": metrics["seconds"], "memory": metrics["peak_memory_bytes"] / 2**30}
    told = {way.name: kept}
    if way is GRAM_AND_MEANS[0]:
        told |= {name: row for name, row in rows.items() if name not in ("seed_0", "source")}
    return told


def write(page: Page, rows: dict[str, dict[str, dict[str, float]]], size: int, cores: int) -> None:
    """The page's text."""
    names = [way.name for way in page.ways]
    references = list(dict.fromkeys(n for own in rows.values() for n in own if n not in names))
    others = [name for name in references if name.startswith("another")]
    plain = [name for name in references if name not in others]

    def of(name: str, key: str) -> list[float]:
        found = [own.get(name, {}).get(key) for own in rows.values()]
        return [value for value in found if value is not None]

    def line(title: str, which: list[str]) -> list[str]:
        cells = [[value for name in which for value in of(name, key)] for key in JUDGES]
        costs = [of(which[0], key) for key in ("seconds", "memory")]
        return [
            title,
            *(f"{median(values):.2g}" if values else "–" for values in cells),
            *("–" if not values else f"{median(values):.1f}" for values in costs),
        ]

    summary = [line(name, [name]) for name in names]
    summary += [line(name, [name]) for name in plain]
    summary += [line("another texture", others)] if others else []
    each = [
        [texture, *(f"{own[name]['gram_squared_distance']:.2g}" for name in names)]
        + [f"{own[name]['means_distance']:.2g}" for name in names]
        + [f"{own[name]['seconds']:.0f}" for name in names]
        for texture, own in rows.items()
    ]
    columns = ["", *JUDGES.values(), "seconds", "GiB"]
    heads = [f"{name}{what}" for what in (": Gram", ": means", ": seconds") for name in names]
    told = "\n".join(f"- *{way.name}*, `{' '.join(way.settings)}`: {way.told}" for way in page.ways)
    command = f"{FILTERS}=FILE python experiments/{NAME}.py {size}"
    command += "" if page is PAGES[0] else f" --pages {page.name}"
    network = " ".join((imagenet().by_hand, *page.settings))
    text = f"""# {page.title}

Made by `{command}`. Network: VGG-16 with the filters that
were trained on ImageNet, unbiased softplus, {page.pooling} pooling; the first convolution of each
of five blocks, and held out the second. From noise with the source's colours, seed 0, {size} px, by

{told}

as `python -m decouple.run +experiment=synthesize source=TEXTURE {network}
image.size={size} output.size={size}` makes them. Means go from coarse to fine, so that large shapes
are much like the source's.

![Sources, and the textures made of them]({page.name}.png)

Medians over {len(rows)} textures. *Gram, squared* is ‖G − A‖² / ‖A‖² and *means*
‖m − m₀‖ / ‖m₀‖, of statistics per position, mean over the layers with equal weights, measured by
the network that made the texture; *held out* the same of layers that nobody optimized. Seconds are
those of the run on {cores} core{"s" if cores > 1 else ""} of its own; GiB the most memory that it
held. The left half of a source against its right half is how near two pieces of one texture are.

{markdown_table(columns, summary)}
Each texture: squared Gram distance, distance of the means, both of the layers used, and seconds:

{markdown_table(["texture", *heads], each)}"""
    (REPORTS / f"{page.name}.md").write_text(text, encoding="utf-8")


def draw(page: Page, pictures: dict[str, dict[str, np.ndarray]]) -> None:
    """The gallery: several textures a line, of each its source and what was made of it."""
    columns = ["source", *(way.name for way in page.ways)]
    abreast = ABREAST // len(columns)
    across, down = abreast * len(columns), -(-len(pictures) // abreast)
    figure, axes = plt.subplots(down, across, figsize=(1.3 * across, 1.45 * down), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    places = iter(axes.flat)
    for texture, shown in pictures.items():
        for name in columns:
            axis = next(places)
            axis.imshow(np.clip(shown[name], 0, 1), interpolation="none")
            title = texture.partition(" (")[0] if name == "source" else name
            axis.set_title(title, fontsize=7, pad=2)
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.95, 0.03, 0.12)
    figure.savefig(REPORTS / f"{page.name}.png", dpi=160)
    slim(REPORTS / f"{page.name}.png")
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
