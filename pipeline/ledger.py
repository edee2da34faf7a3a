"""Who a page is, and which pages are done.

The ledger is the output itself: a page is done when a committed shard has a row with its
`page_id`. There is no second book that could disagree with the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.storage.folder import Place, parquet, shards
from pipeline.types import Status

_ID_CHARS = 32


def content_id(doc_id: str, page: int, recipe_hash: str) -> str:
    """32 hex digits: equal ones have equal text, whatever their names."""
    return _digest(doc_id, str(page), recipe_hash)


def page_id(uri: str, doc_id: str, page: int, recipe_hash: str) -> str:
    """32 hex digits: the identity of a row, unique in the output."""
    return _digest(uri, doc_id, str(page), recipe_hash)


def _digest(*parts: str) -> str:
    text = "\0".join(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_CHARS]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows that an output already has.

    Attributes:
        page_ids: Sorted ids, dtype S32. A plain array, so that all workers of a node share one.
        statuses: Status of each, as its index in `Status`, uint8.
    """

    page_ids: np.ndarray = field(default_factory=lambda: np.empty(0, f"S{_ID_CHARS}"))
    statuses: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))

    @classmethod
    def read(cls, pages: Place) -> Ledger:
        """Read the ids and statuses of every committed shard in a folder.

        Raises:
            JobError: The folder is on a store that does not answer.
            DocumentError: A shard cannot be fetched.
        """
        found = shards(pages)
        if not found:
            return cls()
        tables = [parquet(shard).read(columns=["page_id", "status"]) for shard in found]
        table = pa.concat_tables(tables).combine_chunks()
        ids = np.array(table["page_id"].to_pylist(), f"S{_ID_CHARS}")
        order = {status.value: index for index, status in enumerate(Status)}
        statuses = np.array([order[value] for value in table["status"].to_pylist()], np.uint8)
        by_id = np.argsort(ids)
        return cls(ids[by_id], statuses[by_id])

    def has(self, page_ids: Sequence[str]) -> np.ndarray:
        """Which of these pages have a row: bool, as many."""
        return np.isin(np.array(page_ids, self.page_ids.dtype), self.page_ids)

    def status(self, page_id: str) -> Status | None:
        """The status of a page's row, None where it has no row yet."""
        key = page_id.encode()
        index = int(np.searchsorted(self.page_ids, np.bytes_(key)))
        if index < len(self.page_ids) and self.page_ids[index] == key:
            return tuple(Status)[int(self.statuses[index])]
        return None
