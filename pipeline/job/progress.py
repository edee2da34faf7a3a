"""Shows how far a job is: a bar on a terminal, plain lines where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

from pipeline.job.metrics import StageMetrics

Poll = Callable[[], Mapping[str, StageMetrics]]

_BAR_PERIOD_S = 0.5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far the job is.

    Attributes:
        done: Pages that have been through the last stage.
        total: Pages planned, 0 where that is not known yet.
        failed: Pages among `done` that failed.
        seconds: Time since the start.
        started: Whether the last stage has begun (an engine may load for minutes).
    """

    done: int
    total: int
    failed: int
    seconds: float
    started: bool

    def line(self, verb: str) -> str:
        """One line for a log, such as ``recognise 120/400 pages, 2.1 pages/s, ...``."""
        if not self.started:
            return f"{verb}: loading ({self.seconds:.0f} s)"
        of = f"/{self.total}" if self.total else ""
        rate = self.done / self.seconds if self.seconds else 0.0
        text = f"{verb} {self.done}{of} pages, {rate:.1f} pages/s, {self.failed} failed"
        if self.total and rate:
            text += f", {clock((self.total - self.done) / rate)} left"
        return text


def clock(seconds: float) -> str:
    """Seconds as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Watches one stage from a thread of its own, for the time inside `with`.

    Args:
        verb: What is being done ("plan", "recognise").
        stage: The stage whose pages count as done.
        total: Pages planned, 0 where that is not known.
        poll: Asks for the sums of all stages.
        out: Where to write.
        interval_s: Seconds between two lines where `out` is no terminal.
    """

    def __init__(
        self, verb: str, stage: str, total: int, poll: Poll, out: TextIO, interval_s: float
    ) -> None:
        self._verb, self._stage, self._total = verb, stage, total
        self._poll, self._out = poll, out
        self._bar = out.isatty()
        self._period_s = _BAR_PERIOD_S if self._bar else interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._begin = time.monotonic()

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def snapshot(self) -> Snapshot:
        """Ask how far the job is."""
        metrics = self._poll().get(self._stage)
        seconds = time.monotonic() - self._begin
        if metrics is None:
            return Snapshot(0, self._total, 0, seconds, started=False)
        return Snapshot(metrics.pages, self._total, metrics.failed, seconds, started=True)

    def _watch(self) -> None:
        if self._bar:
            self._show_bar()
            return
        while not self._stop.wait(self._period_s):
            print(self.snapshot().line(self._verb), file=self._out, flush=True)

    def _show_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=20))
        with Progress(*columns, console=Console(file=self._out), transient=True) as bar:
            task = bar.add_task(self._verb, total=self._total or None)
            while not self._stop.wait(self._period_s):
                now = self.snapshot()
                bar.update(task, completed=now.done, description=now.line(self._verb))
