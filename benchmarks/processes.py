"""Watches a command and all its descendants: CPU time and memory, by an environment mark."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

_MARK = "RAYSCRIBE_BENCHMARK"
_PERIOD_S = 0.25
_MIB = 1024 * 1024


@dataclass
class Usage:
    """What a command and its descendants used.

    Attributes:
        wall_s: From start to end.
        cpu_s: CPU time of all processes, as far as the last sample saw.
        peak_mib: Most private memory (resident less shared) of all processes at one time.
        peak_shared_mib: Most shared memory that one process had mapped: Ray's object store.
        returncode: Exit code.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mib: float = 0.0
    peak_shared_mib: float = 0.0
    returncode: int = 0
    cpu_by_pid: dict[tuple[int, float], float] = field(default_factory=dict)


def monitor(command: Sequence[str], cwd: str) -> Usage:
    """Run a command to its end and measure it."""
    mark = uuid.uuid4().hex
    usage, done = Usage(), threading.Event()
    begin = time.perf_counter()
    process = subprocess.Popen(
        list(command), cwd=cwd, env=os.environ | {_MARK: mark}, stdout=subprocess.DEVNULL
    )
    sampler = threading.Thread(target=_sample, args=(mark, usage, done))
    sampler.start()
    usage.returncode = process.wait()
    done.set()
    sampler.join()
    usage.wall_s = time.perf_counter() - begin
    usage.cpu_s = sum(usage.cpu_by_pid.values())
    return usage


def _sample(mark: str, usage: Usage, done: threading.Event) -> None:
    ours: dict[int, bool] = {}
    while not done.wait(_PERIOD_S):
        private = shared = 0.0
        for process in psutil.process_iter():
            try:
                if process.pid not in ours:
                    ours[process.pid] = process.environ().get(_MARK) == mark
                if not ours[process.pid]:
                    continue
                memory, cpu = process.memory_info(), process.cpu_times()
                key = (process.pid, process.create_time())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            private += memory.rss - memory.shared
            shared = max(shared, memory.shared)
            usage.cpu_by_pid[key] = cpu.user + cpu.system
        usage.peak_mib = max(usage.peak_mib, private / _MIB)
        usage.peak_shared_mib = max(usage.peak_shared_mib, shared / _MIB)
