"""What the last bits of a result depend on, beside settings, inputs, versions and device."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

# Of the environment: each chooses among kernels that sum in another order, or round elsewhere.
_VARIABLES = (
    *("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE"),
    *("DNNL_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE"),
    # NumPy's and SciPy's linear algebra counts its own threads.
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS"),
    *("MKL_CBWR", "VECLIB_MAXIMUM_THREADS", "NPY_DISABLE_CPU_FEATURES"),
    *("TF_XLA_FLAGS", "XLA_FLAGS", "TF_OVERRIDE_GLOBAL_THREADPOOL", "OPENBLAS_CORETYPE"),
    *("TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE"),
    *("TF_ENABLE_WINOGRAD_NONFUSED", "NVIDIA_TF32_OVERRIDE"),
)


def numerics() -> dict[str, str | int]:
    """The processor, how many threads share an operation, and such variables as are set."""
    variables = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    return {"processor": _processor(), "threads": _threads(), **variables}


def _threads() -> int:
    """As TensorFlow counts them: as it was told, else all processors that the process may use."""
    tf = sys.modules.get("tensorflow")  # nothing was set if it is not imported
    told = tf.config.threading.get_intra_op_parallelism_threads() if tf else 0
    with suppress(KeyError, ValueError):
        told = told or int(os.environ["TF_NUM_INTRAOP_THREADS"])
    if told > 0:
        return int(told)
    with suppress(AttributeError):  # not on Windows, nor on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _processor() -> str:
    """Its model, or at least its kind."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
