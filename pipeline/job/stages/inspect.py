"""Second stage of the plan: opens documents and lists their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from pipeline.config import OcrOptions
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import DocumentError, ErrorKind
from pipeline.job.metrics import SendReport, StageMonitor
from pipeline.job.stages import rows
from pipeline.job.stages.contents import Contents
from pipeline.job.stages.plan import Planner
from pipeline.job.stages.quarantine import POISON_MESSAGE, PageMonitor, in_turn
from pipeline.job.stages.records import PlannedPage
from pipeline.output import shards
from pipeline.output.completed import Ledger
from pipeline.page_range import PageSelection
from pipeline.types import Document

_PLAN_ROWS = 4096
"""Rows of a table at most: a document may have more pages."""


def read_ledger(options: OcrOptions) -> Ledger:
    """The rows that a job's output has, without those that are done again.

    Raises:
        JobError: The output is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """
    folder = shards.pages_folder(options.output, options.store)
    return Ledger.read(folder, failed=options.retry != "failed")


class Inspect:
    """Opens documents and lists their pages.

    Args:
        options: The job's.
        recipe_hash: The recipe that the pages are planned for.
        send: Takes the worker's reports.
        monitor: Told which documents are being opened, and decides which may be.
        reader: Opens the documents, with the limits of `options`; who gives one closes it. None: a
            new one.
        ledger: Gets the rows that the output has. None: they are
            read here.
    """

    def __init__(
        self,
        options: OcrOptions,
        recipe_hash: str,
        send: SendReport,
        monitor: PageMonitor,
        reader: SandboxClient | None = None,
        ledger: Callable[[], Ledger] | None = None,
    ) -> None:
        done = ledger() if ledger else read_ledger(options)
        selection = PageSelection.parse(options.pages)
        self._planner = Planner(recipe_hash, selection, done, options.max_pages)
        self._contents = Contents(options, self._planner, reader)
        self._metrics = StageMonitor("plan", send)
        self._monitor = monitor

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield rows of `schema.PLAN` for rows of `schema.DOCUMENTS`."""
        documents, planned = rows.documents(table), list[PlannedPage]()
        turns = in_turn(self._monitor, [document.uri for document in documents])
        for may_run, document in zip(turns, documents, strict=True):
            with self._metrics.busy():
                pages = self._contents.pages(document) if may_run else [self._quarantined(document)]
            unreadable = sum(page.failure is not None for page in pages)
            self._metrics.report(len(pages), failed=unreadable, finished=len(pages), may_wait=True)
            planned += pages
            while len(planned) >= _PLAN_ROWS:
                yield rows.plan_table(planned[:_PLAN_ROWS])
                del planned[:_PLAN_ROWS]
        self._metrics.flush()
        if planned:
            yield rows.plan_table(planned)

    def close(self) -> None:
        """End the reader and delete what was fetched."""
        self._contents.close()

    def _quarantined(self, document: Document) -> PlannedPage:
        return self._planner.unreadable(document, DocumentError(ErrorKind.CRASH, POISON_MESSAGE))
