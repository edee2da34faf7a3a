"""Documents in, recognised pages out: the OCR side of the service. Knows no HTTP and no Ray.

A page takes the way that it takes in the batch: `routes` looks at it in a reader and may settle
it from its text layer, `prepare_request` makes a request of its picture, `recognise` reads
that, on whichever replica the backend finds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Protocol, TypeVar

from pipeline.documents.sandbox import Inspection
from pipeline.errors import ErrorKind, PageError, RecordedError
from pipeline.page_range import PageSelection
from pipeline.recognition.recognise import failed
from pipeline.recognition.retry_ladder import text_source
from pipeline.recognition.route import PageView, Routes
from pipeline.types import Instruction, PageImage, Recognition, Request, Source, Timing
from serving.config import LimitConfig
from serving.errors import ApiError, of_kind
from serving.ocr.reader_pool import OpenDocument, Readers

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepare:
    """What was asked for.

    Attributes:
        request: Makes a request of a page's picture.
        ask: What the pages are asked for, None for the recipe's task.
    """

    request: Callable[[PageImage], Request]
    ask: Instruction | None = None


class Backend(Protocol):
    """Whatever runs the engine."""

    async def recognise(self, request: Request) -> Recognition:
        """Read one page.

        Raises:
            ApiError: There is nobody to read it.
        """
        ...


_ALL = PageSelection()


@dataclass(frozen=True, slots=True)
class Sent:
    """A document in a request.

    Attributes:
        content: Its bytes.
        password: For an encrypted PDF.
        pages: Which of its pages are wanted.
        param: Where it stands in the request, for errors.
    """

    content: bytes
    password: str = ""
    pages: PageSelection = _ALL
    param: str | None = None


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page that was read, or failed.

    Attributes:
        number: 1-based over all documents of the request.
        document: 1-based number of its document.
        page: 1-based number in its document.
        page_count: Pages of its document.
        recognition: What became of it.
        width_px: Width of the picture, 0 where it could not be drawn.
        height_px: Height of the picture, 0 where it could not be drawn.
        dpi: Dots per inch of the picture, 0 where unknown.
        warnings: What the reader complained about.
        source: Where the text comes from, None for a failed page and one without ink.
        text_layer_trust: What the page's text layer is worth, None where it was not looked at.
        turned_deg: The clockwise turn that makes the text upright.
        timing: Milliseconds of each stage, with the waits for a reader and a replica.
    """

    number: int
    document: int
    page: int
    page_count: int
    recognition: Recognition
    width_px: int = 0
    height_px: int = 0
    dpi: float = 0.0
    warnings: tuple[str, ...] = ()
    source: Source | None = None
    text_layer_trust: float | None = None
    turned_deg: int = 0
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True)
class _Place:
    number: int
    document: int
    page: int
    opened: OpenDocument


