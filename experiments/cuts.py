"""Runs of six experiments that are cut at random moments and gone on with, beside uncut ones.

    python experiments/cuts.py                                  # fifty cuts
    python experiments/cuts.py --cuts 4 --experiments transfer  # a few, of one experiment

Signals come in turn: KILL, TERM, HUP, and INT, which is a Ctrl-C. A third of the moments lie after
the last step, while figures and the page are drawn. Moments are drawn from a seed, but what a run
is at by then depends on the machine. Writes `reports/cuts.md`; the exit code is 1 where a run that
was gone on with is not the uncut one, to the bit (images and features in full precision, history
and metrics, times aside), or has other files.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run from any folder

from decouple.record.checkpoint import NAME as CHECKPOINT
from decouple.record.verification import compare_runs
from decouple.report.page import PAGE
from experiments.common import REPORTS, ROOT, markdown_table

PAIR = ("source=sample:coffee", "target=sample:chelsea")
# {experiment: settings with which it takes seconds}
SMALL = {
    "self_transfer": ("layers=2",),
    "transfer": ("layers=2", *PAIR),
    "mix": ("layers=2", *PAIR),
    "compare_flows": ("layers=1",),
    "compare": ("layers=1", "compare.held_out=[block2_conv1]", *PAIR),
    "gatys_moreno": ("layers=2", "gatys.content.layers=[block2_conv1]", *PAIR),
}
# A state after every layer, or iteration, so that a short run has something to go on from.
COMMON = ("network.weights=calibrated", "image.size=16", "checkpoint.every_seconds=0")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT")
# Of the cuts, those that come while figures are drawn; it is the shorter part of a run.
DRAWING = 1 / 3
# What a finished run has written before it draws, and what comes last.
MEASURED = "metrics.json"
HEADER = [
    "experiment",
    "signal",
    "cut",
    "exit code",
    "going on",
    "images, features, history, metrics",
    "other files",
]


@dataclass(frozen=True)
class Whole:
    """A run that was left alone, and the seconds from its first state on.

    Attributes
    ----------
    folder : of the run
    steps, drawing : until it had measured all, and from there until its page was there
    """

    folder: Path
    steps: float
    drawing: float

    @classmethod
    def of(cls, experiment: str, folder: Path) -> Whole:
        """Run it; RuntimeError if it fails."""
        run = started(f"+experiment={experiment}", *SMALL[experiment], *COMMON, f"run_dir={folder}")
        moments = [appeared(folder / name, run) for name in (CHECKPOINT, MEASURED, PAGE)]
        if run.wait() != 0 or None in moments:
            raise RuntimeError(f"{experiment}, left alone, failed")
        begun, measured, drawn = (moment or 0.0 for moment in moments)
        return cls(folder, measured - begun, drawn - measured)


def started(*words: str) -> subprocess.Popen[bytes]:
    """The command line in a process of its own, silent, which obeys every signal."""

    def listen() -> None:
        # A shell lets what it starts in the background ignore them.
        for name in SIGNALS[1:]:
            signal.signal(getattr(signal, name), signal.SIG_DFL)

    return subprocess.Popen(
        [sys.executable, "-m", "decouple.run", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=listen,
    )


def appeared(path: Path, run: subprocess.Popen[bytes]) -> float | None:
    """Wait for a file; the time at which it was there, None if the run ended without it."""
    while not path.exists():
        if run.poll() is not None and not path.exists():
            return None
        time.sleep(0.005)
    return time.monotonic()


@dataclass(frozen=True)
class Cut:
    """When and how a run is cut.

    Attributes
    ----------
    signal : its name
    behind : the file that the run has written before
    seconds : from there on
    """

    signal: str
    behind: str
    seconds: float

    @classmethod
    def drawn(cls, rng: random.Random, name: str, whole: Whole) -> Cut:
        """At a random moment of a run like `whole`."""
        if rng.random() < DRAWING:
            return cls(name, MEASURED, rng.uniform(0, whole.drawing))
        return cls(name, CHECKPOINT, rng.uniform(0, whole.steps))

    def __str__(self) -> str:
        """Say when, for a table."""
        part = "drawing" if self.behind == MEASURED else "steps"
        return f"{part}, {self.seconds:.2f} s"

    def made(self, run: subprocess.Popen[bytes], folder: Path) -> bool:
        """Cut the run; False if it had come to its end before."""
        if appeared(folder / self.behind, run) is not None:
            time.sleep(self.seconds)
        run.send_signal(getattr(signal, self.signal))
        run.wait()
        return not (folder / PAGE).exists()


def cut_and_gone_on_with(experiment: str, name: str, whole: Whole, seed: str) -> list[str]:
    """Cut a run, go on with it, compare; a line of the table.

    A run that had ended before its moment came is made again, to be cut at another.
    """
    rng = random.Random(seed)
    for again in count():
        folder = whole.folder.with_name(f"{experiment}_{seed}_{again}")
        words = (f"+experiment={experiment}", *SMALL[experiment], *COMMON, f"run_dir={folder}")
        cut, run = Cut.drawn(rng, name, whole), started(*words)
        if cut.made(run, folder):
            break
    resumed = started(f"resume={folder}").wait()
    verdict = "not finished"
    if resumed == 0:
        verdict = str(compare_runs(whole.folder, folder))
    line = [experiment, name, str(cut), str(run.returncode), str(resumed), verdict]
    line.append(", ".join(sorted(files_of(folder) ^ files_of(whole.folder))) or "nothing")
    print(*line, sep="   ", file=sys.stderr)
    return line


def files_of(folder: Path) -> set[str]:
    """The names of a run's files, relative to its folder."""
    return {os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def is_the_uncut_run(line: list[str]) -> bool:
    """Whether a line of the table says so."""
    return line[-2:] == ["identical", "nothing"]


def page(rows: list[list[str]]) -> str:
    """`reports/cuts.md`."""
    same = sum(map(is_the_uncut_run, rows))
    return f"""# Cuts

Made by `python experiments/cuts.py`: {same} of {len(rows)} runs that were cut by a
signal at a random moment, and gone on with, are identical to those that were left alone: images and
features in full precision, history and metrics, times aside; and they left the same files. *Steps*
are cut so many seconds after the first state was kept; *drawing* is what follows the last step:
figures and the page.

{markdown_table(HEADER, rows)}"""


def main() -> int:
    """Cut, go on, compare, as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--experiments", nargs="+", choices=SMALL, default=list(SMALL))
    options = parser.parse_args()
    chosen, rows = options.experiments, []
    with tempfile.TemporaryDirectory() as place:
        wholes: dict[str, Whole] = {}
        for number in range(options.cuts):
            experiment = chosen[number % len(chosen)]
            if experiment not in wholes:
                wholes[experiment] = Whole.of(experiment, Path(place) / experiment)
            name = SIGNALS[(number // len(chosen) + number) % len(SIGNALS)]
            seed = f"{options.seed}_{number}"
            rows.append(cut_and_gone_on_with(experiment, name, wholes[experiment], seed))
    (REPORTS / "cuts.md").write_text(page(rows), encoding="utf-8")
    return not all(map(is_the_uncut_run, rows))


if __name__ == "__main__":
    sys.exit(main())
