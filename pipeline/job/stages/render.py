"""First stage of the run: looks at pages, and makes requests of those that an engine has to read.

A page that needs no engine is settled: blank, read from its text layer, or failed. Its row leaves
the chain here (`pipeline.job.stages.settled`). The image of any other page becomes the engine's
request at once: a stage of its own for that would copy 6 MB a page through the object store.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from pipeline.config import OcrOptions, Recipe
from pipeline.documents.look import PageView
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.request import prepare_request
from pipeline.errors import ErrorKind, RecordedError
from pipeline.job.metrics import SendReport, StageMonitor, ms_since
from pipeline.job.stages import rows
from pipeline.job.stages.contents import extractor
from pipeline.job.stages.quarantine import POISON_MESSAGE, PageMonitor, in_turn
from pipeline.job.stages.records import PlannedPage, PreparedPage
from pipeline.job.stages.results import row_result
from pipeline.job.stages.settled import SettledSink
from pipeline.output.rows import pages_table
from pipeline.recognition.recognise import failed
from pipeline.recognition.route import Routes
from pipeline.storage.document_cache import DocumentCache
from pipeline.types import PageResult, Recognition, Timing


class Render:
    """Looks at pages, and prepares those that an engine has to read.

    Documents are opened in a child process, which may crash or be killed.

    Args:
        options: The job's.
        recipe: Decides which pages need an engine, and what its requests contain.
        send: Takes the worker's reports.
        monitor: Told which pages are being worked on, and decides which may be.
        sink: Takes the rows of settled pages.
    """

    def __init__(
        self,
        options: OcrOptions,
        recipe: Recipe,
        send: SendReport,
        monitor: PageMonitor,
        sink: SettledSink,
    ) -> None:
        self._reader = SandboxClient(options.read, options.render, options.input)
        self._passwords = Passwords.read(options)
        extract = extractor(self._reader, self._passwords)
        self._documents = DocumentCache(
            options.store, options.input, options.store.cache_mib, extract
        )
        self._routes = Routes(recipe)
        self._recipe = recipe
        self._metrics = StageMonitor("render", send)
        self._monitor, self._sink = monitor, sink

    def __call__(self, todo: pa.Table) -> Iterator[pa.Table]:
        """Yield `schema.PREPARED` for rows of `schema.TODO`, in one table.

        One, because Ray may run a task again after some of its tables were consumed.
        """
        settled: list[tuple[int, PageResult]] = []
        prepared: list[tuple[int, PreparedPage]] = []
        pages = rows.planned_pages(todo)
        turns = in_turn(self._monitor, [page.ids.page_id for page in pages])
        for may_run, page in zip(turns, pages, strict=True):
            with self._metrics.busy():
                done = self._page(page, may_run=may_run)
            if isinstance(done, PageResult):
                settled.append((page.position, done))
            else:
                prepared.append((page.position, done))
        yield rows.prepared_table(self._leave(settled, prepared))

    def _leave(
        self,
        settled: Sequence[tuple[int, PageResult]],
        prepared: Sequence[tuple[int, PreparedPage]],
    ) -> list[PreparedPage]:
        """Hand over the rows of settled pages; the pages that go on to the engine."""
        results = [result for _, result in settled]
        taken = self._sink.take(
            [position for position, _ in settled],
            pages_table(results),
            [position for position, _ in prepared],
        )
        self._metrics.report(
            len(settled) + len(prepared),
            failed=sum(result.recognition.failure is not None for result in results),
            finished=len(settled),
        )
        return [page for position, page in prepared if position not in taken]

    def _page(self, page: PlannedPage, *, may_run: bool) -> PageResult | PreparedPage:
        if page.failure:
            return self._settled(page, failed(page.failure.kind, page.failure.message))
        if not may_run:
            return self._settled(page, failed(ErrorKind.CRASH, POISON_MESSAGE))
        begin = time.perf_counter()
        try:
            path = self._path(page)
            begin = time.perf_counter()  # the time of fetching is not counted
            view = self._view(page, path)
        except RecordedError as error:
            settled = failed(error.kind, str(error))
            return self._settled(page, settled, render_ms=ms_since(begin))
        except Exception as error:
            settled = failed(ErrorKind.INTERNAL, repr(error))
            return self._settled(page, settled, render_ms=ms_since(begin))
        return self._viewed(page, view, ms_since(begin))

    def _viewed(
        self, page: PlannedPage, view: PageView, render_ms: float
    ) -> PageResult | PreparedPage:
        """The row of a page that was looked at, or its request."""
        image = view.image
        if image is None:
            nothing = failed(ErrorKind.INTERNAL, "neither settled nor rendered")
            return self._settled(page, view.settled or nothing, view, render_ms)
        begin = time.perf_counter()
        view = replace(view, image=None)
        try:
            request = prepare_request(image, self._recipe)
        except Exception as error:
            return self._settled(page, failed(ErrorKind.INTERNAL, repr(error)), view, render_ms)
        prepare_ms = ms_since(begin)
        return PreparedPage(page.ref, page.ids, request, view, page.warnings, render_ms, prepare_ms)

    def _settled(
        self,
        page: PlannedPage,
        recognition: Recognition,
        view: PageView | None = None,
        render_ms: float | None = None,
    ) -> PageResult:
        timing = Timing(render_ms)
        return row_result(
            page.ref, page.ids, view, recognition, page.warnings, timing, self._recipe
        )

    def _path(self, page: PlannedPage) -> str:
        return self._documents.path(page.ref.uri, page.ref.doc_id, page.outer)

    def _view(self, page: PlannedPage, path: str) -> PageView:
        passwords = self._passwords.of(page.ref.uri, page.outer)
        return self._routes.view(self._reader, path, page.ref.page, passwords)
