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
from dataclasses import dataclass
from typing import Final, TypeVar
from weakref import finalize

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.look import PageView
from pipeline.documents.sandbox import DocumentInfo, SandboxClient
from pipeline.recognition.route import Routes
from pipeline.storage import locked_folder
from pipeline.types import Instruction, Pixels

T = TypeVar("T")

_PREFIX: Final = "rayscribe-online-"
_POLL_S: Final = 0.1
"""Seconds between two looks at whether others wait for the reader of a slow call."""


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


class _TooSlowError(Exception):
    """A call was stopped because others wait and the slow calls have their share of readers."""


@dataclass(slots=True)
class ReaderUse:
    """What is known about the calls for one document.

    Attributes:
        is_slow: Whether one was stopped because it was slow: later ones wait with the slow ones.
    """

    is_slow: bool = False


class OpenDocument:
    """A document that was opened.

    Attributes:
        inspection: Its pages and media type.
    """

    def __init__(
        self,
        readers: ReaderPool,
        path: str,
        password: str,
        inspection: DocumentInfo,
        use: ReaderUse,
    ) -> None:
        self.inspection = inspection
        self._use = use
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
            lambda reader: routes.view(reader, self._path, page, self._password, instruction),
            self._use,
        )

    async def pixels(self, page: int) -> Pixels:
        """Draw a page as displayed, for people.

        Args:
            page: 1-based number.

        Returns:
            RGB, uint8, shape (height, width, 3). May be memory of a reader, which is not used for
            another page until the array is dropped.

        Raises:
            PageError: As `pipeline.documents.sandbox.SandboxClient.render`.
        """
        return await self._readers.run(
            lambda reader: reader.render(self._path, page, self._password).pixels, self._use
        )


class ReaderPool:
    """A pool of reader processes. Calls wait until one is free.

    Slow calls cost their own callers: they may have all readers but one. Nobody can tell before
    which are slow, so one that is over that number is stopped while others wait, and repeated when
    it is its turn.

    Args:
        count: Number of reader processes.
        slow_s: Seconds after which a call is slow.
        read: Limits of time, memory and pages.
        render: How pages are rendered, and the limits of pixels.
        input: The maximum size of a file.
    """

    def __init__(
        self,
        count: int,
        slow_s: float,
        read: ReadConfig,
        render: RenderConfig,
        input: InputConfig,  # noqa: A002 - the name of the config's section
    ) -> None:
        self._all = [_Worker(SandboxClient(read, render, input)) for _ in range(count)]
        self._free: asyncio.Queue[_Worker] = asyncio.Queue()
        for worker in self._all:
            self._free.put_nowait(worker)
        self._waiting = 0
        self._slow_s = slow_s
        self._slow_turns = asyncio.Semaphore(max(1, count - 1))
        clear_abandoned()
        self._folder, lock = locked_folder.create(_PREFIX)
        self._remove = finalize(self, locked_folder.delete, self._folder, lock)

    async def run(self, call: Callable[[SandboxClient], T], use: ReaderUse) -> T:
        """Call a reader as soon as one is free; a call of a slow document waits for its turn."""
        if not use.is_slow:
            with suppress(_TooSlowError):
                return await self._run_until_slow(call, use)
        async with self._slow_turns, self._reader() as worker:
            return await worker.run(call)

    async def _run_until_slow(self, call: Callable[[SandboxClient], T], use: ReaderUse) -> T:
        async with self._reader() as worker:
            task = asyncio.ensure_future(worker.run(call))
            try:
                await asyncio.wait({task}, timeout=self._slow_s)
                while not task.done() and self._slow_turns.locked():
                    if self._waiting:
                        use.is_slow = True
                        raise _TooSlowError
                    await asyncio.wait({task}, timeout=_POLL_S)
                if task.done():
                    return task.result()
                async with self._slow_turns:
                    return await asyncio.shield(task)
            finally:
                if task.cancel():
                    await asyncio.wait({task})

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[_Worker]:
        self._waiting += 1
        try:
            worker = await self._free.get()
        finally:
            self._waiting -= 1
        try:
            yield worker
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
            async with self.open_path(path, password) as document:
                yield document
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)

    @asynccontextmanager
    async def open_path(self, path: str, password: str = "") -> AsyncIterator[OpenDocument]:
        """Keep a document that is a file open for the time of the block.

        Args:
            path: The file.
            password: For an encrypted PDF.

        Raises:
            DocumentError: As `pipeline.documents.sandbox.SandboxClient.inspect`.
        """
        use = ReaderUse()
        inspection = await self.run(lambda reader: reader.inspect(path, password), use)
        yield OpenDocument(self, path, password, inspection, use)

    def _write(self, content: bytes) -> str:
        descriptor, path = tempfile.mkstemp(dir=self._folder)
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
        self._remove()


def clear_abandoned() -> None:
    """Delete the folders of ingress replicas that were killed, or ended with their Ray."""
    locked_folder.clear_abandoned(_PREFIX)
