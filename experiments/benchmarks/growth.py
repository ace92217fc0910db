"""How time and memory of one evaluation grow with the pixels.

    python experiments/benchmarks/growth.py [layers, 5]

An evaluation is what the steps of the lift consist of: linearize, secant, VJP, once each.
Each size has a process of its own, so that the peak of its memory is its own. Printed and written
to `reports/growth.md`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

from decouple.memory import gib
from experiments.common import REPORTS, markdown_table

SIZES, ROUNDS = (64, 128, 256, 512), 5
HEADER = ["pixels", "seconds", "× the size before", "peak memory", "above TensorFlow's own"]


def main(layers: int = 5) -> None:
    """Measure and write."""
    rows, before = [], None
    for size in SIZES:
        command = [sys.executable, __file__, str(layers), str(size)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, own, peak = map(float, told.split())
        growth = "" if before is None else f"{seconds / before:.1f}"
        rows.append([f"{size}×{size}", f"{seconds:.3f}", growth, gib(peak), gib(peak - own)])
        print(" ".join(rows[-1]), flush=True)
        before = seconds
    text = f"""# Growth with the pixels

Made by `python experiments/benchmarks/growth.py {layers}`: VGG-19, calibrated random filters,
softplus, average pooling, {layers} layers, float32. One evaluation is linearize, secant and VJP;
least of {ROUNDS}. Each size has four times the pixels of the one before. The last
column leaves out what the process held before the first evaluation: TensorFlow, the network.

{markdown_table(HEADER, rows)}
"""
    (REPORTS / "growth.md").write_text(text, encoding="utf-8")


def one(layers: int, size: int) -> None:
    """Print seconds, and the bytes held before and at most, at one size."""
    import decouple as dc
    from decouple.memory import forget_peak_memory, peak_memory_bytes, resident_bytes
    from experiments.benchmarks.timing import evaluation, turn_about

    chain = dc.vgg19(weights="calibrated", last=f"block{layers}_conv1")
    extractor = dc.ChannelMeans(chain, layers=layers)
    image = dc.load("sample:astronaut", size=size, fit="crop").pixels.astype(float)
    own = resident_bytes() or 0
    forget_peak_memory()  # that of the calibration
    timed = turn_about({"evaluation": evaluation(extractor, image)}, ROUNDS)["evaluation"]
    print(timed.least, own, peak_memory_bytes())


if __name__ == "__main__":
    numbers = tuple(map(int, sys.argv[1:]))
    one(*numbers) if len(numbers) == 2 else main(*numbers)
