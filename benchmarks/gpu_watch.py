"""Watches the GPU beside a measurement: the share of time that a kernel was running."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from types import TracebackType

INTERVAL_S = 0.5
_QUERY = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]


def _query() -> list[str]:
    """The command for the GPU that this process sees first."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    return [*_QUERY, f"--id={seen}"] if seen else _QUERY


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
        while not self._done.wait(INTERVAL_S):
            at = time.time()
            try:
                read = subprocess.run(_query(), capture_output=True, text=True, check=True).stdout
                self._samples.append((at, float(read.split()[0]) / 100))
            except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
                return
