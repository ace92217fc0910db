"""From one texture to another: on the straight line between their features, and beside it.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/interpolation.py

Brick to gravel through three layers at 128 px: frames that go along the line by the lift, and
beside them blends of pixels, fresh noise with the features of the line, and noise that descends the
mean of both Gram matrices. With calibrated filters; and with ImageNet's, where FILE holds VGG-16's
in Keras's layout. Writes `reports/interpolation.md` and its strips.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from experiments.common import (
    FILTERS,
    REPORTS,
    Filters,
    all_filters,
    markdown_table,
    measured,
    slim,
    write_page,
)

NAME = "interpolation"
SETTINGS = (
    *("+experiment=interpolate", "source=sample:brick", "target=sample:gravel", "frames=5"),
    *("layers=3", "image.size=128", "interpolate.beside=[noise,gram]"),
)
JUDGES = {
    "deviation": "from the line",
    "gram_squared_distance": "halves: Gram, squared",
    "means_distance": "halves: means",
    "wasserstein_distance": "halves: Wasserstein",
    "spectrum_db": "halves: spectrum (dB)",
}


def row(judged: dict[str, Any]) -> list[str]:
    """One line of the table."""
    values = [judged.get(key) for key in JUDGES]
    return [
        judged["method"].replace("_", " "),
        *("–" if value is None else f"{value:.2g}" for value in values),
    ]


def section(filters: Filters) -> str:
    """Run with these filters; what the page says of them."""
    figure = NAME + filters.figures
    metrics = measured(*SETTINGS, *filters.settings, keep={"strip.png": figure})
    slim(REPORTS / f"{figure}.png")
    told = metrics["interpolate"]
    halves = told["largest_gram_squared_distance_of_halves"]
    table = markdown_table(["", *JUDGES.values()], [row(r) for r in metrics["judges"]["rows"]])
    return f"""## {filters.title}

    python -m decouple.run {" ".join(SETTINGS)} {filters.by_hand}

![Frames, blends of pixels, noise, noise by Gram matrices]({figure}.png)

{table}
The frames are within {told["largest_deviation"]:.0e} of the line, in units of its length, the
blends within {told["largest_deviation_of_blends"]:.2f}. The largest squared Gram distance of a
frame's left half from its right half is {halves["between"]:.2g} between the ends, and
{halves["ends"]:.2g} at them. In all {metrics["seconds"]:.0f} s, beside other work.
"""


def main() -> None:
    """Run, write the report."""
    intro = f"""# From one texture to another

Made by `{FILTERS}=FILE python experiments/{NAME}.py`. The features of three layers go along the
straight line from brick's to gravel's. *Features*: each frame comes from the one before by the
smallest motion that moves the features so; what they do not see stays brick's, whose courses show
in the last frame still. Beside them: blends of the pixels; *noise*, fresh noise
whose features are moved to those of the line; *Gram*, fresh noise that descends its distance from
the weighted mean of both pictures' Gram matrices. *From the line*: how far the features are from
it, in units of its length. *Halves*: of an image's left half from its right half, how alike two
pieces of it are; squared Gram distance, means, sliced Wasserstein distance of activations, and
spectrum.
"""
    write_page(NAME, intro, map(section, all_filters()))


if __name__ == "__main__":
    main()
