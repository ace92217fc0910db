"""Where the time of whole runs goes.

    [DECOUPLE_IMAGENET_VGG16=FILE] python experiments/benchmarks/profiles.py

Each run is a process of its own, in which the functions below are watched; what one of them calls
that is watched as well is counted there. Printed and written to `reports/profiles.md`; with
ImageNet's filters where their file is named.
"""

from __future__ import annotations

import functools
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from any folder

from experiments.common import CORES, FILTERS, REPORTS, ROOT, all_filters, markdown_table

# {what the page calls a run: its settings}
RUNS = {
    "self-transfer, 2 layers, 150 px": ("+experiment=self_transfer",),
    "self-transfer, 3 layers, 96 px": ("+experiment=self_transfer", "layers=3", "image.size=96"),
    "transfer, 2 layers, 128 px": (
        *("+experiment=transfer", "source=sample:coffee", "target=sample:chelsea"),
        *("layers=2", "image.size=128"),
    ),
    "texture, Gram, 5 layers, 128 px": (
        *("+experiment=synthesize", "image.size=128", "output.size=128"),
    ),
}
CONVOLUTIONS, ELEMENTWISE, COMPILING = "convolutions", "rest of the passes", "compiling"
K, SOLVES, ANDERSON = "K and its factor", "SciPy's solves", "Anderson acceleration"
DESCENT, FIGURES, START, REST = "loss and gradient", "figures, pages, files", "start", "rest"
PARTS = (
    *(START, COMPILING, CONVOLUTIONS, ELEMENTWISE, K, SOLVES, ANDERSON, DESCENT, FIGURES, REST),
)
_PASSES_OF = {"measure": 1, "linearize": 1, "gradient": 1, "secant": 1, "squared_error": 2}
# Function: what it is counted as; `…` are passes, which are told from their convolutions.
WATCHED: dict[str, dict[str, Any]] = {
    "decouple.features.extractor:Extractor": dict.fromkeys(
        (*_PASSES_OF, "vjp_batch", "jvp_batch"), ...
    )
    | {"_rows": K, "estimated_normal_matrix": K},
    "decouple.features.features:Features": {"normal_matrix": K},
    "decouple.flows.preconditioner:Factor": dict.fromkeys(("solve", "product", "distance"), SOLVES)
    | {"__init__": K},
    "decouple.flows.anderson:Anderson": {"next": ANDERSON},
    "decouple.gatys.objective:Objective": {"loss_and_gradient": DESCENT},
    "decouple.report.live:LivePage": {"_write": FIGURES},
    "decouple.pipeline.running:Run": {"draw": FIGURES, "save": FIGURES},
    "decouple.pipeline.recorder:Recorder": {"save": FIGURES, "flush": FIGURES, "close": FIGURES},
}


