"""Last stage of the run: reads pages with an engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyarrow as pa

from pipeline.config import EngineConfig, Recipe
from pipeline.engines.base import LazyEngine
from pipeline.engines.registry import (
    build_engine,
    build_second_engine,
    pages_in_flight,
    spec_of,
)
from pipeline.errors import ErrorKind
from pipeline.job.metrics import SendReport, StageMonitor, ms_since
from pipeline.job.stages import rows
from pipeline.job.stages.quarantine import POISON_MESSAGE, Isolation, PageMonitor
from pipeline.job.stages.records import PreparedPage
from pipeline.job.stages.results import row_result
from pipeline.job.stages.weighted_semaphore import WeightedSemaphore
from pipeline.output.rows import pages_table
from pipeline.recognition.recognise import failed_page, recognise
from pipeline.types import PageResult, Recognition, Timing


class Recognise:
    """Reads pages with an engine, many concurrently.

    Pages that an engine's process crashed with are run with few others, then alone
    (`pipeline.job.stages.quarantine`).

    Args:
        config: Which engine.
        recipe: How pages are read, and what is tried after a bad answer.
        send: Takes the worker's reports.
        monitor: Told which pages are being worked on, and decides how each is to be run.
        self_test: Whether the engine tests itself before its first page.
    """

    def __init__(
        self,
        config: EngineConfig,
        recipe: Recipe,
        send: SendReport,
        monitor: PageMonitor,
        self_test: bool = True,
    ) -> None:
        self._engine = LazyEngine(lambda: build_engine(config, self_test))
        self._second = build_second_engine(recipe)
        self._slots = WeightedSemaphore(pages_in_flight(config))
        self._monitor = monitor
        self._recipe = recipe
        self._metrics = StageMonitor("recognise", send, spec_of(config).parts(config))

    async def __call__(self, prepared: pa.Table) -> AsyncIterator[pa.Table]:
        """Yield `schema.PAGES` for rows of `schema.PREPARED`, in one table."""
        pages = rows.prepared_pages(prepared)
        keys = [page.ids.page_id for page in pages]
        if pages:
            # Before the pages are reported to the monitor: they do not cause a crash at the start.
            await self._engine.start()
        # In a thread: the monitor may be slow to answer, and other pages are being read.
        isolations = await asyncio.to_thread(self._monitor.begin, keys)
        results = await asyncio.gather(*map(self._result, pages, isolations))
        await asyncio.to_thread(self._monitor.finish, keys)
        self._metrics.flush()
        yield pages_table(results)

    async def _result(self, page: PreparedPage, isolation: Isolation) -> PageResult:
        if isolation is Isolation.POISON:
            read = failed_page(page.request, ErrorKind.ENGINE, POISON_MESSAGE)
            result = self._row(page, read)
        else:
            result = await self._read(page, isolation)
        has_failed = result.recognition.failure is not None
        self._metrics.report(1, failed=int(has_failed), finished=1, may_wait=True)
        return result

    async def _read(self, page: PreparedPage, isolation: Isolation) -> PageResult:
        async with self._acquired(page.ids.page_id, isolation):
            begin = time.perf_counter()
            with self._metrics.busy():
                recognition = await recognise(
                    self._engine, page.request, self._recipe, self._second
                )
            return self._row(page, recognition, ms_since(begin))

    @asynccontextmanager
    async def _acquired(self, key: str, isolation: Isolation) -> AsyncIterator[None]:
        """Wait for a slot; a suspect is reported to the monitor while it holds one."""
        weight = isolation.weight(self._slots.capacity)
        async with self._slots.acquire(weight):
            if isolation is Isolation.NONE:
                yield
                return
            solo = weight == self._slots.capacity
            await asyncio.to_thread(self._monitor.enter, key, solo=solo)
            yield
            await asyncio.to_thread(self._monitor.finish, [key])

    def _row(
        self, page: PreparedPage, recognition: Recognition, generate_ms: float | None = None
    ) -> PageResult:
        timing = Timing(page.render_ms, page.prepare_ms, generate_ms)
        return row_result(
            page.ref, page.ids, page.view, recognition, page.warnings, timing, self._recipe
        )
