"""Every figure and table of `reports/`, one script after another, and how long each took.

    python experiments/all.py                      # everything
    python experiments/all.py transfer optimizers  # these alone
    python experiments/all.py benchmarks           # those in experiments/benchmarks/
    python experiments/all.py compare_imagenet     # more than an hour: only where it is asked for

What a script prints is shown where it failed; then the exit code is 1, and the others are made all
the same. The benchmarks are made only where they are asked for: what they measure is this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.errors import unknown_name
from decouple.record.progress import duration
from experiments.common import FILTERS

HERE = Path(__file__).resolve().parent
NOT_SCRIPTS = ("__init__", "all", "common", "injuries", "pictures", "timing", "trade_off")
# {script: the variable that must name what it needs}; without it the script is left out.
NEEDS = dict.fromkeys(
    ("decoupling_settings", "gatys", "imagenet", "probe", "tables", "textures"), FILTERS
)
# Of those that are made only where they are named.
LONG = ("compare_imagenet",)


def _scripts(folder: str) -> tuple[str, ...]:
    """Those of a folder, relative to this one, without `.py`."""
    paths = sorted((HERE / folder).glob("*.py"))
    names = [path.relative_to(HERE).with_suffix("") for path in paths]
    return tuple(name.as_posix() for name in names if name.name not in NOT_SCRIPTS)


SCRIPTS, BENCHMARKS = _scripts("."), _scripts("benchmarks")


def main(names: list[str]) -> int:
    """Run the scripts called `names`, all by default; the exit code."""
    known = (*SCRIPTS, "benchmarks", *BENCHMARKS)
    for name in names:
        if name not in known:
            print(f"error: {unknown_name('script', name, known)}", file=sys.stderr)
            return 2
    chosen = [
        script
        for name in names or (name for name in SCRIPTS if name not in LONG)
        for script in (BENCHMARKS if name == "benchmarks" else (name,))
    ]
    width = max(map(len, chosen))
    failed, start = 0, time.perf_counter()
    for name in chosen:
        print(f"{name:<{width}}  ", end="", flush=True)
        if name not in names and not os.environ.get(NEEDS.get(name, "PATH")):
            print(f"left out: {NEEDS[name]} is not set", flush=True)
            continue
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, HERE / f"{name}.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        took = duration(time.perf_counter() - began)
        print(took if done.returncode == 0 else f"{took}  FAILED", flush=True)
        if done.returncode != 0:
            failed += 1
            print(done.stdout, file=sys.stderr, flush=True)
    print(f"{'in all':<{width}}  {duration(time.perf_counter() - start)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
