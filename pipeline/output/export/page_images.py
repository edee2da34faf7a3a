"""Pages of originals as JPEG files, drawn by several sandbox processes side by side."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final, Protocol, Self

from PIL import Image

from pipeline.config import DatasetConfig
from pipeline.documents.sandbox.cpus import available_cpus
from pipeline.errors import RecordedError
from pipeline.output.export.figures import missing_reason
from pipeline.types import PageImage, PageRef, PageResult, Pixels

_PAGES_PER_TASK: Final = 8
"""Pages of one document that one process draws one after the other: it opens it once for them."""
_TASKS_AHEAD: Final = 2
"""Tasks for each process that are drawn or wait: what they have drawn is in memory."""


class Drawer(AbstractContextManager[Any], Protocol):
    """Draws pages of originals, in a process of its own that ends with the context."""

    def page(self, ref: PageRef) -> PageImage:
        """Draw a page; raises RecordedError."""


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page with its image.

    Attributes:
        result: The page.
        jpeg: Its image as a JPEG file, empty where there is none.
        missing: Why it could not be drawn, "" where it could, or where a document has no pages.
    """

    result: PageResult
    jpeg: bytes = b""
    missing: str = ""


class PageImages:
    """Draws pages; those that come out are in the order of those that went in.

    Args:
        drawer: Makes a drawer, once for each process.
        config: How many processes, and the quality of the images.
    """

    def __init__(self, drawer: Callable[[], Drawer], config: DatasetConfig) -> None:
        self._drawer, self._quality = drawer, config.jpeg_quality
        self._readers = config.readers or available_cpus()
        self._own = threading.local()
        self._opened = ExitStack()
        self._pool = ThreadPoolExecutor(self._readers, thread_name_prefix="export")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._opened.close()

    def drawn(self, pages: Iterable[PageResult]) -> Iterator[DrawnPage]:
        """Yield the pages with their images.

        Raises:
            JobError: A sandbox's process does not start.
        """
        tasks = _tasks(pages)
        waiting: deque[Future[list[DrawnPage]]] = deque()
        while True:
            for task in islice(tasks, self._readers * _TASKS_AHEAD - len(waiting)):
                waiting.append(self._pool.submit(self._draw, task))
            if not waiting:
                return
            yield from waiting.popleft().result()

    def _draw(self, task: list[PageResult]) -> list[DrawnPage]:
        if not hasattr(self._own, "drawer"):
            # Entered in the thread that uses it: its process ends with that thread.
            self._own.drawer = self._opened.enter_context(self._drawer())
        return [self._drawn(self._own.drawer, result) for result in task]

    def _drawn(self, drawer: Drawer, result: PageResult) -> DrawnPage:
        if not result.ref.page:
            return DrawnPage(result)  # the document could not be opened
        try:
            return DrawnPage(result, self._jpeg(drawer.page(result.ref).pixels))
        except RecordedError as error:
            return DrawnPage(result, missing=missing_reason(error))

    def _jpeg(self, pixels: Pixels) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=self._quality)
        return file.getvalue()


def _tasks(pages: Iterable[PageResult]) -> Iterator[list[PageResult]]:
    """Runs of pages of one document."""
    for _, own in groupby(pages, key=lambda result: (result.ref.uri, result.ref.doc_id)):
        while task := list(islice(own, _PAGES_PER_TASK)):
            yield task
