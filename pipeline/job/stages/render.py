"""First stage of the run: looks at pages, and makes requests of those that an engine has to read.

A page that needs no engine is settled: blank, read from its text layer, or failed. Its row leaves
the chain here (`pipeline.job.stages.settled`). The image of any other page becomes the engine's
request at once: a stage of its own for that would copy 6 MB a page through the object store.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from pipeline.config import OcrOptions, Recipe
from pipeline.documents.attachment_files import extractor
from pipeline.documents.look import PageView
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.request import prepare_request
from pipeline.errors import DocumentError, ErrorKind, PageError, RecordedError
from pipeline.job.metrics import SendReport, StageMonitor, ms_since
from pipeline.job.stages import rows
from pipeline.job.stages.drawn import DrawnSink
from pipeline.job.stages.quarantine import POISON_MESSAGE, Isolation, PageMonitor
from pipeline.job.stages.records import DrawnPage, PlannedPage, PreparedPage
from pipeline.job.stages.results import row_result
from pipeline.job.stages.settled import SettledSink
from pipeline.output.rows import pages_table
from pipeline.recognition.recognise import failed
from pipeline.recognition.route import Routes
from pipeline.storage.document_cache import DocumentCache
from pipeline.types import PageResult, Recognition, Timing


class StoppedError(Exception):
    """`Render.stop` was called."""


class Render:
    """Looks at pages, and prepares those that an engine has to read.

    Documents are opened in a child process, which may crash or be killed.

    Args:
        options: The job's.
        recipe: Decides which pages need an engine, and what its requests contain.
        send: Takes the worker's reports.
        monitor: Told which pages are being worked on, and decides which may be.
        sink: Takes the rows of settled pages.
        drawn: Takes the pages that an engine has to read. Those for which it has no room are left
            as they are, without being drawn. None: such pages are drawn and prepared here.
        reader: Opens the documents, with the limits of `options`; who gives one closes it. None: a
            new one.
    """

    def __init__(
        self,
        options: OcrOptions,
        recipe: Recipe,
        send: SendReport,
        monitor: PageMonitor,
        sink: SettledSink,
        drawn: DrawnSink | None = None,
        reader: SandboxClient | None = None,
    ) -> None:
        self._reader = reader or SandboxClient(options.read, options.render, options.input)
        self._owns_reader = reader is None
        self._passwords = Passwords.read(options)
        extract = extractor(self._reader, self._passwords)
        self._documents = DocumentCache(
            options.store, options.input, options.store.cache_mib, extract
        )
        self._routes = Routes(recipe)
        self._drawn, self._is_stopped = drawn, False
        self._recipe = recipe
        self._metrics = StageMonitor("render", send)
        self._monitor, self._sink = monitor, sink

    def __call__(self, todo: pa.Table) -> Iterator[pa.Table]:
        """Yield `schema.PREPARED` for rows of `schema.TODO`, in one table.

        One, because Ray may run a task again after some of its tables were consumed.
        """
        pages = rows.planned_pages(todo)
        yield self._leave(zip(pages, self._done(pages), strict=True))

    def prepare(self, drawn: Sequence[DrawnPage]) -> pa.Table:
        """Rows of `schema.PREPARED` for pages that were drawn by another object of this class."""
        with self._metrics.busy():
            return self._leave([(one.page, self._upright(one)) for one in drawn])

    def close(self) -> None:
        """End the reader and delete what was fetched. Ray's workers end with theirs."""
        if self._owns_reader:
            self._reader.close()
        self._documents.close()

    def stop(self) -> None:
        """End the call that another thread makes, with `StoppedError`: no row of it is taken."""
        self._is_stopped = True
        self._reader.kill()

    def _done(self, pages: Sequence[PlannedPage]) -> Iterator[PageResult | PreparedPage | None]:
        """Yield the row or the request of each page, in order; None for one that is left."""
        keys = [page.ids.page_id for page in pages]
        isolations = self._monitor.begin(keys)
        for isolation, run in _runs(pages, isolations):
            if isolation is Isolation.NONE:
                yield from self._run(run)
            elif isolation is Isolation.POISON:
                yield self._settled(run[0], failed(ErrorKind.CRASH, POISON_MESSAGE))
            else:
                self._monitor.enter(run[0].ids.page_id, solo=True)
                yield from self._run(run)
                self._monitor.finish([run[0].ids.page_id])
        self._monitor.finish(keys)

    def _run(self, run: Sequence[PlannedPage]) -> Iterator[PageResult | PreparedPage | None]:
        """Yield the row or the request of each page of a run."""
        views = self._views(run)
        for page in run:
            with self._metrics.busy():
                view = next(views)
                if self._is_stopped:
                    raise StoppedError
                done = self._viewed(page, view)
            yield done

    def _views(self, run: Sequence[PlannedPage]) -> Iterator[PageView | PageError]:
        """Yield what was found on each page of a run, or its error; never raises."""
        first, done = run[0], 0
        try:
            if first.failure:
                raise DocumentError(first.failure.kind, first.failure.message)
            path = self._documents.path(first.ref.uri, first.ref.doc_id, first.outer)
            passwords = self._passwords.of(first.ref.uri, first.outer)
            numbers = [page.ref.page for page in run]
            for view in self._looked_at(path, numbers, passwords):
                yield view
                done += 1
        except RecordedError as error:
            problem = PageError(error.kind, str(error))
        except Exception as error:
            problem = PageError(ErrorKind.INTERNAL, repr(error))
        else:
            return
        for _ in run[done:]:
            yield problem

    def _looked_at(
        self, path: str, numbers: Sequence[int], passwords: Sequence[str]
    ) -> Iterator[PageView | PageError]:
        routes, where = self._routes, (self._reader, path, numbers, passwords)
        if self._drawn is None:
            return routes.views(*where)
        return routes.unturned_views(*where, self._drawn.has_room)

    def _upright(self, drawn: DrawnPage) -> PageResult | PreparedPage | None:
        try:
            view = self._routes.turned(drawn.view)
        except Exception as error:
            return self._settled(drawn.page, failed(ErrorKind.INTERNAL, repr(error)))
        return self._viewed(drawn.page, view)

    def _leave(
        self, pages: Iterable[tuple[PlannedPage, PageResult | PreparedPage | None]]
    ) -> pa.Table:
        """Hand over the rows of settled pages; `schema.PREPARED` of those for the engine."""
        settled: list[tuple[int, PageResult]] = []
        prepared: list[tuple[int, PreparedPage]] = []
        for page, done in pages:
            if isinstance(done, PageResult):
                settled.append((page.position, done))
            elif done is not None:
                prepared.append((page.position, done))
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
        return rows.prepared_table([page for position, page in prepared if position not in taken])

    def _viewed(
        self, page: PlannedPage, view: PageView | PageError
    ) -> PageResult | PreparedPage | None:
        """The row of a page that was looked at, or its request; None where it is left."""
        if isinstance(view, PageError):
            return self._settled(page, failed(view.kind, str(view)))
        if self._drawn is not None and view.settled is None:
            if view.image is not None:
                self._drawn.put(DrawnPage(page, view))
            return None
        if view.image is None:
            nothing = failed(ErrorKind.INTERNAL, "neither settled nor rendered")
            return self._settled(page, view.settled or nothing, view)
        begin = time.perf_counter()
        try:
            request = prepare_request(view.image, self._recipe)
        except Exception as error:
            return self._settled(page, failed(ErrorKind.INTERNAL, repr(error)), view)
        view, prepare_ms = replace(view, image=None), ms_since(begin)
        return PreparedPage(
            page.ref, page.ids, request, view, page.warnings, view.look_ms, prepare_ms
        )

    def _settled(
        self, page: PlannedPage, recognition: Recognition, view: PageView | None = None
    ) -> PageResult:
        timing = Timing(view.look_ms if view else None)
        return row_result(
            page.ref, page.ids, view, recognition, page.warnings, timing, self._recipe
        )


def _runs(
    pages: Sequence[PlannedPage], isolations: Sequence[Isolation]
) -> Iterator[tuple[Isolation, list[PlannedPage]]]:
    """Yield consecutive pages that may be read side by side: of one document, and no suspects."""
    run: list[PlannedPage] = []
    for page, isolation in zip(pages, isolations, strict=True):
        if isolation is not Isolation.NONE:
            if run:
                yield Isolation.NONE, run
            yield isolation, [page]
            run = []
        elif run and _document(page) != _document(run[0]):
            yield Isolation.NONE, run
            run = [page]
        else:
            run.append(page)
    if run:
        yield Isolation.NONE, run


def _document(page: PlannedPage) -> tuple[str, str, str]:
    return page.ref.uri, page.ref.doc_id, page.outer
