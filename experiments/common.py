"""What the scripts share: run the command line, read what it measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

import decouple as dc
from decouple.record.metrics import read_metrics
from decouple.run import main as command_line

if TYPE_CHECKING:  # it would load TensorFlow, which most scripts need in other processes only
    from decouple.flows.lift import Stepper
    from decouple.networks.chain import Chain

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "reports"
CORE_NUMBERS = (
    sorted(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else list(range(os.cpu_count() or 1))
)
CORES = len(CORE_NUMBERS)
FILTERS = "DECOUPLE_IMAGENET_VGG16"
"""The variable that names a file of VGG-16's ImageNet convolutions, in Keras's layout."""


def imagenet_weights() -> str:
    """The file that `FILTERS` names.

    Raises
    ------
    SystemExit : after one line, with code 2: it names none.
    """
    weights = Path(os.environ.get(FILTERS, ""))
    if not weights.is_file():
        print(f"error: {FILTERS} must name a file of VGG-16's ImageNet filters", file=sys.stderr)
        raise SystemExit(2)
    return str(weights.resolve())


class Filters(NamedTuple):
    """A network that a page shows, by whose filters it has.

    name : whose filters they are
    figures : behind the names of its figures
    """

    name: str
    network: str
    weights: str
    figures: str

    @property
    def title(self) -> str:
        """What the page's section is called."""
        return self.name[0].upper() + self.name[1:]

    @property
    def settings(self) -> tuple[str, ...]:
        """Of the command line."""
        return f"network={self.network}", f"network.weights={self.weights}"

    @property
    def by_hand(self) -> str:
        """Those, as a reader types them, for whom FILE holds ImageNet's."""
        named = self.weights if self is CALIBRATED else "FILE"
        return f"network={self.network} network.weights={named}"

    def chain(self, layers: int, **options: Any) -> Chain:
        """The network itself, up to the first convolution of that block."""
        network = getattr(dc, self.network)
        return network(weights=self.weights, last=f"block{layers}_conv1", **options)


CALIBRATED = Filters("calibrated random filters", "vgg19", "calibrated", "")


def imagenet() -> Filters:
    """VGG-16 with ImageNet's; SystemExit as `imagenet_weights`."""
    return Filters("ImageNet's filters", "vgg16", imagenet_weights(), "_imagenet")


def imagenet_network() -> tuple[str, ...]:
    """The settings of that; SystemExit as `imagenet_weights`."""
    return imagenet().settings


def all_filters() -> list[Filters]:
    """ImageNet's first, where `FILTERS` names a file; then calibrated random ones."""
    return [imagenet(), CALIBRATED] if os.environ.get(FILTERS) else [CALIBRATED]


def _command(*words: str) -> list[str]:
    """`python -m decouple.run` with these words, in a process of its own."""
    return [sys.executable, "-m", "decouple.run", *words]


def run(run_dir: Path, *settings: str) -> Path:
    """Run `python -m decouple.run` with these settings in a process of its own, into `run_dir`.

    Raises
    ------
    subprocess.CalledProcessError : the run failed.
    """
    subprocess.run(_command(*settings, f"run_dir={run_dir}"), check=True, cwd=ROOT)
    return run_dir


def measured(*settings: str, keep: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run with these settings as `run` does; its metrics.json.

    Parameters
    ----------
    keep : {plot of the run folder: name in reports/, without .png}, copied

    Raises
    ------
    subprocess.CalledProcessError : the run failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_dir = run(Path(folder) / "run", *settings)
        for plot, name in (keep or {}).items():
            shutil.copy(run_dir / "plots" / plot, REPORTS / f"{name}.png")
        return read_metrics(run_dir)


def made(run_dir: Path, *words: str, apart: bool = False) -> dict[str, Any]:
    """Run the command line, or go on with what is there; its metrics.

    Parameters
    ----------
    apart : in a process of its own, whose memory is this run's alone

    Raises
    ------
    RuntimeError : it failed.
    """
    from decouple.pipeline.state import has_ended  # loads TensorFlow, and most need no `made`

    run_dir = run_dir.resolve()
    if not has_ended(run_dir):
        there = (run_dir / "config.yaml").exists()
        given = [f"resume={run_dir}"] if there else [*words, f"run_dir={run_dir}"]
        if apart:
            code = subprocess.run(_command(*given), check=False, cwd=ROOT).returncode
        else:
            code = command_line(given)
        if code != 0:
            raise RuntimeError(f"{run_dir}: exit code {code}")
    return read_metrics(run_dir)


def drawn_wall(size: int) -> np.ndarray:
    """An evenly lit wall of bricks, (size, size, 3) in [0, 1], rounded to 8 bits.

    Its patches are so alike that the features feel hardly more than its mean colour.
    """
    bricks, mortar = (0.80, 0.40, 0.18), (0.66, 0.52, 0.40)
    rows, columns = np.mgrid[:size, :size]
    shifted = (columns - 8 * (rows // 8 % 2)) % 16 == 0
    wall = np.where(((rows % 8 == 0) | shifted)[..., None], mortar, bricks)
    wall = wall + 0.015 * np.random.default_rng(1).standard_normal(wall.shape)
    return np.round(255 * np.clip(wall, 0, 1)) / 255


def self_transfer_psnr(
    image: np.ndarray, extractor: dc.ChannelMeans, stepper: Stepper, seed: int
) -> float | None:
    """PSNR in dB of a self-transfer by the lift in this process; None where it did not arrive.

    Parameters
    ----------
    image : (H, W, 3), RGB, nominally in [0, 1]; the noise reference has its size
    """
    ready = dc.prepare(extractor, image, seed=seed)
    try:
        done = dc.round_trip(image, ready.extractor, ready.reference, dc.Lift(stepper))
    except dc.StageError as error:
        print(error)
        return None
    return dc.psnr_db(done.imposed.image, image)


def span(values: Iterable[float | None], spec: str = ".1f") -> str:
    """The least and the largest of those that are known, as `a to b`; one where they read alike."""
    known = [value for value in values if value is not None]
    if not known:
        return "nothing"
    ends = dict.fromkeys(format(end, spec) for end in (min(known), max(known)))
    return " to ".join(ends)


def write_page(name: str, intro: str, sections: Iterable[str]) -> None:
    """Write a page of `reports/`, and print it: what is said first, and then its sections."""
    text = "\n".join([intro, *sections])
    (REPORTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


def slim(picture: Path) -> None:
    """Save a PNG again with no more than 256 colours: half of the bytes or less, of grainy ones."""
    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def fill(page: Path, name: str, text: str) -> None:
    """Replace what a page has between `<!-- name -->` and `<!-- end of name -->`.

    Raises
    ------
    ValueError : the page has no such place.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no place called {name}")
    page.write_text(before + begin + text + end + after, encoding="utf-8")
