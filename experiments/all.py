"""Every figure and table of `reports/`, one script after another, and how long each took.

    python experiments/all.py                      # everything
    python experiments/all.py transfer optimizers  # these alone

The exit code is 1 where one of them failed; the others are made all the same. The benchmarks in
`experiments/benchmarks/` are not among them: what they measure is this machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.errors import unknown_name
from decouple.record.progress import duration

HERE = Path(__file__).resolve().parent
NOT_SCRIPTS = ("__init__", "all", "common")
SCRIPTS = tuple(sorted({path.stem for path in HERE.glob("*.py")} - {*NOT_SCRIPTS}))


def main(names: list[str]) -> int:
    """Run the scripts called `names`, all by default; the exit code."""
    for name in names:
        if name not in SCRIPTS:
            print(f"error: {unknown_name('script', name, SCRIPTS)}", file=sys.stderr)
            return 2
    took: dict[str, tuple[float, bool]] = {}
    for name in names or SCRIPTS:
        print(f"== {name} ==", flush=True)
        began = time.perf_counter()
        done = subprocess.run([sys.executable, HERE / f"{name}.py"], check=False)
        took[name] = time.perf_counter() - began, done.returncode == 0
    print()
    for name, (seconds, good) in took.items():
        print(f"{duration(seconds)}  {name}{'' if good else '  FAILED'}")
    print(f"{duration(sum(seconds for seconds, _ in took.values()))}  in all")
    return 0 if all(good for _, good in took.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
