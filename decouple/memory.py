"""Memory of this process and of the machine, as far as the system tells."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def resident_bytes() -> int | None:
    """What this process holds now; None where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return None


def available_bytes() -> int | None:
    """What it may still take: of the machine, or of the control group that it is confined to."""
    spare, limit, used = _of_machine("MemAvailable"), _of_group("max"), _of_group("current")
    of_group = None if limit is None or used is None else max(limit - used, 0)
    return min((size for size in (spare, of_group) if size is not None), default=None)


def total_bytes() -> int | None:
    """What the machine has, or the control group; None where the system does not tell."""
    there = _of_machine("MemTotal"), _of_group("max")
    return min((size for size in there if size is not None), default=None)


def _of_machine(name: str) -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
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
