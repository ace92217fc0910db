"""Tables of features of many pictures: pictures a second, memory, and what twenty kills change.

    DECOUPLE_IMAGENET_VGG16=FILE python experiments/tables.py [--pictures 500] [--kills 20]

FILE holds VGG-16's ImageNet convolutions in Keras's layout. The pictures are cut out of packaged
photographs. Writes `reports/tables.md`; the exit code is 1 where a run that was killed, and gone on
with each time, ends with another table, or two shards are another one together.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

import numpy as np

import decouple as dc
from decouple.record.feature_rows import NAME as ROWS
from decouple.record.feature_table import ABOUT, COSTS, CSV
from decouple.record.metrics import read_metrics
from experiments.common import CORES, FILTERS, REPORTS, imagenet_network, markdown_table, run
from experiments.cuts import started

PHOTOGRAPHS = (
    *("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel"),
    *("hubble_deep_field", "ihc", "moon", "motorcycle_left", "retina", "rocket"),
)
SIDE, FEW = 64, 50
ACCURACY = 1e-3
# Of the runs of few pictures, how many are moved once more; of those of many, as many as always.
CHECKED = 20
# Of a photograph's shorter side, that of a cut.
SMALLEST, LARGEST = 0.2, 0.5
HEADER = [
    *("layers", "pictures", "pictures a second", "seconds in all", "not moved", "passes each"),
    *("checked", "within", "median error", "largest", "GiB"),
]


def pictures(folder: Path, many: int) -> Path:
    """So many square cuts of the photographs, as PNG files in a folder that is made."""
    rng = np.random.default_rng(0)
    photographs = [dc.load(f"sample:{name}").pixels for name in PHOTOGRAPHS]
    folder.mkdir()
    for number in range(many):
        whole = photographs[number % len(photographs)]
        side = int(rng.uniform(SMALLEST, LARGEST) * min(whole.shape[:2]))
        top, left = (rng.integers(0, length - side + 1) for length in whole.shape[:2])
        dc.save(whole[top : top + side, left : left + side], folder / f"{number:04d}.png")
    return folder


def row(layers: int, run_dir: Path, seconds: float) -> list[str]:
    """A line of the table."""
    metrics: dict[str, Any] = read_metrics(run_dir)
    table = metrics["feature_table"]
    with (run_dir / COSTS).open(encoding="utf-8", newline="") as costs:
        lines = list(csv.DictReader(costs))
    passes = sum(int(line["passes"]) for line in lines)
    errors = table["accuracy"]["errors"].values()
    return [
        str(layers),
        str(table["pictures"]),
        f"{table['pictures'] / sum(float(line['seconds']) for line in lines):.2f}",
        f"{seconds:.0f}",
        str(table["failed"]),
        f"{passes / table['pictures']:.0f}",
        str(len(errors)),
        str(sum(error <= ACCURACY for error in errors)),
        f"{median(errors):.0e}",
        f"{max(errors):.0e}",
        f"{metrics['peak_memory_bytes'] / 2**30:.2f}",
    ]


def killed(words: list[str], run_dir: Path, many: int, times: int) -> int:
    """Kill a run of so many pictures that often, and let it end; how often it was.

    Within a second of a number of rows, which is drawn; by time a picture that takes longer than
    from one kill to the next would never be done.
    """
    rng, kills = random.Random(0), 0
    under_way = started(*words, f"run_dir={run_dir}")
    for rows in sorted(rng.sample(range(1, many), times)):
        while under_way.poll() is None and made(run_dir) < rows:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 1))
        if under_way.poll() is not None:
            break
        under_way.kill()
        under_way.wait()
        kills += 1
        print(f"killed {kills} times, at {made(run_dir)} rows", file=sys.stderr, flush=True)
        under_way = started(f"resume={run_dir}")
    if under_way.wait() != 0:
        raise RuntimeError("a run that was killed did not come to its end")
    return kills


def made(run_dir: Path) -> int:
    """How many rows a run has written."""
    rows = run_dir / ROWS
    return rows.read_bytes().count(b"\n") if rows.is_file() else 0


def main() -> int:
    """Run all, write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    common = [
        *("+experiment=features", *imagenet_network()),
        *(f"image.size={SIDE}", f"table.accuracy={ACCURACY}"),
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        many = pictures(folder / "many", options.pictures)
        few = pictures(folder / "few", min(FEW, options.pictures))
        rows = []
        for layers, source in ((2, few), (2, many), (3, few)):
            began = time.perf_counter()
            run_dir = folder / f"run_{layers}_{source.name}"
            checked = [f"table.checked={CHECKED}"] if source is few else []
            run(run_dir, *common, *checked, f"source={source}", f"layers={layers}")
            rows.append(row(layers, run_dir, time.perf_counter() - began))
            print(*rows[-1], flush=True)
        whole, cut = folder / "run_2_many", folder / "cut"
        words = [*common, f"source={many}", "layers=2"]
        kills = killed(words, cut, options.pictures, options.kills)
        same = same_table(whole, cut)
        shards = same_table(folder / "run_2_few", joined(folder, *common, f"source={few}"))
    write(rows, options.pictures, kills, same, shards)
    return 0 if same and shards else 1


def joined(folder: Path, *settings: str) -> Path:
    """The folder of a table through two layers that is made in two shards."""
    parts = [
        run(folder / f"shard_{part}", *settings, "layers=2", f"shard={part}/2") for part in (1, 2)
    ]
    return dc.join_tables(parts, folder / "joined").parent


def same_table(one: Path, other: Path) -> bool:
    """Whether two runs have the same table, byte for byte."""
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in (CSV, ABOUT))


def write(rows: list[list[str]], many: int, kills: int, same: bool, shards: bool) -> None:
    """Write the report."""
    verdict, parts = (
        "is the same, byte for byte" if alike else "IS ANOTHER ONE" for alike in (same, shards)
    )
    text = f"""# Tables of many pictures

Made by `{FILTERS}=FILE python experiments/tables.py`:
VGG-16 with ImageNet's filters, raw and decoupled channel means of cuts of packaged photographs at
{SIDE} px, `table.accuracy={ACCURACY:g}`. *Pictures a second* are those of the rows, *seconds in
all* those of the whole command, with the start, how exact steps must be, and the check at the end;
alone on a machine with {CORES} cores. *Not moved* are rows that have no decoupled features, and say
why. *Checked* are pictures that were moved once more in steps ten times as exact; *within* are
those whose features are off by no more than the accuracy asked for, relative to their own. *GiB* is
the most memory that the process held.

{markdown_table(HEADER, rows)}
The table of {many} pictures, two layers, of a run that was killed {kills} times and gone on with
each time {verdict}. That of {rows[0][1]}
pictures out of two shards {parts}.
"""
    (REPORTS / "tables.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
