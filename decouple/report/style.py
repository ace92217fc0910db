"""How every figure looks: colours, fonts, captions, and files that come out the same each time."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from decouple import files
from decouple.families import FAMILIES
from decouple.legible import legible

DPI = 150
PAGE_INCHES = 10.0
CAPTION_SIZE = 8.5
LINE_INCHES = 0.165  # one line of caption

# Okabe and Ito, "Color Universal Design", 2008: told apart by colour-blind readers. The order
# puts what is legible as a thin line on white first.
PALETTE = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
}
_COLOURS = tuple(PALETTE.values())
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")
_VGG_NAME = re.compile(r"block(\d+)_conv(\d+)")


def layer_look(layer: str, position: int = 0) -> tuple[str, Any]:
    """Colour and line style of a layer, the same in every figure of every run.

    The colour of `block<b>_conv<c>` tells the block, the line style tells the convolution; a
    layer with another name takes the colour of its `position` among the layers.

    >>> layer_look("block1_conv1"), layer_look("block1_conv2")
    (('#0072B2', '-'), ('#0072B2', '--'))
    """
    match = _VGG_NAME.fullmatch(layer)
    if match is None:
        return _COLOURS[position % len(_COLOURS)], "-"
    block, conv = int(match[1]) - 1, int(match[2]) - 1
    return _COLOURS[block % len(_COLOURS)], _DASHES[conv % len(_DASHES)]


def layer_colour(layer: str, position: int = 0) -> str:
    """The colour alone, `#RRGGBB`."""
    return layer_look(layer, position)[0]


@contextmanager
def context() -> Iterator[None]:
    """The settings under which every figure is made and saved."""
    settings: Any = {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.labelsize": 9,
        "figure.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#DDDDDD",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "lines.linewidth": 1.4,
        "legend.frameon": False,
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "savefig.bbox": None,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # so that a reader's own matplotlibrc changes nothing
        matplotlib.rcParams.update(settings)
        yield


def new_figure(width: float, height: float, **settings: Any) -> Figure:
    """An empty figure, size in inches, drawn by Agg and unknown to any global state."""
    figure = Figure(figsize=(width, height), **settings)
    FigureCanvasAgg(figure)
    return figure


def widen_to_decades(axes: Axes) -> None:
    """Give a logarithmic y axis with fewer than two powers of ten on it the ones around its range.

    Its ticks would be labelled `6.9 × 10⁻²`, for which there is no room, or one alone, which does
    not tell the scale.
    """
    low, high = axes.get_ylim()
    if 0 < low < high and math.floor(math.log10(high)) <= math.ceil(math.log10(low)):
        axes.set_ylim(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)))


def caption(metrics: Mapping[str, Any]) -> str:
    """What the run was made with, on one line; what metrics.json does not tell is left out."""
    network = metrics.get("network") or {}
    image = metrics.get("image") or {}
    parts = [str(network["name"])] if network.get("name") else []
    if network.get("weights"):
        digest = f" ({str(network['weights_digest'])[:8]})" if network.get("weights_digest") else ""
        parts.append(f"weights {network['weights']}{digest}")
    parts += [f"{key} {network[key]}" for key in ("activation", "pooling") if network.get(key)]
    if image.get("height") and image.get("width"):
        parts.append(f"image {image['height']} pixels high and {image['width']} wide")
    if metrics.get("seed") is not None:
        parts.append(f"seed {metrics['seed']}")
    return ", ".join(parts)


def squared(label: str, metrics: Mapping[str, Any]) -> str:
    """A label of squared differences of features, with their unit where they have one.

    >>> print(squared("MSE", {"features": {"name": "means"}}), squared("MSE", {"features": {}}))
    MSE (activation²) MSE
    """
    # Of runs that say nothing of their features: those were means.
    name = metrics.get("features", {"name": "means"}).get("name")
    unit = FAMILIES.named(name).unit if name in FAMILIES else ""
    return f"{label} ({unit}²)" if unit else label


def wrapped(text: str, inches: float, size: float = CAPTION_SIZE) -> list[str]:
    """Break `text` into lines that fit a width in inches at a font size in points."""
    # DejaVu Sans is about 0.55 em wide on average, capitals and digits included.
    columns = max(int(inches * 72 / (0.58 * size)), 12)
    return [line for part in text.splitlines() for line in textwrap.wrap(part, columns)]


def literal(text: str) -> str:
    r"""Text as matplotlib draws it as it is: a dollar in a name begins no formula.

    >>> print(literal("a$b$.png"))
    a\$b\$.png
    """
    return legible(text).replace("$", r"\$")


def put_caption(figure: Figure, lines: Sequence[str]) -> None:
    """Write small lines along the lower edge; returns the height they take, in inches."""
    if not lines:
        return
    width, height = figure.get_size_inches()
    figure.text(
        0.1 / width,
        0.08 / height,
        literal("\n".join(lines)),
        fontsize=CAPTION_SIZE,
        color="#444444",
        ha="left",
        va="bottom",
        linespacing=1.25,
    )


def put_title(figure: Figure, title: str) -> None:
    """Write a title along the upper edge."""
    width, height = figure.get_size_inches()
    figure.text(
        0.1 / width,
        1 - 0.1 / height,
        title,
        fontsize=matplotlib.rcParams["figure.titlesize"],
        fontweight="bold",
        ha="left",
        va="top",
    )


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Save as PNG so that it appears whole; the same figure gives the same bytes.

    Raises
    ------
    RunFolderError
        when the file or its folder cannot be written.
    """
    path = Path(path)
    with files.disk_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with files.written_aside(path) as aside:
        _write_png(figure, aside)
    return path


def png_of(figure: Figure) -> bytes:
    """What `save_figure` writes."""
    file = io.BytesIO()
    _write_png(figure, file)
    return file.getvalue()


def _write_png(figure: Figure, file: Any) -> None:
    # Without the name of the software, whose version would change the bytes.
    figure.savefig(file, format="png", metadata={"Software": None})
