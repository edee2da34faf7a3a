"""Measures the stages of a job while they run: pages, busy time, peak memory.

Every worker reports to one `JobMetrics`. Its sums are for display only (progress, busy shares,
memory): a report may be lost or sent twice. The counts of the receipt come from the committed
shards.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from pipeline.output.receipt import StageMetrics

_MIB = 1024 * 1024
_APART: set[int] = set()
"""Process ids of children that report what they use themselves."""
_SAMPLE_S = 1.0
_HOLD_S = 0.5
"""Seconds between two reports of a worker that need not be sent at once."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one worker did since its last report.

    Attributes:
        stage: Name of the stage.
        worker: Identity of the worker process.
        pages: Pages that it finished.
        failed: Pages among them that failed in this stage.
        finished: Pages among them that need no later stage.
        busy_s: Seconds with at least one page in work.
        peak_mib: Peak memory of the worker and its reader so far, MiB.
        parts: What of its optional parts runs (`EngineSpec.parts`).
    """

    stage: str
    worker: str
    pages: int
    failed: int
    finished: int
    busy_s: float
    peak_mib: float
    parts: Mapping[str, str] = field(default_factory=dict)


class JobMetrics:
    """Sums the reports of all workers. Runs as a Ray actor."""

    def __init__(self) -> None:
        self._stages: dict[str, StageMetrics] = {}
        self._left_out: dict[int, Counter[str]] = {}

    def leave_out(self, part: int, counts: Counter[str]) -> None:
        """Set the files that a part of the inputs leaves out; a second call replaces the first."""
        self._left_out[part] = counts

    def left_out(self) -> Counter[str]:
        """The files that all parts leave out, by their ending."""
        return sum(self._left_out.values(), Counter())

    def add(self, report: StageReport) -> None:
        """Add one report."""
        stage = self._stages.setdefault(report.stage, StageMetrics())
        now = time.time() if report.finished else None
        stage.merge(
            StageMetrics(
                pages=report.pages,
                failed=report.failed,
                finished=report.finished,
                busy_s=report.busy_s,
                peaks_mib={report.worker: report.peak_mib},
                parts={name: [what] for name, what in report.parts.items()},
                first_at=now,
                last_at=now,
            )
        )

    def stages(self) -> dict[str, StageMetrics]:
        """The sums so far, by stage."""
        return self._stages


SendReport = Callable[[StageReport], object]


class StageMonitor:
    """Measures one worker and sends its reports.

    Args:
        stage: Name of the stage.
        send: Takes a report and returns at once.
        parts: What of its optional parts runs.
    """

    def __init__(
        self, stage: str, send: SendReport, parts: Mapping[str, str] | None = None
    ) -> None:
        self._stage = stage
        self._send = send
        self._parts = dict(parts or {})
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._active = 0
        self._since = 0.0
        self._busy_s = 0.0
        self._process = psutil.Process()
        self._peak_mib = 0.0
        self._sampled = -_SAMPLE_S
        self._pages = self._failed = self._finished = 0
        self._sent = -_HOLD_S

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the time inside; overlapping pages of one worker count once."""
        if self._active == 0:
            self._since = time.perf_counter()
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            if self._active == 0:
                self._busy_s += time.perf_counter() - self._since

    def report(self, pages: int, *, failed: int, finished: int, may_wait: bool = False) -> None:
        """Send what happened since the last report.

        Args:
            pages: Pages that went through the stage.
            failed: Pages among them that failed in it.
            finished: Pages among them that need no later stage.
            may_wait: Whether it may be sent with a later report, or by `flush`, where the last one
                was sent just now: a report costs a call of another process.
        """
        self._pages += pages
        self._failed += failed
        self._finished += finished
        if not may_wait or time.perf_counter() - self._sent >= _HOLD_S:
            self.flush()

    def flush(self) -> None:
        """Send what was held back, if there is anything."""
        if not self._pages:
            return
        now = time.perf_counter()
        if self._active:
            self._busy_s, self._since = self._busy_s + now - self._since, now
        self._sample()
        done = (self._pages, self._failed, self._finished, self._busy_s, self._peak_mib)
        self._send(StageReport(self._stage, self._worker, *done, self._parts))
        self._busy_s, self._sent = 0.0, now
        self._pages = self._failed = self._finished = 0

    def _sample(self) -> None:
        """Measure the memory at most once a second: it reads the tables of all processes."""
        now = time.perf_counter()
        if now - self._sampled >= _SAMPLE_S:
            self._sampled = now
            self._peak_mib = max(self._peak_mib, resident_mib(self._process))


def resident_mib(process: psutil.Process) -> float:
    """Memory of a process and its children now, MiB; a child that just died counts nothing.

    Those in `measured_apart` are left out.
    """
    total = process.memory_info().rss - _shared_bytes(process)
    for child in process.children():
        if child.pid in _APART:
            continue
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / _MIB


@contextmanager
def measured_apart(pid: int) -> Iterator[None]:
    """Leave a child of this process, which reports its own memory, out of that of its stages."""
    _APART.add(pid)
    try:
        yield
    finally:
        _APART.discard(pid)


def _shared_bytes(process: psutil.Process) -> int:
    """Mapped shared memory: Ray's object store is shared by all and would count for each."""
    return int(process.memory_info().shared) if sys.platform == "linux" else 0


def ms_since(begin: float) -> float:
    """Milliseconds since a moment of `time.perf_counter`."""
    return (time.perf_counter() - begin) * 1000
