"""Pages whose bytes have several names: recognised once, with a row for every name. Pure.

The plan lists them all. A page whose text is in the output already has the route `copy`. Of
documents that are the same and new, the one with the least name goes to the engine, and its rows
are copied for the others when they are there. So a job that stops in between finds them the next
time as pages of the first kind.
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
from pipeline.output.totals import todo_mask
from pipeline.types import Route, Status

Keys = npt.NDArray[np.uint64]

OF_THE_PLACE = (ErrorKind.NOT_FOUND, ErrorKind.FETCH)
"""Failures that say nothing of the bytes: they are not copied."""
NAMES = pa.schema([("doc_id", pa.string()), ("uri", pa.string()), ("rows", pa.int64())])
"""Documents that are to be read: one row for each name, with the pages that it asks for."""
WANTED = pa.schema([("content_id", pa.string()), ("page_id", pa.string()), ("uri", pa.string())])
"""Rows that are to be copied: whose text, and who they are."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Documents with the same bytes that are all new.

    Attributes:
        readers: By `doc_id`, the name under which such a document is read.
        rows: Rows of the other names.
        are_read: Whether every page is read under its own name after all.
    """

    readers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    are_read: bool = False

    @classmethod
    def of(cls, names: pa.Table) -> Duplicates:
        """Choose among the names of documents.

        Args:
            names: Rows of `NAMES`; a document may stand in several with the same name.
        """
        counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in names.to_pylist():
            counts[row["doc_id"]][row["uri"]] += row["rows"]
        several = {doc_id: rows for doc_id, rows in counts.items() if len(rows) > 1}
        readers = {doc_id: min(rows) for doc_id, rows in several.items()}
        copies = sum(sum(rows.values()) - rows[readers[doc_id]] for doc_id, rows in several.items())
        return cls(readers, copies)

    def read_mask(self, plan: pa.Table) -> pa.ChunkedArray:
        """Which rows of a plan the run has to read from their documents."""
        if self.are_read:
            return todo_mask(plan)
        wanted = pc.and_(todo_mask(plan), pc.not_equal(plan["route"], Route.COPY.value))
        if not self.readers:
            return wanted
        return pc.and_(wanted, pc.invert(self._is_copy(plan)))

    def wanted(self, plan: pa.Table) -> pa.Table:
        """The rows (`WANTED`) that the run has to copy."""
        copy = pc.equal(plan["route"], Route.COPY.value)
        if self.readers:
            copy = pc.or_(copy, self._is_copy(plan))
        return plan.filter(pc.and_(todo_mask(plan), copy)).select(WANTED.names)

    def _is_copy(self, plan: pa.Table) -> pa.Array:
        rows = zip(plan["doc_id"].to_pylist(), plan["uri"].to_pylist(), strict=True)
        return pa.array([self.readers.get(doc_id, uri) != uri for doc_id, uri in rows], pa.bool_())


def keys(plan: pa.Table) -> Keys:
    """A number for every document of a plan that is to be read, once for each of its names."""
    return _keys(_names(plan))


def several(every: Iterable[Keys]) -> Keys:
    """The numbers that come more than once, sorted."""
    found = np.sort(np.concatenate([np.empty(0, np.uint64), *every]))
    return np.unique(found[1:][found[1:] == found[:-1]])


def names(plan: pa.Table, wanted: Keys) -> pa.Table:
    """Rows of `NAMES` for those documents of a plan whose number is wanted."""
    found = _names(plan)
    return found.filter(pa.array(np.isin(_keys(found), wanted)))


def _names(plan: pa.Table) -> pa.Table:
    new = plan.filter(pc.and_(todo_mask(plan), pc.equal(plan["route"], Route.OCR.value)))
    counts = new.group_by(["doc_id", "uri"]).aggregate([([], "count_all")])
    return pa.table([counts["doc_id"], counts["uri"], counts["count_all"]], schema=NAMES)


def _keys(named: pa.Table) -> Keys:
    doc_ids = named["doc_id"].to_pylist()
    return np.array([int(doc_id[:16] or "0", 16) for doc_id in doc_ids], np.uint64)


def _usable(pages: pa.Table, wanted: pa.Table) -> pa.Table:
    """The rows of an output that may be copied."""
    here = pc.is_in(pages["content_id"], wanted["content_id"].combine_chunks())
    kinds = pa.array([kind.value for kind in OF_THE_PLACE])
    return pages.filter(pc.and_(here, pc.invert(pc.is_in(pages["error_kind"], kinds))))


def texts(pages: pa.Table, wanted: pa.Table) -> dict[str, bool]:
    """The wanted texts that rows of an output have: by `content_id`, whether one is good.

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
        pages: Rows of `schema.PAGES` with the texts; of several the first good one is taken.
        wanted: Rows of `WANTED`.
    """
    text = _usable(pages, wanted)
    by_content: dict[str, dict[str, object]] = {}
    for row in sorted(text.to_pylist(), key=lambda row: row["status"] == Status.FAILED):
        by_content.setdefault(row["content_id"], row)
    rows = [
        schema.copied(by_content[row["content_id"]], row["page_id"], row["uri"])
        for row in wanted.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=schema.PAGES)
