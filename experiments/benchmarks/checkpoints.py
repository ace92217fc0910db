"""What share of a run's time its checkpoints take.

    python experiments/benchmarks/checkpoints.py

The default self-transfer (150 px, two layers) and a style transfer at 96 px, with checkpoints as
they are by default. Timed are writing them, and bringing history.csv to the disk before; printed
is their share of the whole run.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

from decouple.record import checkpoint, history
from decouple.run import main

RUNS = {
    "self_transfer": ["+experiment=self_transfer", "network.weights=calibrated"],
    "gatys_moreno": ["+experiment=gatys_moreno", "network.weights=calibrated", "image.size=96"],
}


class Stopwatch:
    """Adds up the time that functions take."""

    def __init__(self) -> None:
        self.calls, self.seconds = 0, 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        @functools.wraps(function)
        def timed(*what: Any, **how: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*what, **how)
            finally:
                self.calls += 1
                self.seconds += time.perf_counter() - began

        return timed


def measure() -> None:
    """Run each, and print."""
    watch = Stopwatch()
    # Before they are imported by name elsewhere.
    checkpoint.write_checkpoint = watch.around(checkpoint.write_checkpoint)
    history.History.flush = watch.around(history.History.flush)  # type: ignore[method-assign]
    for name, words in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            watch.calls, watch.seconds, began = 0, 0.0, time.perf_counter()
            if main([*words, f"run_dir={folder}/run"]) != 0:
                raise SystemExit(f"{name} failed")
            whole = time.perf_counter() - began
        share = 100 * watch.seconds / whole
        print(f"{name}: {watch.calls} writes, {watch.seconds:.3f} of {whole:.1f} s, {share:.3f} %")


if __name__ == "__main__":
    measure()
