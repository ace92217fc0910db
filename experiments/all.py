"""Every figure and table of `reports/`, one script after another, and how long each took.

    python experiments/all.py                      # all but the long ones
    python experiments/all.py transfer optimizers  # these alone
    python experiments/all.py benchmarks           # those in experiments/benchmarks/
    python experiments/all.py --at-once 1          # one at a time, on all cores
    python experiments/all.py compare_imagenet     # a long one

Those of textures, and those that take more than twenty minutes each on a core with ImageNet's
filters, `LONG` below, are made only where they are named.

Two are made at a time, each on half of the cores: that takes less time in all, and each script
more; times on their pages are then those of fewer cores. What a script prints is shown where it
failed; then the exit code is 1, and the others are made all the same. The benchmarks are made only
where they are asked for, one at a time: what they measure is this machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.errors import unknown_name
from decouple.record.progress import duration
from experiments.common import CORE_NUMBERS, CORES, FILTERS

HERE = Path(__file__).resolve().parent
NOT_SCRIPTS = ("__init__", "all", "common", "injuries", "pictures", "timing", "trade_off")
# {script: the variable that must name what it needs}; without it the script is left out.
NEEDS = dict.fromkeys(
    ("decoupling_settings", "gatys", "imagenet", "probe", "tables", "textures"), FILTERS
)
# Of those that are made only where they are named.
LONG = (
    *("compare_imagenet", "cuts", "decoupling_settings", "imagenet", "interpolation", "metamers"),
    *("metamers_from_noise", "probe", "tables", "textures"),
)
# Of the others those that take longest begin first, so that none is left over.
FIRST = ("gatys", "thesis", "round_trip_convergence", "self_transfer")


def _scripts(folder: str) -> tuple[str, ...]:
    """Those of a folder, relative to this one, without `.py`."""
    paths = sorted((HERE / folder).glob("*.py"))
    names = [path.relative_to(HERE).with_suffix("") for path in paths]
    return tuple(name.as_posix() for name in names if name.name not in NOT_SCRIPTS)


SCRIPTS, BENCHMARKS = _scripts("."), _scripts("benchmarks")


def main(words: list[str]) -> int:
    """Run the scripts that are named, all but the long ones by default; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument(
        *("-j", "--at-once"), type=int, default=2, help="so many scripts, each on its own cores"
    )
    options = parser.parse_args(words)
    names, known = options.names, (*SCRIPTS, "benchmarks", *BENCHMARKS)
    for name in names:
        if name not in known:
            print(f"error: {unknown_name('script', name, known)}", file=sys.stderr)
            return 2
    chosen = [
        script
        for name in names or (name for name in SCRIPTS if name not in LONG)
        for script in (BENCHMARKS if name == "benchmarks" else (name,))
    ]
    chosen.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    measuring = any(name in BENCHMARKS for name in chosen)
    at_once = 1 if measuring else max(1, min(options.at_once, CORES))
    width = max(map(len, chosen))
    failed, start = 0, time.perf_counter()
    free: Queue[list[int]] = Queue()
    for share in range(at_once):
        free.put(CORE_NUMBERS[share::at_once])
    with ThreadPoolExecutor(at_once) as pool:
        for name, done in zip(chosen, pool.map(partial(_made, names, free), chosen), strict=True):
            print(f"{name:<{width}}  {done.said}", flush=True)
            if done.output is not None:
                failed += 1
                print(done.output, file=sys.stderr, flush=True)
    print(f"{'in all':<{width}}  {duration(time.perf_counter() - start)}")
    return 1 if failed else 0


class _Done(NamedTuple):
    """What became of a script, in a word or two, and what it printed where it failed."""

    said: str
    output: str | None = None


def _made(names: list[str], free: Queue[list[int]], name: str) -> _Done:
    """Run a script on cores that are free."""
    if name not in names and not os.environ.get(NEEDS.get(name, "PATH")):
        return _Done(f"left out: {NEEDS[name]} is not set")
    cores, began = free.get(), time.perf_counter()
    try:
        done = subprocess.run(
            [*_pinned(cores), sys.executable, HERE / f"{name}.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    finally:
        free.put(cores)
    took = duration(time.perf_counter() - began)
    return _Done(took) if done.returncode == 0 else _Done(f"{took}  FAILED", done.stdout)


def _pinned(cores: list[int]) -> list[str]:
    """What a command begins with that is to run on a part of all cores."""
    if len(cores) == CORES or not shutil.which("taskset"):
        return []
    return ["taskset", "--cpu-list", ",".join(map(str, cores))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
