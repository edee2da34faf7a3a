"""First stage of the plan: lists the documents that the inputs name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import pyarrow as pa

from pipeline.documents.listing import Listing
from pipeline.job.stages import rows

_MIN_BATCH, _MAX_BATCH = 4, 128
"""Documents that are planned together: few at first, so that every worker soon has some; more as
the listing grows, or a million documents would be as many tasks of Ray."""


def list_documents(
    listing: Listing, leave_out: Callable[[Counter[str]], object]
) -> Iterator[pa.Table]:
    """Yield `schema.DOCUMENTS` for what a listing names, in bounded memory.

    Args:
        listing: The inputs.
        leave_out: Takes, at the end, the files that are no documents, counted by their ending.
    """
    documents, count = listing.documents(), 0
    while batch := list(islice(documents, min(_MIN_BATCH + count // 64, _MAX_BATCH))):
        count += len(batch)
        yield rows.documents_table(batch)
    leave_out(listing.left_out)
