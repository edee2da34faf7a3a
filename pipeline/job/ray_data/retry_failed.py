"""Which rows are deleted for pages that are done again (`--retry failed`). Pure."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.output.totals import todo_mask
from pipeline.types import Status

FAILED = pa.schema([("page_id", pa.string()), ("uri", pa.string()), ("page", pa.int32())])


def failed(pages: pa.Table) -> pa.Table:
    """Rows of `FAILED`: what failed among rows of an output."""
    bad = pages.filter(pc.equal(pages["status"], Status.FAILED.value))
    return bad.select(FAILED.names).cast(FAILED)


def replaced(plan: pa.Table, bad: pa.Table) -> pa.Array:
    """The `page_id` of failed rows that a plan replaces.

    Those are the rows of pages that are done again, and the one row (page 0) of a document that
    could not be opened and now has pages.

    Args:
        plan: Rows of `schema.PLAN`.
        bad: Rows of `FAILED`.
    """
    todo = plan.filter(todo_mask(plan))
    again = pc.is_in(bad["page_id"], todo["page_id"].combine_chunks())
    opened = todo.filter(pc.greater(todo["page"], 0))["uri"].combine_chunks()
    opens = pc.and_(pc.equal(bad["page"], 0), pc.is_in(bad["uri"], opened))
    return bad.filter(pc.or_(again, opens))["page_id"].combine_chunks()


def kept(pages: pa.Table, gone: pa.Array) -> pa.Table:
    """The rows of an output without those that are deleted."""
    return pages.filter(pc.invert(pc.is_in(pages["page_id"], gone)))
