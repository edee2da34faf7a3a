"""How many workers can run side by side on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """CPUs that this process may use: its affinity, and the quota of its container."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1
    try:
        quota, period = _CPU_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else max(1, min(cpus, int(quota) // int(period)))
