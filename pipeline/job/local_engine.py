"""Reads the few engine pages of a small job without Ray, in engine processes of the driver.

Ray's start takes 10 to 15 s of CPU time, more than some pages of an engine without a GPU. So where
few pages are left (`local_limits.max_pages`), each of as many processes as Ray would run engines
reads a part of them and writes shards of its own (`local_engine_worker`), by the stages that Ray's
workers run.

A page that was drawn when it was looked at waits here for an engine, as far as there is room
(`stages.local_drawn_mib`). Processes start when half of the room is taken, so that there is room
for the pages that are found until they take some, or when every page was looked at: engines that
have few pages do not take the readers' CPUs, and none starts for a job that soon goes to Ray. The
pages that are left after these are drawn by the engine processes.

Whatever goes wrong here goes to Ray, and is said: a process that dies, cannot be started, cannot
start its engine or has not finished in time leaves pages without rows, and Ray then reads exactly
these, with its quarantine of pages that crash an engine. What was written counts by what is in the
shards, never by what a process said. The processes end with the driver, whatever ends it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.job import local_limits
from pipeline.job.local_engine_process import EngineProcess, EngineSetup, EngineShare
from pipeline.job.metrics import SendReport
from pipeline.job.stages.drawn import DrawnPages
from pipeline.job.stages.records import DrawnPage
from pipeline.job.stages.settled import Check, unchecked
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.output.totals import Summary
from pipeline.storage.paths import AnyPath

_CHUNKS_PER_ENGINE: Final = 4
"""Chunks at least, so that the engines end at about the same time."""
_TIME_IS_OVER: Final = "the time for engines without Ray is over (stages.local_s)"
_MIB: Final = 1 << 20


class LocalEngines:
    """The engine processes of a job; each has a thread that starts it and hands it its pages.

    Args:
        task: The job.
        pages: Folder of the output's shards.
        send: Takes the reports of the stages, from several threads.
        check: Called before each shard; raises `JobError` where another job has the output's lock.
    """

    def __init__(
        self, task: Task, pages: AnyPath, send: SendReport, check: Check = unchecked
    ) -> None:
        self._task, self._pages, self._send, self._check = task, pages, send, check
        self._prefix = f"{shards.new_prefix()}-engine"
        self._drawn = DrawnPages(task.config.stages.local_drawn_mib * _MIB)
        self._given: list[str] = []
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(local_limits.MAX_ENGINES, "local-engine")
        self._runs: list[Future[str]] = []
        self._processes: list[EngineProcess] = []
        self._starting: set[int] = set()
        self._shares: deque[EngineShare] = deque()
        self._is_stopped = self._is_closed = False

    def has_room(self) -> bool:
        """Whether a page that is looked at next may be drawn."""
        return self._drawn.has_room() and not self._has_failed()

    def put(self, page: DrawnPage) -> None:
        """Take a page that was drawn; start a process where half of the room is taken."""
        with self._lock:
            if not self._drawn.put(page):
                return
            self._given.append(page.page.ids.page_id)
            if self._drawn.is_half_full() and not self._starting:
                wanted = local_limits.engines(self._task.config, len(self._given))
                self._start(min(wanted, len(self._runs) + 1))

    @property
    def has_pages(self) -> bool:
        """Whether any page was put."""
        return bool(self._given)

    def stop(self) -> None:
        """Take no more pages, and drop those that no process has taken yet."""
        self._is_stopped = True
        self._drawn.end(time.monotonic())

    def finish(self, todo: pa.Table, until: float) -> tuple[Summary, str]:
        """Read pages, as far as that goes, and wait for the end of the processes.

        Args:
            todo: Rows of `schema.TODO` that have no row in the output: those that were put, and
                others that have to be drawn. After `stop` none.
            until: When the time for them is over, seconds of the monotonic clock.

        Returns:
            Sums of the rows that were written, and why pages may be left, "" for no reason.
        """
        is_given = pc.is_in(todo["page_id"], pa.array(self._given, pa.string()))
        rest = todo.filter(pc.invert(is_given))
        with self._lock:
            if not self._has_failed():
                pages = len(self._drawn) + rest.num_rows
                wanted = local_limits.engines(self._task.config, pages)
                self._start(wanted + len(self._runs) - self._running())
            self._shares.extend(self._parts(rest, self._running(), until))
        self._drawn.end(until)
        if not self._runs:
            return Summary(), ""
        problem = self._wait(until + local_limits.GRACE_S)
        self._drawn.end(time.monotonic())  # what no process took is not kept while Ray works
        done = shards.read_summary(self._pages, self._prefix)
        is_short = done.written.rows < len(self._given) + rest.num_rows
        if not problem and is_short and not self._is_stopped:
            problem = _TIME_IS_OVER
        return done, problem

    def close(self) -> None:
        """Kill the processes that are still there."""
        self._is_closed = True
        self.stop()
        self._kill()
        self._threads.shutdown()

    def _start(self, processes: int) -> None:
        """Start processes until there are so many in all, those that have ended included."""
        for number in range(len(self._runs), min(processes, local_limits.MAX_ENGINES)):
            self._starting.add(number)
            self._runs.append(self._threads.submit(self._run, number))

    def _has_failed(self) -> bool:
        """Whether every process that was started has died, so that others would, too."""
        return bool(self._runs) and not self._running()

    def _running(self) -> int:
        return sum(not run.done() for run in self._runs)

    def _parts(self, rest: pa.Table, processes: int, until: float) -> Iterator[EngineShare]:
        """Yield a part of the pages for each process; a chunk's pages are neighbours."""
        if not rest.num_rows or not processes:
            return
        chunk = rest.num_rows // (_CHUNKS_PER_ENGINE * processes)
        chunk = max(1, min(local_limits.max_chunk(self._task.config), chunk))
        starts = range(0, rest.num_rows, chunk)
        for number in range(processes):
            if chunks := [rest.slice(start, chunk) for start in starts[number::processes]]:
                yield EngineShare(pa.concat_tables(chunks).combine_chunks(), chunk, until)

    def _run(self, number: int) -> str:
        """Start a process, hand it its pages, and wait for its end; why it may have left pages."""
        flush_s = min(self._task.config.parquet.flush_s, local_limits.GRACE_S)
        name = f"{self._prefix}-{number}"
        setup = EngineSetup(self._task, self._pages, name, flush_s, os.getpid(), self._check)
        try:
            with EngineProcess.started(setup, self._send) as process:
                self._processes.append(process)
                if self._is_closed:
                    return ""
                self._hand_over(process, number)
                return process.wait()
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread is left
            return f"an engine process cannot be started: {error}"
        finally:
            self._starting.discard(number)

    def _hand_over(self, process: EngineProcess, number: int) -> None:
        """Hand a process pages that were drawn while there are any, and its share of the rest."""
        chunk = local_limits.max_chunk(self._task.config)
        while (drawn := self._drawn.take(chunk)) and not process.has_ended:
            process.send(drawn)
            self._starting.discard(number)
        with self._lock:
            share = self._shares.popleft() if self._shares else None
        if share is not None:
            process.send(share)
        process.end_input()

    def _wait(self, until: float) -> str:
        """Wait for the processes, and kill those that are late; the first problem, "" for none."""
        done, late = wait(self._runs, max(0.0, until - time.monotonic()))
        if late:
            self._kill()
            wait(late)  # what they were writing is there, or will not be
        problems = [run.result() for run in self._runs if run in done]
        return next(filter(None, problems), _TIME_IS_OVER if late else "")

    def _kill(self) -> None:
        for process in list(self._processes):
            process.kill()
