"""Opens the documents of a request and has their pages read. Independent of HTTP and Ray."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pipeline.config import Recipe
from pipeline.documents.sandbox import DocumentInfo
from pipeline.errors import RecordedError
from pipeline.page_range import PageSelection
from pipeline.types import PageResult, Pixels
from serving.config import LimitConfig
from serving.errors import ApiError, of_kind
from serving.ocr import bounded_tasks
from serving.ocr.page_reader import OcrBackend, PageReader, RequestTemplate
from serving.ocr.reader_pool import OpenDocument, ReaderPool

_ALL: Final = PageSelection()


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A document of a request, with its bytes.

    Attributes:
        content: Its bytes.
        password: For an encrypted PDF.
        pages: The pages that are requested.
        param: The field of the request that has it, for errors.
    """

    content: bytes
    password: str = field(default="", repr=False)
    pages: PageSelection = _ALL
    param: str | None = None


@dataclass(frozen=True, slots=True)
class _PageTask:
    page: int
    document: OpenDocument


class PendingPages:
    """Counts the pages of all requests that are still to be read.

    Args:
        report: Called with the count after every change.
    """

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._pages = 0

    def add(self, pages: int) -> None:
        """Add pages; a negative number for those that were read or cancelled."""
        self._pages += pages
        self._report(self._pages)

    def __len__(self) -> int:
        return self._pages


class RequestPages:
    """The pages of one request, before they are read.

    Iterate once, with `in_order` or with `as_completed`.
    """

    def __init__(
        self,
        documents: Sequence[OpenDocument],
        tasks: Sequence[_PageTask],
        template: RequestTemplate,
        reader: PageReader,
        max_running: int,
        pending: PendingPages,
    ) -> None:
        self._documents = documents
        self._tasks = tasks
        self._template = template
        self._reader = reader
        self._max_running = max_running
        self._pending = pending
        self._left = len(tasks)
        pending.add(self._left)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def inspections(self) -> list[DocumentInfo]:
        """Page counts and media types of the documents, in the order of the request."""
        return [document.inspection for document in self._documents]

    def in_order(self) -> AsyncGenerator[PageResult, None]:
        """Read the pages and yield them in the order of the request.

        Raises:
            ApiError: No replica can read a page.
        """
        return bounded_tasks.in_order(self._jobs(), self._max_running)

    def as_completed(self) -> AsyncGenerator[PageResult, None]:
        """Read the pages and yield each as soon as it is read.

        Raises:
            ApiError: No replica can read a page.
        """
        return bounded_tasks.as_completed(self._jobs(), self._max_running)

    async def pixels(self, page: int) -> Pixels:
        """Draw a page of the first document.

        Raises:
            PageError: As `OpenDocument.pixels`.
        """
        return await self._documents[0].pixels(page)

    def close(self) -> None:
        """Take the pages that were not read out of the pending ones."""
        if self._left:
            self._pending.add(-self._left)
            self._left = 0

    def _jobs(self) -> Iterable[Callable[[], Awaitable[PageResult]]]:
        return (partial(self._read, task) for task in self._tasks)

    async def _read(self, task: _PageTask) -> PageResult:
        try:
            return await self._reader.read(task.document, task.page, self._template)
        finally:
            if self._left:  # 0 after `close`
                self._left -= 1
                self._pending.add(-1)


class OcrService:
    """Opens the documents of requests.

    Args:
        recipe: How pages are read.
        readers: Opens documents and renders pages.
        backend: Runs the engine.
        limits: `pages` and `pages_in_flight` are used.
        report_pending: Called with the number of pages that are still to be read, after every
            change.
    """

    def __init__(
        self,
        recipe: Recipe,
        readers: ReaderPool,
        backend: OcrBackend,
        limits: LimitConfig,
        report_pending: Callable[[int], None] = lambda pages: None,
    ) -> None:
        self._page_reader = PageReader(recipe, backend)
        self._readers = readers
        self._limits = limits
        self._pending = PendingPages(report_pending)

    def pending(self) -> int:
        """Pages that are still to be read, of all requests."""
        return len(self._pending)

    @asynccontextmanager
    async def open(
        self, documents: Sequence[LoadedDocument], template: RequestTemplate
    ) -> AsyncIterator[RequestPages]:
        """Open the documents of a request for the time of the block.

        Raises:
            ApiError: A document cannot be read (422), or there are too many pages (413).
        """
        async with AsyncExitStack() as stack:
            opened: list[OpenDocument] = []
            tasks: list[_PageTask] = []
            for document in documents:
                opened.append(await self._open(stack, document))
                for page in _selected(document, len(opened[-1].inspection.pages)):
                    tasks.append(_PageTask(page, opened[-1]))
                    if len(tasks) > self._limits.pages:
                        raise self._too_many_pages(document)
            pages = RequestPages(
                opened,
                tasks,
                template,
                self._page_reader,
                self._limits.pages_in_flight,
                self._pending,
            )
            stack.callback(pages.close)
            yield pages

    async def _open(self, stack: AsyncExitStack, document: LoadedDocument) -> OpenDocument:
        try:
            return await stack.enter_async_context(
                self._readers.open(document.content, document.password)
            )
        except RecordedError as error:
            raise of_kind(error.kind, str(error), document.param) from None

    def _too_many_pages(self, document: LoadedDocument) -> ApiError:
        limit = self._limits.pages
        message = f"more than {limit} pages (limits.pages); choose some, or make a job"
        return ApiError(413, "too_many_pages", message, param=document.param)


def _selected(document: LoadedDocument, page_count: int) -> list[int]:
    pages = [page for page in range(1, page_count + 1) if page in document.pages]
    if not pages:
        message = f"the document has {page_count} pages, and none of those that are requested"
        raise ApiError(400, "no_such_page", message, param="pages")
    return pages
