"""The engine process of a job without Ray (`pipeline.job.local_engine`).

It gets what it has to do as a pickle on standard input, and sends the reports of its stages as
pickles on standard output. It draws the pages that are next while the engine reads.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from pipeline.documents.sandbox.resource_limits import exit_with_parent
from pipeline.job.metrics import SendReport, StageReport
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.stages.recognise import Recognise
from pipeline.job.stages.render import Render
from pipeline.job.stages.settled import SettledRows

if TYPE_CHECKING:
    from pipeline.job.local_engine import EngineShare


def main() -> None:
    """Read the pages."""
    share = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own driver
    exit_with_parent(share.driver_pid)
    reports = _Reports(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what engines print is no report
    with ThreadPoolExecutor(1, "render") as renderer:
        asyncio.run(_Reader(share, reports.send, renderer).run())


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
        share: What is to be done.
        send: Takes the reports of the stages.
        renderer: Runs the first stage; its reader's process lives as long as this one thread.
    """

    def __init__(self, share: EngineShare, send: SendReport, renderer: ThreadPoolExecutor) -> None:
        config, recipe, self._share = share.task.config, share.task.recipe, share
        often = config.parquet.model_copy(update={"flush_s": share.flush_s})
        self._sink = SettledRows(share.pages, share.prefix, often)
        deaths = config.stages.max_lone_deaths
        self._render = Render(config, recipe, send, Quarantine(deaths), self._sink)
        self._recognise = Recognise(
            config.engine, recipe, send, Quarantine(deaths), config.self_test
        )
        self._renderer = renderer
        rows = zip(*(share.todo[name].to_pylist() for name in ("page_id", "position")), strict=True)
        self._positions: dict[str, int] = dict(rows)

    async def run(self) -> None:
        """Read chunks until there are none, or no time."""
        loop = asyncio.get_running_loop()
        chunks = self._chunks()
        ahead = loop.run_in_executor(self._renderer, self._prepared, chunks)
        try:
            while (prepared := await ahead) is not None and self._has_time():
                ahead = loop.run_in_executor(self._renderer, self._prepared, chunks)
                async for rows in self._recognise(prepared):
                    ids = rows["page_id"].to_pylist()
                    self._sink.take([self._positions[key] for key in ids], rows, [])
        finally:
            await asyncio.wait([ahead])  # after an engine's failure it is still drawing
            self._sink.finish()
            self._render.close()

    def _chunks(self) -> Iterator[pa.Table]:
        for start in range(0, self._share.todo.num_rows, self._share.chunk):
            if not self._has_time():
                return
            yield self._share.todo.slice(start, self._share.chunk)

    def _has_time(self) -> bool:
        return time.monotonic() < self._share.until

    def _prepared(self, chunks: Iterator[pa.Table]) -> pa.Table | None:
        """The requests of the next chunk, None where there is none."""
        chunk = next(chunks, None)
        return None if chunk is None else pa.concat_tables(self._render(chunk))
