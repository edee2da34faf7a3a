"""Documents with the same bytes under several URIs: read once, with rows for every URI. Pure.

The plan lists all of their pages. A page whose text is in the output already has the route `copy`.
Of documents that have the same bytes and are new, the one whose URI sorts first is read, and its
rows are copied for the others once they are written. A job that stops in between finds the others
as pages with the route `copy` when it is run again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ErrorKind
from pipeline.output import schema
from pipeline.output.rows import copied_row
from pipeline.output.totals import todo_mask
from pipeline.types import Route, Status

Keys = npt.NDArray[np.uint64]

URI_FAILURES = (ErrorKind.NOT_FOUND, ErrorKind.FETCH)
"""Failures of one URI, not of the bytes: they are not copied."""
DOCUMENTS = pa.schema([("doc_id", pa.string()), ("uri", pa.string()), ("rows", pa.int64())])
"""Documents that are to be read: one row for each URI, with the number of its pages."""
WANTED = pa.schema([("content_id", pa.string()), ("page_id", pa.string()), ("uri", pa.string())])
"""Rows that are to be copied: the text's identity, and that of the new row."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Documents with the same bytes that are all new.

    Attributes:
        read_uris: By `doc_id`, the URI under which such a document is read.
        rows: Rows of the other URIs.
        are_read: Whether every page is read under its own URI after all.
    """

    read_uris: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    are_read: bool = False

    @classmethod
    def of(cls, documents: pa.Table) -> Duplicates:
        """Choose the URI under which each document is read.

        Args:
            documents: Rows of `DOCUMENTS`; several may have the same URI.
        """
        counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in documents.to_pylist():
            counts[row["doc_id"]][row["uri"]] += row["rows"]
        repeated = {doc_id: rows for doc_id, rows in counts.items() if len(rows) > 1}
        read_uris = {doc_id: min(rows) for doc_id, rows in repeated.items()}
        copies = sum(
            sum(rows.values()) - rows[read_uris[doc_id]] for doc_id, rows in repeated.items()
        )
        return cls(read_uris, copies)

    def read_mask(self, plan: pa.Table) -> pa.ChunkedArray:
        """Which rows of a plan the run has to read from their documents."""
        if self.are_read:
            return todo_mask(plan)
        wanted = pc.and_(todo_mask(plan), pc.not_equal(plan["route"], Route.COPY.value))
        if not self.read_uris:
            return wanted
        return pc.and_(wanted, pc.invert(self._is_copy(plan)))

    def wanted(self, plan: pa.Table) -> pa.Table:
        """The rows (`WANTED`) that the run has to copy."""
        copy = pc.equal(plan["route"], Route.COPY.value)
        if self.read_uris:
            copy = pc.or_(copy, self._is_copy(plan))
        return plan.filter(pc.and_(todo_mask(plan), copy)).select(WANTED.names)

    def _is_copy(self, plan: pa.Table) -> pa.Array:
        rows = zip(plan["doc_id"].to_pylist(), plan["uri"].to_pylist(), strict=True)
        return pa.array(
            [self.read_uris.get(doc_id, uri) != uri for doc_id, uri in rows], pa.bool_()
        )


def document_keys(plan: pa.Table) -> Keys:
    """A key for every document of a plan that is to be read, once for each of its URIs.

    The first 64 bits of its `doc_id`: documents that share a key are separated by `Duplicates.of`.
    """
    return _keys(_documents(plan))


def repeated_keys(keys: Iterable[Keys]) -> Keys:
    """The keys that occur more than once, sorted."""
    found = np.sort(np.concatenate([np.empty(0, np.uint64), *keys]))
    return np.unique(found[1:][found[1:] == found[:-1]])


def documents(plan: pa.Table, wanted: Keys) -> pa.Table:
    """Rows of `DOCUMENTS` for those documents of a plan whose key is wanted."""
    found = _documents(plan)
    return found.filter(pa.array(np.isin(_keys(found), wanted)))


def _documents(plan: pa.Table) -> pa.Table:
    new = plan.filter(pc.and_(todo_mask(plan), pc.equal(plan["route"], Route.OCR.value)))
    counts = new.group_by(["doc_id", "uri"]).aggregate([([], "count_all")])
    return pa.table([counts["doc_id"], counts["uri"], counts["count_all"]], schema=DOCUMENTS)


def _keys(documents: pa.Table) -> Keys:
    doc_ids = documents["doc_id"].to_pylist()
    return np.array([int(doc_id[:16] or "0", 16) for doc_id in doc_ids], np.uint64)


def _usable(pages: pa.Table, wanted: pa.Table) -> pa.Table:
    """The rows of an output that may be copied."""
    here = pc.is_in(pages["content_id"], wanted["content_id"].combine_chunks())
    kinds = pa.array([kind.value for kind in URI_FAILURES])
    return pages.filter(pc.and_(here, pc.invert(pc.is_in(pages["error_kind"], kinds))))


def texts(pages: pa.Table, wanted: pa.Table) -> dict[str, bool]:
    """The wanted texts that are in an output: by `content_id`, whether a row did not fail.

    Args:
        pages: The columns content_id, status and error_kind of rows of `schema.PAGES`.
        wanted: Rows of `WANTED`.
    """
    found = _usable(pages, wanted)
    good: dict[str, bool] = {}
    for row in found.to_pylist():
        is_good = row["status"] != Status.FAILED
        good[row["content_id"]] = good.get(row["content_id"], False) or is_good
    return good


def copied(pages: pa.Table, wanted: pa.Table) -> pa.Table:
    """Rows of `schema.PAGES` for all that is wanted.

    Args:
        pages: Rows of `schema.PAGES` with the texts; of several the first that did not fail is
            taken.
        wanted: Rows of `WANTED`.
    """
    text = _usable(pages, wanted)
    by_content: dict[str, dict[str, object]] = {}
    for row in sorted(text.to_pylist(), key=lambda row: row["status"] == Status.FAILED):
        by_content.setdefault(row["content_id"], row)
    rows = [
        copied_row(by_content[row["content_id"]], row["page_id"], row["uri"])
        for row in wanted.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=schema.PAGES)
