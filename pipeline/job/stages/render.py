"""First stage of the run: inspects pages and renders those that an engine has to read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from pipeline.config import OcrOptions, Recipe
from pipeline.documents.look import PageView
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import ErrorKind, RecordedError
from pipeline.job.metrics import SendReport, StageMonitor, ms_since
from pipeline.job.stages import rows
from pipeline.job.stages.contents import extractor
from pipeline.job.stages.quarantine import POISON_MESSAGE, PageMonitor, in_turn
from pipeline.job.stages.records import PlannedPage, RenderedPage
from pipeline.recognition.recognise import failed
from pipeline.recognition.route import Routes
from pipeline.storage.document_cache import DocumentCache


class Render:
    """Inspects pages and renders those that an engine has to read.

    Documents are opened in a child process, which may crash or be killed.

    Args:
        options: The job's.
        recipe: Decides which pages need an engine.
        send: Takes the worker's reports.
        monitor: Told which pages are being worked on, and decides which may be.
    """

    def __init__(
        self, options: OcrOptions, recipe: Recipe, send: SendReport, monitor: PageMonitor
    ) -> None:
        self._reader = SandboxClient(options.read, options.render, options.input)
        self._passwords = Passwords.read(options)
        extract = extractor(self._reader, self._passwords)
        self._documents = DocumentCache(
            options.store, options.input, options.store.cache_mib, extract
        )
        self._routes = Routes(recipe)
        self._metrics = StageMonitor("render", send)
        self._monitor = monitor

    def __call__(self, plan: pa.Table) -> Iterator[pa.Table]:
        """Yield `schema.RENDERED` for rows of `schema.PLAN`, in one table."""
        rendered: list[RenderedPage] = []
        pages = rows.planned_pages(plan)
        turns = in_turn(self._monitor, [page.ids.page_id for page in pages])
        for may_run, page in zip(turns, pages, strict=True):
            with self._metrics.busy():
                rendered.append(self._page(page, may_run=may_run))
        self._metrics.report(len(rendered), sum(_has_failed(page) for page in rendered))
        yield rows.rendered_table(rendered)

    def _page(self, page: PlannedPage, *, may_run: bool) -> RenderedPage:
        rendered = RenderedPage(page.ref, page.ids, page.warnings)
        if page.failure:
            return replace(rendered, settled=failed(page.failure.kind, page.failure.message))
        if not may_run:
            return replace(rendered, settled=failed(ErrorKind.CRASH, POISON_MESSAGE))
        begin = time.perf_counter()
        try:
            path = self._path(page)
            begin = time.perf_counter()  # the time of fetching is not counted
            view = self._view(page, path)
        except RecordedError as error:
            settled = failed(error.kind, str(error))
            return replace(rendered, settled=settled, render_ms=ms_since(begin))
        except Exception as error:
            settled = failed(ErrorKind.INTERNAL, repr(error))
            return replace(rendered, settled=settled, render_ms=ms_since(begin))
        return replace(rendered, view=view, settled=view.settled, render_ms=ms_since(begin))

    def _path(self, page: PlannedPage) -> str:
        return self._documents.path(page.ref.uri, page.ref.doc_id, page.outer)

    def _view(self, page: PlannedPage, path: str) -> PageView:
        passwords = self._passwords.of(page.ref.uri, page.outer)
        return self._routes.view(self._reader, path, page.ref.page, passwords)


def _has_failed(page: RenderedPage) -> bool:
    return page.settled is not None and page.settled.failure is not None
