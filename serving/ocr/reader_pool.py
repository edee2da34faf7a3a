"""A pool of reader processes, which open untrusted documents and render their pages.

The readers are those of the batch job (`pipeline.documents.sandbox`), so both render the same
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
from pipeline.documents.look import PageView
from pipeline.documents.sandbox import DocumentInfo, SandboxClient
from pipeline.recognition.route import Routes
from pipeline.types import Instruction

T = TypeVar("T")


class _Worker:
    """A reader and its thread."""

    def __init__(self, reader: SandboxClient) -> None:
        self.reader = reader
        # The thread lives as long as the reader: Linux kills the child when the thread that
        # started it ends.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def run(self, call: Callable[[SandboxClient], T]) -> T:
        """Call the reader in its thread. Cancellation kills the child process."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, call, self.reader)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self.reader.kill()
            # Short, since the child is dead; the next caller must not get the reader before.
            with suppress(Exception):
                await future
            raise

    def close(self) -> None:
        self.reader.kill()
        self._thread.submit(self.reader.close)
        self._thread.shutdown()


class OpenDocument:
    """A document that was opened.

    Attributes:
        inspection: Its pages and media type.
    """

    def __init__(
        self, readers: ReaderPool, path: str, password: str, inspection: DocumentInfo
    ) -> None:
        self.inspection = inspection
        self._readers = readers
        self._path = path
        self._password = password

    async def view(
        self, page: int, routes: Routes, instruction: Instruction | None = None
    ) -> PageView:
        """Inspect a page, and render it where an engine has to read it.

        Args:
            page: 1-based number.
            routes: Decides that, as in the batch job.
            instruction: The task, None for the recipe's.

        Raises:
            PageError: As `pipeline.recognition.route.Routes.view`.
        """
        return await self._readers.run(
            lambda reader: routes.view(reader, self._path, page, self._password, instruction)
        )


class ReaderPool:
    """A pool of reader processes. Calls wait until one is free.

    Args:
        count: Number of reader processes.
        read: Limits of time, memory and pages.
        render: How pages are rendered, and the limits of pixels.
        input: The maximum size of a file.
    """

    def __init__(
        self,
        count: int,
        read: ReadConfig,
        render: RenderConfig,
        input: InputConfig,  # noqa: A002 - the name of the config's section
    ) -> None:
        self._all = [_Worker(SandboxClient(read, render, input)) for _ in range(count)]
        self._free: asyncio.Queue[_Worker] = asyncio.Queue()
        for worker in self._all:
            self._free.put_nowait(worker)
        self._folder = tempfile.TemporaryDirectory(prefix="rayscribe-online-")

    async def run(self, call: Callable[[SandboxClient], T]) -> T:
        """Call a reader as soon as one is free."""
        worker = await self._free.get()
        try:
            return await worker.run(call)
        finally:
            self._free.put_nowait(worker)

    @asynccontextmanager
    async def open(self, content: bytes, password: str = "") -> AsyncIterator[OpenDocument]:
        """Keep a document open for the time of the block.

        Args:
            content: The document's bytes.
            password: For an encrypted PDF.

        Raises:
            DocumentError: As `pipeline.documents.sandbox.SandboxClient.inspect`.
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
        """Ids of the child processes that run."""
        return [worker.reader.pid for worker in self._all if worker.reader.pid is not None]

    def close(self) -> None:
        """End the child processes and remove the temporary files."""
        while self._all:
            self._all.pop().close()
        self._folder.cleanup()
