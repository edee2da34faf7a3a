"""Which pages of a job's document are to be read: those that are wanted and have no row yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.documents.sandbox import DocumentInfo
from pipeline.errors import DocumentError, JobError
from pipeline.output.completed import Ledger, content_id, page_id
from pipeline.storage.paths import AnyPath
from pipeline.types import PageIds, Status
from serving.errors import ApiError
from serving.jobs.records import JobRecord

_PAGES: Final = "pages"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job has to do.

    Attributes:
        ids: Identity of the row of each wanted page, by page.
        before: Pages that have a row, by status.
        todo: Pages that have none.
    """

    ids: dict[int, PageIds]
    before: Counter[str]
    todo: Sequence[int]

    def check(self, max_pages: int) -> None:
        """Refuse a job of no pages, or of too many.

        Raises:
            ApiError: 400: no wanted page exists, 413: there are more than `job.max_pages`.
        """
        if not self.ids:
            raise ApiError(400, "no_such_page", "the document has none of the requested pages")
        if len(self.ids) > max_pages:
            message = f"{len(self.ids)} pages; {max_pages} are allowed (job.max_pages): choose some"
            raise ApiError(413, "too_many_pages", message)

    def opened_state(self, inspection: DocumentInfo) -> dict[str, object]:
        """Fields of a job's state, when its document has been opened."""
        return {
            "media_type": inspection.media_type,
            "page_count": len(inspection.pages),
            "total": len(self.ids),
            "done": self.before.total(),
            "failed": self.before[Status.FAILED.value],
        }


def rows_by_status(folder: AnyPath) -> Counter[str]:
    """Pages of a job that have a row, by status. All are wanted ones, of its one document.

    Args:
        folder: Of the job.

    Raises:
        JobError: The store does not answer.
    """
    ledger = _ledger(folder / _PAGES)
    statuses = dict(zip(ledger.page_ids.tolist(), ledger.statuses.tolist(), strict=True))
    return Counter(tuple(Status)[status].value for status in statuses.values())


def pages_folder(folder: AnyPath) -> AnyPath:
    """The folder of a job's shards, without what an interrupted write left behind.

    Raises:
        OSError: It cannot be written.
    """
    pages = folder / _PAGES
    if isinstance(pages, Path):
        pages.mkdir(exist_ok=True)
        for stale in pages.glob(".*.tmp"):
            stale.unlink()
    return pages


def make(pages: AnyPath, record: JobRecord, inspection: DocumentInfo) -> JobPlan:
    """The plan of a job.

    Args:
        pages: The folder of its shards.
        record: What is wanted.
        inspection: The document.

    Raises:
        JobError: The store does not answer.
    """
    count = len(inspection.pages)
    wanted = [page for page in range(1, count + 1) if page in record.pages]
    ids = {page: _ids(record, inspection.doc_id, page) for page in wanted}
    ledger = _ledger(pages)
    statuses = {page: ledger.status(ids[page].page_id) for page in wanted}
    before = Counter(status.value for status in statuses.values() if status)
    return JobPlan(ids, before, [page for page in wanted if statuses[page] is None])


def _ledger(pages: AnyPath) -> Ledger:
    try:
        return Ledger.read(pages)
    except DocumentError as error:  # of a shard: that is no error of the job's document
        raise JobError(f"{pages} cannot be read: {error}") from error


def _ids(record: JobRecord, doc_id: str, page: int) -> PageIds:
    recipe_hash = record.recipe_hash
    return PageIds(
        page_id(record.filename, doc_id, page, recipe_hash),
        content_id(doc_id, page, recipe_hash),
        recipe_hash,
    )
