"""What stands before the first step of a run: imports, calibration, tracing.

    python experiments/benchmarks/startup.py

Whole processes for what the command line does, and one process for the rest. Medians; printed, and
written to `reports/startup.md`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

import numpy as np

from experiments.common import REPORTS, ROOT, markdown_table

ROUNDS, SIZE = 3, 128
COMMANDS = {
    "python": ["-c", "pass"],
    "`decouple.run --help`": ["-m", "decouple.run", "--help"],
    "`decouple.run` with a misspelt key": ["-m", "decouple.run", "imagesize=64"],
    "import of TensorFlow, and Keras with it": ["-c", "import tensorflow"],
    "import of TensorFlow, as a run has it": [
        *("-c", "from decouple.execution import quiet_tensorflow; quiet_tensorflow()")
    ],
    "import of decouple, TensorFlow included": ["-c", "import decouple; decouple.vgg19"],
}


def main() -> None:
    """Measure and write."""
    rows = []

    def measured(what: str, seconds: float) -> None:
        rows.append([what, f"{seconds:.2g}"])
        print(*rows[-1], flush=True)

    for what, command in COMMANDS.items():
        measured(what, float(np.median([_process(command) for _ in range(ROUNDS)])))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DECOUPLE_CACHE"] = folder
        for layers in (2, 5):
            _network(layers, measured)
    text = f"""# Before the first step

Made by `python experiments/benchmarks/startup.py`: seconds, of whole processes the median of
{ROUNDS}, of the rest once. VGG-19, calibrated random filters; passes at {SIZE} px. Compiling is the
first call less the second; each depth of the network is compiled once in a process, for all sizes
of images and all stages. A sweep's runs share it.

{markdown_table(["what", "seconds"], rows)}
"""
    (REPORTS / "startup.md").write_text(text, encoding="utf-8")


def _process(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
    return time.perf_counter() - began


def _network(layers: int, measured: Callable[[str, float], None]) -> None:
    import decouple as dc
    from experiments.benchmarks.timing import evaluation

    def timed(do: Callable[[], object]) -> float:
        began = time.perf_counter()
        do()
        return time.perf_counter() - began

    def calibrated() -> dc.Chain:
        return dc.vgg19(weights="calibrated", last=f"block{layers}_conv1")

    through = f"{layers} layers"
    measured(f"filters of {through}, calibrated", timed(calibrated))
    measured(f"filters of {through}, from the cache", timed(calibrated))
    image = dc.load("sample:astronaut", size=SIZE, fit="crop").pixels.astype(float)
    for dtype in ("float32", "float64"):
        extractor = dc.ChannelMeans(calibrated().astype(dtype), layers=layers)
        evaluate = evaluation(extractor, image)
        first, again = timed(evaluate), timed(evaluate)
        measured(f"passes through {through} compiled, {dtype}", first - again)
        measured(f"linearize, secant and VJP through {through}, {dtype}", again)


if __name__ == "__main__":
    main()
