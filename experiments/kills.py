"""Kill a run at random moments, go on with it, and compare it with the run that was left alone.

    python experiments/kills.py

Two-layer self-transfers at 16 px are ended by SIGKILL at a moment drawn from the time between
their first checkpoint and their end, 20 times, and resumed. Writes `reports/kills.md`.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.record.checkpoint import NAME, read_parts
from decouple.record.verification import compare_runs
from experiments.common import REPORTS, ROOT, markdown_table

SETTINGS = ("+experiment=self_transfer", "network.weights=calibrated", "image.size=16")
# Written after every layer, so that a short run has something to go on from.
SETTINGS += ("checkpoint.every_seconds=0",)
HEADER = ["killed after (s)", "layers' motions kept", "images, features, history, metrics"]


def started(*words: str) -> subprocess.Popen[bytes]:
    """The command line in a process of its own, silent."""
    command = [sys.executable, "-m", "decouple.run", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def begun(run: subprocess.Popen[bytes], folder: Path) -> float:
    """Wait for the first checkpoint; the time at which it was there."""
    while not (folder / NAME).exists():
        if run.poll() is not None:
            raise RuntimeError("the run ended before it began")
        time.sleep(0.01)
    return time.monotonic()


def killed(folder: Path, after: float) -> bool:
    """Begin a run and kill it; False if it had ended, and has nothing to go on with."""
    run = started(*SETTINGS, f"run_dir={folder}")
    begun(run, folder)
    time.sleep(after)
    run.kill()
    run.wait()
    return (folder / NAME).exists()


def main() -> int:
    """Kill, go on, compare, as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    drawn = random.Random(options.seed)
    rows, same = [], 0
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        run = started(*SETTINGS, f"run_dir={whole}")
        seconds = -begun(run, whole)
        run.wait()
        seconds += time.monotonic()
        while len(rows) < options.kills:
            folder = Path(place) / f"killed_{len(rows) + 1}"
            after = drawn.uniform(0, seconds)
            if not killed(folder, after):
                folder.rename(folder.with_name(f"ended_{after}"))
                continue
            kept = sum(len(about["motions"]) for _, about in read_parts(folder))
            resumed = started(f"resume={folder}")
            verdict = str(compare_runs(whole, folder)) if resumed.wait() == 0 else "not resumed"
            same += verdict == "identical"
            rows.append([f"{after:.2f}", f"{kept} of 4", verdict])
            print(*rows[-1], sep="   ", flush=True)
    text = f"""# Kills

Made by `python experiments/kills.py`: {same} of {len(rows)} runs that were killed (SIGKILL) and
resumed are identical to the one that was left alone: images and features in full precision, history
and metrics, times aside.

"""
    (REPORTS / "kills.md").write_text(text + markdown_table(HEADER, rows), encoding="utf-8")
    return same < len(rows)


if __name__ == "__main__":
    sys.exit(main())
