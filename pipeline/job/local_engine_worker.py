"""The engine process of a job without Ray (`pipeline.job.local_engine_process`).

It draws the pages that are next, or takes them in, while the engine reads.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from pipeline.documents.sandbox.resource_limits import exit_with_parent
from pipeline.job.metrics import SendReport, StageReport
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.stages.recognise import Recognise
from pipeline.job.stages.records import DrawnPage
from pipeline.job.stages.render import Render
from pipeline.job.stages.settled import SettledRows

if TYPE_CHECKING:
    from pipeline.job.local_engine_process import EngineSetup, EngineShare


def main() -> None:
    """Read the pages."""
    pages = sys.stdin.buffer
    setup = pickle.load(pages)  # noqa: S301 - from our own driver
    exit_with_parent(setup.driver_pid)
    reports = _Reports(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what engines print is no report
    with ThreadPoolExecutor(1, "render") as renderer:
        try:
            asyncio.run(_Reader(setup, pages, reports.send, renderer).run())
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)  # the other thread may wait for pages


class _Reports:
    """Sends reports to the driver, from several threads."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._lock = out, threading.Lock()

    def send(self, report: StageReport) -> None:
        with self._lock:
            pickle.dump(report, self._out)
            self._out.flush()


class _Reader:
    """Takes the pages through the stages, in chunks.

    Args:
        setup: What is to be done.
        pages: The driver's messages.
        send: Takes the reports of the stages.
        renderer: Runs the first stage; its reader's process lives as long as this one thread.
    """

    def __init__(
        self, setup: EngineSetup, pages: BinaryIO, send: SendReport, renderer: ThreadPoolExecutor
    ) -> None:
        config, recipe = setup.task.config, setup.task.recipe
        often = config.parquet.model_copy(update={"flush_s": setup.flush_s})
        self._sink = SettledRows(setup.pages, setup.prefix, often, check=setup.check)
        deaths = config.stages.max_lone_deaths
        self._render = Render(config, recipe, send, Quarantine(deaths), self._sink)
        self._recognise = Recognise(
            config.engine, recipe, send, Quarantine(deaths), config.self_test
        )
        self._pages, self._renderer = pages, renderer
        self._positions: dict[str, int] = {}
        self._until = float("inf")

    async def run(self) -> None:
        """Read chunks until there are none, or no time."""
        loop = asyncio.get_running_loop()
        chunks = self._prepared()
        ahead = loop.run_in_executor(self._renderer, next, chunks, None)
        try:
            while (prepared := await ahead) is not None and self._has_time():
                ahead = loop.run_in_executor(self._renderer, next, chunks, None)
                async for rows in self._recognise(prepared):
                    ids = rows["page_id"].to_pylist()
                    self._sink.take([self._positions.pop(key) for key in ids], rows, [])
            self._render.close()
        finally:
            self._sink.finish()

    def _prepared(self) -> Iterator[pa.Table]:
        """Yield the requests of chunks: first of pages that were drawn, then of the others."""
        while (message := self._received()) is not None:
            if isinstance(message, list):
                self._positions |= {one.page.ids.page_id: one.page.position for one in message}
                yield self._render.prepare(message)
            else:
                yield from self._rendered(message)

    def _received(self) -> list[DrawnPage] | EngineShare | None:
        """The next message of the driver, None where nothing follows."""
        try:
            received: list[DrawnPage] | EngineShare = pickle.load(self._pages)  # noqa: S301
        except EOFError:
            return None
        return received

    def _rendered(self, share: EngineShare) -> Iterator[pa.Table]:
        self._until = share.until
        ids, positions = (share.todo[name].to_pylist() for name in ("page_id", "position"))
        self._positions |= dict(zip(ids, positions, strict=True))
        for start in range(0, share.todo.num_rows, share.chunk):
            if not self._has_time():
                return
            yield pa.concat_tables(self._render(share.todo.slice(start, share.chunk)))

    def _has_time(self) -> bool:
        return time.monotonic() < self._until
