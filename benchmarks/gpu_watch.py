"""Watches the GPU beside a measurement: the share of time that a kernel was running."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from types import TracebackType

INTERVAL_S = 0.5


def figure(name: str, gpu: str) -> float | None:
    """A figure of a GPU by its name in nvidia-smi, None where there is none to be had.

    Args:
        name: Such as `memory.used` (MiB) or `utilization.gpu` (percent).
        gpu: Its number, "" for the first.
    """
    command = ["nvidia-smi", f"--query-gpu={name}", "--format=csv,noheader,nounits"]
    command += [f"--id={gpu}"] if gpu else []
    try:
        read = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return float(read.split()[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return None


class GpuMonitor:
    """Samples the busy share of the first GPU while it is entered; nothing without a GPU."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> GpuMonitor:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def mean(self, begin: float, end: float) -> float | None:
        """Mean share between two times of `time.time()`, 0 to 1; None without samples."""
        shares = [share for at, share in self._samples if begin <= at <= end]
        return round(sum(shares) / len(shares), 3) if shares else None

    def series(self, begin: float, end: float, step_s: float = 5.0) -> list[float | None]:
        """Means of consecutive steps between two times."""
        steps = max(0, int((end - begin) / step_s))
        edges = [begin + step_s * step for step in range(steps)]
        return [self.mean(edge, edge + step_s) for edge in edges]

    def _sample(self) -> None:
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
        while not self._done.wait(INTERVAL_S):
            at = time.time()
            busy = figure("utilization.gpu", first)
            if busy is None:
                return
            self._samples.append((at, busy / 100))
