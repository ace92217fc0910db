"""Memory of this process and of the machine, as far as the system tells."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil

# That of Linux's control groups, which confine containers and the jobs of a cluster.
_CGROUP = Path("/sys/fs/cgroup")


def resident_bytes() -> int | None:
    """What this process holds now; None where the system does not tell."""
    with suppress(psutil.Error, OSError):
        return int(psutil.Process().memory_info().rss)
    return None


def peak_memory_bytes() -> int | None:
    """The most memory this process has held so far; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        with suppress(psutil.Error, OSError):
            return int(psutil.Process().memory_info().peak_wset)
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)  # elsewhere in KiB


def forget_peak_memory() -> None:
    """Let `peak_memory_bytes` begin anew; where the system cannot, it stays that of the process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def available_bytes() -> int | None:
    """What it may still take: of the machine, or of the control group that it is confined to."""
    limit, used = _of_group("max"), _of_group("current")
    of_group = None if limit is None or used is None else max(limit - used, 0)
    return _least(_of_machine("available"), of_group)


def total_bytes() -> int | None:
    """What the machine has, or the control group; None where the system does not tell."""
    return _least(_of_machine("total"), _of_group("max"))


def _least(*sizes: int | None) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


def _of_machine(name: str) -> int | None:
    with suppress(psutil.Error, OSError):
        return int(getattr(psutil.virtual_memory(), name))
    return None


def _of_group(name: str) -> int | None:
    with suppress(OSError, ValueError):  # `max`, where there is no limit, is no number
        return int((_CGROUP / f"memory.{name}").read_text(encoding="ascii"))
    return None


def gib(size: float) -> str:
    """Bytes in binary gigabytes.

    >>> gib(1.5 * 2**30)
    '1.5 GiB'
    """
    return f"{size / 2**30:.1f} GiB"
