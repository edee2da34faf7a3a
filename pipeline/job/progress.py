"""Shows how far a job is: a bar on a terminal, plain lines where there is none."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from pipeline.errors import JobError
from pipeline.output.receipt import StageMetrics

Poll = Callable[[], Mapping[str, StageMetrics]]

_BAR_PERIOD_S = 0.5
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far the job is.

    Attributes:
        done: Pages that need no further stage.
        total: Pages planned, 0 where that is not known yet.
        failed: Pages among `done` that failed.
        seconds: Time since the start.
        started: Whether a page is done (an engine may load for minutes).
        pages_per_s: The recent speed (`RecentSpeed`), None where it is not known yet.
    """

    done: int
    total: int
    failed: int
    seconds: float
    started: bool
    pages_per_s: float | None = None

    def line(self, verb: str) -> str:
        """One line for a log, such as ``recognise 120/400 pages, 2.1 pages/s, ...``."""
        if not self.started:
            return f"{verb}: starting ({self.seconds:.0f} s)"
        of = f"/{self.total}" if self.total else ""
        parts = [f"{verb} {self.done}{of} pages"]
        if self.pages_per_s is not None:
            parts.append(f"{self.pages_per_s:.1f} pages/s")
        parts.append(f"{self.failed} failed")
        if self.total and self.pages_per_s:
            parts.append(f"{duration((self.total - self.done) / self.pages_per_s)} left")
        return ", ".join(parts)


class RecentSpeed:
    """Pages per second over the last while, counted from the first pages on.

    The time until the first page is left out: an engine may load for minutes, and a speed that
    includes them would predict hours for a run of minutes.

    Args:
        window_s: Seconds that count.
    """

    def __init__(self, window_s: float = _WINDOW_S) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, seconds: float, done: int) -> None:
        """Take a sample.

        Args:
            seconds: Time since the start.
            done: Pages done by then.
        """
        if done:
            self._samples.append((seconds, done))
        while len(self._samples) > 2 and seconds - self._samples[1][0] >= self._window_s:
            self._samples.popleft()

    @property
    def pages_per_s(self) -> float | None:
        """The speed; None before there are two samples with pages."""
        if len(self._samples) < 2:
            return None
        (begin, before), (end, done) = self._samples[0], self._samples[-1]
        return (done - before) / (end - begin) if end > begin else None


def duration(seconds: float) -> str:
    """Seconds as ``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Shows one pass from a thread of its own, for the time inside `with`.

    Args:
        verb: What is being done ("plan", "recognise").
        stages: The stages of the pass: the pages that they finished are done.
        total: Pages planned, 0 where that is not known.
        poll: Returns the sums of all stages.
        out: Where to write.
        interval_s: Seconds between two lines where `out` is no terminal.
        now: A clock in seconds.
    """

    def __init__(
        self,
        verb: str,
        stages: Collection[str],
        total: int,
        poll: Poll,
        out: TextIO,
        interval_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verb, self._stages, self._total = verb, stages, total
        self._poll, self._out, self._now = poll, out, now
        self._bar = out.isatty()
        self._period_s = _BAR_PERIOD_S if self._bar else interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._begin = now()
        self._speed = RecentSpeed()

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def snapshot(self) -> Snapshot:
        """How far the job is now. Each call is a sample of its speed."""
        stages = [stage for name, stage in self._poll().items() if name in self._stages]
        seconds = self._now() - self._begin
        done = sum(stage.finished for stage in stages)
        if not done:
            return Snapshot(0, self._total, 0, seconds, started=False)
        failed = sum(stage.failed for stage in stages)
        self._speed.add(seconds, done)
        return Snapshot(done, self._total, failed, seconds, True, self._speed.pages_per_s)

    def _run(self) -> None:
        # What polls is gone: the pass that is shown ends with the same error, and reports it.
        with suppress(JobError):
            self._show()

    def _show(self) -> None:
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