class Backlog:
    """Counts the pages of all requests that are still to be read.

    Args:
        tell: Takes the number after every change.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._pages = 0

    def add(self, pages: int) -> None:
        """Count pages that came, or, below 0, that are done or given up."""
        self._pages += pages
        self._tell(self._pages)


class Pages:
    """The pages of one request, opened and counted, not yet read.

    Iterate with `in_order` or `as_done`, once.
    """

    def __init__(
        self,
        documents: Sequence[OpenDocument],
        places: Sequence[_Place],
        prepare: Prepare,
        routes: Routes,
        backend: Backend,
        at_a_time: int,
        backlog: Backlog,
    ) -> None:
        self._backlog = backlog
        self._left = len(places)
        backlog.add(self._left)
        self._documents = documents
        self._places = places
        self._prepare = prepare
        self._routes = routes
        self._backend = backend
        self._at_a_time = at_a_time

    def __len__(self) -> int:
        return len(self._places)

    @property
    def inspections(self) -> list[Inspection]:
        """What the documents say of themselves, in the order of the request."""
        return [opened.inspection for opened in self._documents]

    def in_order(self) -> AsyncGenerator[ReadPage, None]:
        """The pages as they stand in the request.

        Raises:
            ApiError: There is nobody to read a page.
        """
        return _in_order(self._jobs(), self._at_a_time)

    def as_done(self) -> AsyncGenerator[ReadPage, None]:
        """The pages, each as soon as it is read.

        Raises:
            ApiError: There is nobody to read a page.
        """
        return _as_done(self._jobs(), self._at_a_time)

    def close(self) -> None:
        """Nobody wants those that are not read yet."""
        if self._left:
            self._backlog.add(-self._left)
            self._left = 0

    def _jobs(self) -> Iterable[Callable[[], Awaitable[ReadPage]]]:
        return (partial(self._one, place) for place in self._places)

    async def _one(self, place: _Place) -> ReadPage:
        try:
            return await self._read(place)
        finally:
            if self._left:  # else all were given up
                self._left -= 1
                self._backlog.add(-1)

    async def _read(self, place: _Place) -> ReadPage:
        known = (place.number, place.document, place.page, len(place.opened.inspection.pages))
        clock = [time.perf_counter()]
        try:
            view = await place.opened.view(place.page, self._routes, self._prepare.ask)
        except PageError as error:
            return ReadPage(*known, failed(error.kind, str(error)))
        clock.append(time.perf_counter())
        recognition = view.settled
        if view.image is not None:
            try:
                request = await asyncio.to_thread(self._prepare.request, view.image)
            except Exception as error:  # as in the batch: a row, and the others go on
                return ReadPage(*known, failed(ErrorKind.INTERNAL, repr(error)))
            clock.append(time.perf_counter())
            recognition = await self._backend.recognise(request)
            clock.append(time.perf_counter())
        assert recognition is not None  # noqa: S101 - a view is settled or has an image
        warnings = (*place.opened.inspection.warnings, *view.warnings)
        timing = Timing(*((end - begin) * 1000 for begin, end in pairwise(clock)))
        return _read_page(known, view, recognition, warnings, timing)


def _read_page(
    known: tuple[int, int, int, int],
    view: PageView,
    recognition: Recognition,
    warnings: tuple[str, ...],
    timing: Timing,
) -> ReadPage:
    return ReadPage(
        *known,
        recognition,
        view.width_px,
        view.height_px,
        view.dpi,
        warnings,
        text_source(recognition, view.source),
        view.trust.score if view.trust else None,
        view.turned_deg,
        timing,
    )


class Ocr:
    """Opens the documents of requests.

    Args:
        readers: Draw the pages.
        backend: Reads them.
        limits: What one request may ask for.
        routes: Finds the way of pages, by the recipe.
        waiting: Takes the number of pages that are still to be read, whenever it changes.
    """

    def __init__(
        self,
        readers: Readers,
        backend: Backend,
        limits: LimitConfig,
        routes: Routes,
        waiting: Callable[[int], None] = lambda pages: None,
    ) -> None:
        self._backlog = Backlog(waiting)
        self._routes = routes
        self._readers = readers
        self._backend = backend
        self._limits = limits

    @asynccontextmanager
    async def opened(self, sent: Sequence[Sent], prepare: Prepare) -> AsyncIterator[Pages]:
        """Keep the documents of a request for the time inside.

        Raises:
            ApiError: A document cannot be read (422), or there are too many pages (413).
        """
        async with AsyncExitStack() as stack:
            documents: list[OpenDocument] = []
            places: list[_Place] = []
            for index, document in enumerate(sent, 1):
                opened = await self._open(stack, document)
                documents.append(opened)
                for page in _wanted(document, len(opened.inspection.pages)):
                    places.append(_Place(len(places) + 1, index, page, opened))
                    if len(places) > self._limits.pages:
                        raise self._too_many(document)
            at_a_time = self._limits.pages_in_flight
            pages = Pages(
                documents, places, prepare, self._routes, self._backend, at_a_time, self._backlog
            )
            stack.callback(pages.close)
            yield pages

    async def _open(self, stack: AsyncExitStack, document: Sent) -> OpenDocument:
        try:
            return await stack.enter_async_context(
                self._readers.open(document.content, document.password)
            )
        except RecordedError as error:
            raise of_kind(error.kind, str(error), document.param) from None

    def _too_many(self, document: Sent) -> ApiError:
        limit = self._limits.pages
        message = f"more than {limit} pages (limits.pages); choose some, or run the batch job"
        return ApiError(413, "too_many_pages", message, param=document.param)


def _wanted(document: Sent, page_count: int) -> list[int]:
    wanted = [page for page in range(1, page_count + 1) if page in document.pages]
    if not wanted:
        message = f"the document has {page_count} pages, and none of those that are asked for"
        raise ApiError(400, "no_such_page", message, param="pages")
    return wanted


async def _in_order(
    jobs: Iterable[Callable[[], Awaitable[T]]], at_a_time: int
) -> AsyncGenerator[T, None]:
    running: deque[asyncio.Future[T]] = deque()
    try:
        for job in jobs:
            if len(running) >= at_a_time:
                yield await running[0]
                running.popleft()
            running.append(asyncio.ensure_future(job()))
        while running:
            yield await running[0]
            running.popleft()
    finally:
        await _end(running)


async def _as_done(
    jobs: Iterable[Callable[[], Awaitable[T]]], at_a_time: int
) -> AsyncGenerator[T, None]:
    running: set[asyncio.Future[T]] = set()
    waiting = iter(jobs)
    try:
        while True:
            for job in waiting:
                running.add(asyncio.ensure_future(job()))
                if len(running) >= at_a_time:
                    break
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                yield task.result()
    finally:
        await _end(running)


async def _end(running: Iterable[asyncio.Future[T]]) -> None:
    """Nobody wants these any more."""
    left = list(running)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
