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
    found = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        found.append(1024 * int(line.split()[1]))
    with suppress(OSError, ValueError):  # `max`, where there is no limit, is no number
        limit, used = (
            int((_CGROUP / name).read_text(encoding="ascii"))
            for name in ("memory.max", "memory.current")
        )
        found.append(max(limit - used, 0))
    return min(found, default=None)


def gib(size: float) -> str:
    """Bytes in binary gigabytes.

    >>> gib(1.5 * 2**30)
    '1.5 GiB'
    """
    return f"{size / 2**30:.1f} GiB"
