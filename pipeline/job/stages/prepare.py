"""Second stage of the run: makes the engine's requests from rendered pages."""

from __future__ import annotations

import time
from dataclasses import replace

import pyarrow as pa

from pipeline.config import Recipe
from pipeline.engines.request import prepare_request
from pipeline.errors import ErrorKind
from pipeline.job.metrics import SendReport, StageMonitor, ms_since
from pipeline.job.stages import rows
from pipeline.job.stages.quarantine import POISON_MESSAGE, PageMonitor, in_turn
from pipeline.job.stages.records import PreparedPage, RenderedPage
from pipeline.recognition.recognise import failed


class Prepare:
    """Turns rendered pages into the engine's requests.

    Args:
        recipe: The engine, and what its requests contain.
        send: Takes the worker's reports.
        monitor: Told which pages are being worked on, and decides which may be.
    """

    def __init__(self, recipe: Recipe, send: SendReport, monitor: PageMonitor) -> None:
        self._recipe = recipe
        self._metrics = StageMonitor("prepare", send)
        self._monitor = monitor

    def __call__(self, rendered: pa.Table) -> pa.Table:
        """`schema.PREPARED` for rows of `schema.RENDERED`."""
        prepared: list[PreparedPage] = []
        pages = rows.rendered_pages(rendered)
        turns = in_turn(self._monitor, [page.ids.page_id for page in pages])
        for may_run, page in zip(turns, pages, strict=True):
            with self._metrics.busy():
                prepared.append(self._prepare(page) if may_run else _quarantined(page))
        self._metrics.report(len(prepared), 0)
        return rows.prepared_table(prepared)

    def _prepare(self, page: RenderedPage) -> PreparedPage:
        if page.settled or page.view is None or page.view.image is None:
            return PreparedPage(page)
        begin = time.perf_counter()
        try:
            request = prepare_request(page.view.image, self._recipe)
        except Exception as error:
            return PreparedPage(replace(page, settled=failed(ErrorKind.INTERNAL, repr(error))))
        return PreparedPage(page, request, ms_since(begin))


def _quarantined(page: RenderedPage) -> PreparedPage:
    """The result of a poison page. An earlier failure of the page is kept."""
    if page.settled and page.settled.failure:
        return PreparedPage(page)
    return PreparedPage(replace(page, settled=failed(ErrorKind.CRASH, POISON_MESSAGE)))