class Watch:
    """Seconds by what they are spent on, each second once.

    Attributes
    ----------
    seconds : {part: seconds}
    passes : {(depth, precision, height, width): number}, of those that are watched
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.passes: Counter[tuple[int, str, int, int]] = Counter()
        self._parts = [REST]
        self._since = time.perf_counter()
        self._seen: set[tuple[object, ...]] = set()

    @contextmanager
    def spent(self, part: str) -> Iterator[None]:
        """What is done within is counted as `part`, but for what is counted otherwise."""
        self._turn()
        self._parts.append(part)
        try:
            yield
        finally:
            self._turn()
            self._parts.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        self.seconds[self._parts[-1]] += now - self._since
        self._since = now

    def wrapped(self, name: str, call: Callable[..., Any], part: Any) -> Callable[..., Any]:
        """`call`, counted."""

        @functools.wraps(call)
        def counted(owner: Any, *given: Any, **named: Any) -> Any:
            if part is not ... or self._parts[-1] == K:
                with self.spent(K if part is ... else part):
                    return call(owner, *given, **named)
            height, width = given[0].shape[:2]
            key = len(owner.layers), owner.dtype, height, width
            first = (name, *key) not in self._seen
            self._seen.add((name, *key))
            if not first:
                many = len(given[1]) if name.endswith("_batch") else _PASSES_OF[name]
                self.passes[key] += many
            with self.spent(COMPILING if first else ELEMENTWISE):
                return call(owner, *given, **named)

        return counted


def one(settings: list[str], out: Path) -> None:
    """Run with these settings in this process, watched; write the seconds of the parts."""
    import psutil

    from decouple.execution import quiet_tensorflow

    quiet_tensorflow()  # as a run does, before anything is watched
    watch = Watch()
    for place, functions in WATCHED.items():
        module, _, name = place.partition(":")
        owner = getattr(__import__(module, fromlist=[name]), name)
        for function, part in functions.items():
            if function in vars(owner):
                setattr(owner, function, watch.wrapped(function, vars(owner)[function], part))
    started: list[float] = []
    from decouple.pipeline import lifecycle

    begin = lifecycle._recorded

    def begun(*given: Any, **named: Any) -> Any:
        watch.seconds.clear()
        watch._since = time.perf_counter()
        started.append(time.time())
        return begin(*given, **named)

    lifecycle._recorded = begun
    sys.argv = ["decouple.run", *settings]
    try:
        runpy.run_module("decouple.run", run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    watch._turn()
    watch.seconds[START] = started[0] - psutil.Process().create_time()
    bare = sum(
        count * _bare(settings, depth, precision, (height, width))
        for (depth, precision, height, width), count in watch.passes.items()
    )
    watch.seconds[CONVOLUTIONS] = min(bare, watch.seconds[ELEMENTWISE])
    watch.seconds[ELEMENTWISE] -= watch.seconds[CONVOLUTIONS]
    out.write_text(json.dumps(watch.seconds), encoding="utf-8")


def _bare(settings: list[str], depth: int, precision: str, size: tuple[int, int]) -> float:
    """Seconds of the bare convolutions of an image, the least of some rounds."""
    import decouple as dc
    from experiments.benchmarks.passes import bare_convolutions

    told = dict(word.split("=", 1) for word in settings)
    network = getattr(dc, told["network"])
    chain = network(weights=told["network.weights"], dtype=precision, last=f"block{depth}_conv1")
    extractor = dc.ChannelMeans(chain, layers=depth)
    run = bare_convolutions(extractor, (*size, 3), 1)
    run()
    rounds = []
    for _ in range(7):
        began = time.perf_counter()
        run()
        rounds.append(time.perf_counter() - began)
    return min(rounds)


def main() -> None:
    """Measure and write."""
    text = f"""# Where the time goes

Made by `{FILTERS}=FILE python experiments/benchmarks/profiles.py`: seconds of whole commands on a
machine with {CORES} cores, and their shares. *Convolutions* are the passes' number times
the bare convolutions' own time, measured in the same process afterwards; *rest of the passes* is
what activations, poolings, means and TensorFlow's calls take on top. *Compiling* is each program's
first call; *start* is all before the run itself: imports, weights, settings.
"""
    for filters in all_filters():
        columns = {title: _of(settings + filters.settings) for title, settings in RUNS.items()}
        rows = []
        for part in PARTS:
            cells = []
            for seconds in columns.values():
                own = seconds.get(part, 0.0)
                cells.append(f"{own:.1f} ({own / sum(seconds.values()):.0%})" if own else "–")
            rows.append([part, *cells])
            print(*rows[-1], flush=True)
        rows.append(["in all", *(f"{sum(seconds.values()):.1f}" for seconds in columns.values())])
        text += f"\n## {filters.title}\n\n{markdown_table(['', *columns], rows)}"
    (REPORTS / "profiles.md").write_text(text, encoding="utf-8")


def _of(settings: tuple[str, ...]) -> dict[str, float]:
    """{part: seconds} of a run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seconds.json"
        run_dir = f"run_dir={Path(folder) / 'run'}"
        command = [sys.executable, __file__, str(out), *settings, run_dir]
        subprocess.run(command, check=True, cwd=ROOT)
        found: dict[str, float] = json.loads(out.read_text(encoding="utf-8"))
        return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[2:], Path(sys.argv[1]))
    else:
        main()
