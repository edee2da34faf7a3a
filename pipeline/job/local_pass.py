"""Settles pages in the driver, without Ray: those that need no engine.

Ray takes some seconds to start and as long again for its first page, and a page costs more on its
way through Ray than in one process. So a job of at most `stages.local_pages` pages takes text
layers here, by the stage that Ray's workers run, in a few threads that each drive a reader process.
A few pages that an engine has to read are read here, too (`pipeline.job.local_engine`): the look
that finds one draws it, as far as there is room, and others are left as they are. Ray is started as
soon as there are more, while the readers go on: to the end where they are no large part of the job,
else until it has started. It does what is left, which is what has no row in the output. Where
nothing is left it is not started at all.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final, Self

import pyarrow as pa

from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.registry import spec_of
from pipeline.job import local_chunks, local_limits
from pipeline.job.local_engine import LocalEngines
from pipeline.job.metrics import JobMetrics, StageReport
from pipeline.job.progress import Progress
from pipeline.job.ray_data import shard_tasks
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.stages.records import DrawnPage
from pipeline.job.stages.render import Render, StoppedError
from pipeline.job.stages.settled import Check, SettledRows, unchecked
from pipeline.job.stages.todo import plan_shards, read_plan
from pipeline.job.task import Task
from pipeline.output import schema, shards
from pipeline.output.receipt import StageMetrics
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import AnyPath
from pipeline.types import Route

_MANY_UNREAD: Final = 0.1
"""With more of its pages for an engine, a job is left to Ray when that has started."""
_END_S: Final = 5.0
"""Seconds that a reader gets to end when it is stopped."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was done in the driver.

    Attributes:
        written: Sums of the rows that were written.
        stages: What it cost.
        seconds: How long it took.
        duplicates: Which of the plan's pages are read and which copied; None where nothing was
            done, and so nobody looked.
        problem: Why an engine may have left pages, "" for no reason.
    """

    written: Summary = field(default_factory=Summary)
    stages: Mapping[str, StageMetrics] = field(default_factory=dict)
    seconds: float = 0.0
    duplicates: Duplicates | None = None
    problem: str = ""


class LocalPass:
    """Looks at a plan's pages and writes the rows of those that need no engine.

    The readers run for the time inside `with`. At its end they are stopped; rows that were taken
    are written, and pages that a reader was at have none.

    Args:
        task: The job.
        plan: Folder of the plan.
        pages: Folder of the output's shards.
        reader: One of the readers, whose process runs already; it is closed here, too.
        check: Called before each shard; raises `JobError` where another job has the output's lock.
    """

    def __init__(
        self,
        task: Task,
        plan: AnyPath,
        pages: AnyPath,
        reader: SandboxClient | None = None,
        check: Check = unchecked,
    ) -> None:
        self._task, self._plan, self._pages, self._reader = task, plan, pages, reader
        config = task.config
        self.duplicates = shard_tasks.find_duplicates(plan, config)
        todo = self._todo(None)
        readable = local_chunks.readable(todo, config)
        self._total, self._taken = int(todo.num_rows), 0
        self._looked_at = self._total - int(readable.num_rows)  # the others need no look
        self._chunks, renders = local_chunks.chunks(readable, config)
        prefix = f"{shards.new_prefix()}-local"
        self._sink = SettledRows(pages, prefix, config.parquet, check=check)
        self._check = check
        self._metrics = JobMetrics()
        self._max_engine_pages = local_limits.max_pages(config)
        self._engines = LocalEngines(task, pages, self._add, check)
        self._may_end_here = False
        self._begin, self._local_s = time.monotonic(), config.stages.local_s
        self._changed = threading.Condition()
        self._is_stopped = False
        self._error: Exception | None = None
        readers = [reader, *(None for _ in range(1, renders))]
        self._renders = [self._render(reader) for reader in readers[:renders]]
        self._running = len(self._renders)
        # Each starts its reader's process, which Linux ends with the thread.
        self._threads = [
            threading.Thread(target=self._run, args=(render,), name="local-pass", daemon=True)
            for render in self._renders
        ]
        interval_s = config.progress.interval_s
        self._progress = Progress(
            "recognise", ("render", "recognise"), todo.num_rows, self.stages, sys.stderr, interval_s
        )

    def __enter__(self) -> Self:
        self._progress.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        # Each of them is done whatever becomes of those before it, a second Ctrl-C included.
        with ExitStack() as ends:
            ends.callback(self._sink.finish)
            ends.callback(self._engines.close)
            ends.callback(self._stop)
            ends.callback(self._progress.__exit__, *error)

    @property
    def has_engine_pages(self) -> bool:
        """Whether pages were looked at that an engine has to read."""
        return self._unread > 0

    def copies(self, planned: PlanSummary) -> int:
        """Rows of a plan that are copied from those of other pages."""
        return planned.routes[Route.COPY] + self.duplicates.rows

    def stages(self) -> dict[str, StageMetrics]:
        """What it cost so far, by stage."""
        with self._changed:
            return dict(self._metrics.stages())

    def wait(self) -> bool:
        """Wait until every page was looked at, or it is known that Ray is needed.

        Returns:
            Whether `finish` may do without it: all pages were looked at, and few are left.

        Raises:
            JobError: A shard cannot be written, or a reader does not start.
        """
        self._wait(self._needs_ray)
        self._may_end_here = self._looked_at == self._total and not self._needs_ray()
        if not self._may_end_here:
            self._engines.stop()
        return self._may_end_here

    def finish(self) -> Settled:
        """Wait for the readers, write what is left, and copy the rows of duplicates.

        Where `wait` returned true, an engine reads the pages that are left. Rows are copied where
        every page has a row. An engine with much to do is not kept waiting: the readers then end
        with the page that they are at.

        Raises:
            As `wait`.
        """
        self._wait(self._has_much_for_engine)
        self._stop()
        written = Summary()
        written.merge(self._sink.finish())
        rest, problem = self._read_rest()
        written.merge(rest)
        self._progress.__exit__()
        if written.written.rows == self._total:
            self._copy(written)
        seconds = time.monotonic() - self._begin
        return Settled(written, self.stages(), seconds, self.duplicates, problem)

    def _read_rest(self) -> tuple[Summary, str]:
        """Have engines read what is left, or end with the pages that they are at."""
        now = time.monotonic()
        if not self._may_end_here:
            return self._engines.finish(schema.TODO.empty_table(), now)
        if not self.has_engine_pages:
            return Summary(), ""
        until = min(now, self._begin + self._local_s) + self._local_s
        return self._engines.finish(self._todo(self._pages), until)

    def take(
        self, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        """See `SettledSink.take`; also raises StoppedError where the pass has ended."""
        with self._changed:
            if self._is_stopped:
                raise StoppedError
            self._taken += len(positions)
            return self._sink.take(positions, rows, others)

    def has_room(self) -> bool:
        """See `DrawnSink.has_room`: while it may be that Ray is not needed."""
        with self._changed:
            may_be_read_here = self._unread < self._max_engine_pages and not self._is_stopped
            return may_be_read_here and self._engines.has_room()

    def put(self, page: DrawnPage) -> None:
        """See `DrawnSink.put`; also raises StoppedError where the pass has ended."""
        with self._changed:
            if self._is_stopped:
                raise StoppedError
            self._engines.put(page)

    def _todo(self, done: AnyPath | None) -> pa.Table:
        """The pages of the plan that have to be read, without those that have a row in a folder."""
        store = self._task.config.store
        return pa.concat_tables(read_plan(plan_shards(self._plan), store, self.duplicates, done))

    def _render(self, reader: SandboxClient | None) -> Render:
        config = self._task.config
        monitor = Quarantine(config.stages.max_lone_deaths)
        return Render(config, self._task.recipe, self._add, monitor, self, self, reader)

    def _add(self, report: StageReport) -> None:
        with self._changed:
            self._metrics.add(report)

    def _run(self, render: Render) -> None:
        """Look at chunks until there are none."""
        error: Exception | None = None
        try:
            for chunk in self._next_chunks():
                for _ in render(chunk):
                    pass  # nothing is prepared for an engine
                self._finish_chunk(chunk.num_rows)
        except StoppedError:
            pass
        except Exception as problem:
            error = problem
        finally:
            render.close()
            with self._changed:
                self._running -= 1
                self._error = self._error or error
                self._changed.notify_all()

    def _next_chunks(self) -> Iterator[pa.Table]:
        with suppress(queue.Empty):
            while True:
                yield self._chunks.get_nowait()

    def _finish_chunk(self, rows: int) -> None:
        with self._changed:
            self._looked_at += rows
            self._changed.notify_all()

    def _has_much_for_engine(self) -> bool:
        """Whether an engine is better started now: it has a GPU, or has to read many pages."""
        engine = self._task.config.engine
        share = 0.0 if spec_of(engine).resources(engine).gpus else _MANY_UNREAD
        return self._needs_ray() and self._unread > share * self._total

    def _needs_ray(self) -> bool:
        """Whether more pages have no row, though looked at, than an engine reads without Ray."""
        return self._unread > self._max_engine_pages

    @property
    def _unread(self) -> int:
        return self._looked_at - self._taken

    def _wait(self, is_enough: Callable[[], bool]) -> None:
        """Wait for the end of the readers, but no longer than they may take."""
        with self._changed:
            while self._running and not self._error and not is_enough():
                left_s = self._readers_until() - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            if self._error:
                raise self._error

    def _readers_until(self) -> float:
        """When the readers' time is over: they have the engine's too once it has got pages."""
        return self._begin + self._local_s * (2 if self._engines.has_pages else 1)

    def _stop(self) -> None:
        """Let no more rows be taken, and end the readers; they may be at a page that never ends."""
        with self._changed:
            self._is_stopped = True
        for render in self._renders:
            render.stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_END_S)
        if self._reader is not None:
            self._reader.close()

    def _copy(self, written: Summary) -> None:
        """Write the rows of duplicates; what then has none is read under its own name, on Ray."""
        prefix = f"{shards.new_prefix()}-local"
        config = self._task.config
        self._check()
        written.merge(shard_tasks.copy(self._plan, self._pages, prefix, self.duplicates, config))
        self.duplicates = Duplicates(are_read=True)
