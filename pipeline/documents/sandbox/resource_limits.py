"""Limits that the worker process sets on itself: memory, CPU time, and death with its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_MIB: Final = 1 << 20


def exit_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, even in a loop in C code.

    Linux sends the signal when the *thread* that started this process ends, so a client must not
    be used first in a short-lived thread. Other systems have no such signal: there the worker
    ends when it next reads from the closed channel.
    """
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # the parent ended before the call above
        os._exit(1)


def limit_memory(memory_mib: int) -> None:
    """Limit the address space to its present size plus `memory_mib`. Linux only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return  # macOS accepts the limit and does not enforce it
    with open("/proc/self/statm", "rb") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = taken + memory_mib * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def limit_cpu(cpu_s: int) -> None:
    """Limit the CPU time of the current request, seconds; SIGXCPU ends the process after it."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(time.process_time()) + 1 + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard < 0 else min(wanted, hard), hard))
