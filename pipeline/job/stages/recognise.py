"""Last stage of the run: reads pages with an engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pyarrow as pa

from pipeline.config import EngineConfig, Recipe
from pipeline.engines.base import LazyEngine
from pipeline.engines.recipe import engine_and_model
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
from pipeline.job.stages.weighted_semaphore import WeightedSemaphore
from pipeline.output.rows import pages_table
from pipeline.recognition.recognise import failed, recognise
from pipeline.recognition.result import page_result
from pipeline.types import PageResult, Recognition, Request, Timing


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
        keys = [page.page.ids.page_id for page in pages]
        if any(page.request is not None for page in pages):
            # Before the pages are reported to the monitor: they do not cause a crash at the start.
            await self._engine.start()
        # In a thread: the monitor may be slow to answer, and other pages are being read.
        isolations = await asyncio.to_thread(self._monitor.begin, keys)
        results = await asyncio.gather(*map(self._result, pages, isolations))
        await asyncio.to_thread(self._monitor.finish, keys)
        yield pages_table(results)

    async def _result(self, page: PreparedPage, isolation: Isolation) -> PageResult:
        settled, request = page.page.settled, page.request
        if isolation is Isolation.POISON:
            result = self._page_result(page, failed(ErrorKind.ENGINE, POISON_MESSAGE))
        elif settled is not None:
            result = self._page_result(page, settled)
        elif request is not None:
            result = await self._read(page, request, isolation)
        else:
            fault = failed(ErrorKind.INTERNAL, "neither settled nor prepared for an engine")
            result = self._page_result(page, fault)
        self._metrics.report(1, int(result.recognition.failure is not None))
        return result

    async def _read(self, page: PreparedPage, request: Request, isolation: Isolation) -> PageResult:
        async with self._acquired(page.page.ids.page_id, isolation):
            begin = time.perf_counter()
            with self._metrics.busy():
                recognition = await recognise(self._engine, request, self._recipe, self._second)
            return self._page_result(page, recognition, ms_since(begin))

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

    def _page_result(
        self, page: PreparedPage, recognition: Recognition, generate_ms: float | None = None
    ) -> PageResult:
        looked = page.page
        timing = Timing(looked.render_ms, page.prepare_ms, generate_ms)
        result = page_result(looked.ref, looked.view, recognition, looked.warnings, timing)
        engine, model = engine_and_model(self._recipe, recognition.rung)
        return replace(result, ids=looked.ids, engine=engine, model=model)
