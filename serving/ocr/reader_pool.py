"""Opens what strangers send: bytes in, pages out, in child processes that can be killed.

The readers are those of the batch (`pipeline.documents.sandbox`), so both doors see the same
pixels.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.sandbox import Inspection, Reader
from pipeline.recognition.route import PageView, Routes
from pipeline.types import Instruction

T = TypeVar("T")


class _Worker:
    """A reader and the one thread that uses it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        # A thread that lives as long as the reader: Linux ends the child with its thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def run(self, call: Callable[[Reader], T]) -> T:
        """Call the reader in its thread. Whoever stops waiting has the child killed."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, call, self.reader)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self.reader.kill()
            # The child is gone, so this is short; only then may the next caller have the reader.
            with suppress(Exception):
                await future
            raise

    def close(self) -> None:
        self.reader.kill()
        self._thread.submit(self.reader.close)
        self._thread.shutdown()


class OpenDocument:
    """A document that was found readable.

    Attributes:
        inspection: Its pages and what it is.
    """

    def __init__(self, readers: Readers, path: str, password: str, inspection: Inspection) -> None:
        self.inspection = inspection
        self._readers = readers
        self._path = path
        self._password = password

    async def view(self, page: int, routes: Routes, ask: Instruction | None = None) -> PageView:
        """Look at a page, counted from 1, and draw it where an engine has to read it.

        Args:
            page: Its number.
            routes: Finds its way, as in the batch.
            ask: What is asked for, None for the recipe's task.

        Raises:
            PageError: As `pipeline.recognition.route.Routes.view`.
        """
        return await self._readers.run(
            lambda reader: routes.view(reader, self._path, page, self._password, ask)
        )


class Readers:
    """A pool of readers; who finds none free waits in line.

    Args:
        count: Reader processes.
        read: Limits of time, memory and pages.
        render: How pages are drawn, and the limits of pixels.
        input: The largest file that is opened.
    """

    def __init__(
        self,
        count: int,
        read: ReadConfig,
        render: RenderConfig,
        input: InputConfig,  # noqa: A002 - the name of the config's section
    ) -> None:
        self._all = [_Worker(Reader(read, render, input)) for _ in range(count)]
        self._free: asyncio.Queue[_Worker] = asyncio.Queue()
        for worker in self._all:
            self._free.put_nowait(worker)
        self._folder = tempfile.TemporaryDirectory(prefix="rayscribe-online-")

    async def run(self, call: Callable[[Reader], T]) -> T:
        """Call a reader as soon as one is free."""
        worker = await self._free.get()
        try:
            return await worker.run(call)
        finally:
            self._free.put_nowait(worker)

    @asynccontextmanager
    async def open(self, content: bytes, password: str = "") -> AsyncIterator[OpenDocument]:
        """Keep a document for the time inside.

        Args:
            content: The document's bytes.
            password: For an encrypted PDF.

        Raises:
            DocumentError: As `pipeline.documents.sandbox.Reader.inspect`.
        """
        path = await asyncio.to_thread(self._write, content)
        try:
            inspection = await self.run(lambda reader: reader.inspect(path, password))
            yield OpenDocument(self, path, password, inspection)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _write(self, content: bytes) -> str:
        descriptor, path = tempfile.mkstemp(dir=self._folder.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return path

    @property
    def pids(self) -> list[int]:
        """Process ids of the children that run now."""
        return [worker.reader.pid for worker in self._all if worker.reader.pid is not None]

    def close(self) -> None:
        """End the children and remove what was kept."""
        while self._all:
            self._all.pop().close()
        self._folder.cleanup()
