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
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.record.checkpoint import NAME, read_parts
from decouple.record.metrics import read_metrics
from decouple.record.verification import compare_runs
from experiments.common import REPORTS, ROOT, markdown_table

SETTINGS = ("+experiment=self_transfer", "network.weights=calibrated", "image.size=16")
# Written after every layer, so that a short run has something to go on from.
SETTINGS += ("checkpoint.every_seconds=0",)
# At a time: starting up, which most of it is, keeps one core busy.
ABREAST = 2
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


def whole_runs(place: Path) -> tuple[Path, float]:
    """Runs that are left alone, side by side as those to be killed; one, and its seconds."""
    folders = [place / f"whole_{k}" for k in range(ABREAST)]
    runs = [started(*SETTINGS, f"run_dir={folder}") for folder in folders]
    seconds = -begun(runs[0], folders[0])
    runs[0].wait()
    seconds += time.monotonic()
    for run in runs:
        if run.wait() != 0:
            raise RuntimeError("a run that was left alone failed")
    return folders[0], seconds


def killed_and_resumed(whole: Path, seconds: float, name: str) -> list[str]:
    """Kill a run at a moment within `seconds`, go on with it, compare; a line of the table.

    A run that had ended before its moment came is made again, to be killed at another.
    """
    drawn = random.Random(name)
    for again in count():
        folder = whole.with_name(f"killed_{name}_{again}")
        after = drawn.uniform(0, seconds)
        if killed(folder, after):
            break
    kept = sum(len(about["entries"]) for _, about in read_parts(folder))
    resumed = started(f"resume={folder}")
    verdict = str(compare_runs(whole, folder)) if resumed.wait() == 0 else "not resumed"
    moved = sum(stage["layer"] is not None for stage in read_metrics(whole)["stages"])
    line = [f"{after:.2f}", f"{kept} of {moved}", verdict]
    print(*line, sep="   ", flush=True)
    return line


def main() -> int:
    """Kill, go on, compare, as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(ABREAST) as pool:
        whole, seconds = whole_runs(Path(place))
        names = [f"{options.seed}_{k}" for k in range(options.kills)]
        rows = list(pool.map(partial(killed_and_resumed, whole, seconds), names))
    same = sum(line[-1] == "identical" for line in rows)
    text = f"""# Kills

Made by `python experiments/kills.py`: {same} of {len(rows)} runs that were killed (SIGKILL) and
resumed are identical to one that was left alone: images and features in full precision, history
and metrics, times aside.

"""
    (REPORTS / "kills.md").write_text(text + markdown_table(HEADER, rows), encoding="utf-8")
    return same < len(rows)


if __name__ == "__main__":
    sys.exit(main())
