"""The identity of a page, and which pages are done.

The ledger is the output itself: a page is done when a committed shard has a row with its
`page_id`. There is no second record of it that could disagree with the rows.

Ray Data has such a record (`ray.data.checkpoint`, Ray 2.60, beta): files of ids beside the rows,
committed in two phases, and a filter right after the read. It is correct, and not used, because

- it works between Ray's own reader and writer, and that writer leaves partial files under final
  names and can drop whole blocks (`max_errored_blocks`), so `pipeline.output.shards` writes;
- it records that an id is done, not its status, which the exit code, the receipt and
  `--retry failed` need, nor its `content_id`, which copies need;
- rows that are deleted (`--retry`, `--overwrite`) would have to be deleted from two places.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage.paths import AnyPath, parquet, shards
from pipeline.types import Status

_ID_CHARS = 32


def content_id(doc_id: str, page: int, recipe_hash: str) -> str:
    """Identity of a text, 32 hex digits: the same for the same bytes under another URI."""
    return _digest(doc_id, str(page), recipe_hash)


def page_id(uri: str, doc_id: str, page: int, recipe_hash: str) -> str:
    """Identity of a row, 32 hex digits, unique in the output."""
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
        content_ids: Sorted ids of their texts, each once, dtype S32.
    """

    page_ids: np.ndarray = field(default_factory=lambda: np.empty(0, f"S{_ID_CHARS}"))
    statuses: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    content_ids: np.ndarray = field(default_factory=lambda: np.empty(0, f"S{_ID_CHARS}"))

    @classmethod
    def read(cls, pages: AnyPath, *, failed: bool = True) -> Ledger:
        """Read the ids and statuses of every committed shard in a folder.

        Args:
            pages: The folder.
            failed: Whether pages that failed count as done.

        Raises:
            JobError: The folder is on a store that does not answer.
            DocumentError: A shard cannot be fetched.
        """
        found = shards(pages)
        if not found:
            return cls()
        columns = ["page_id", "status", "content_id"]
        table = pa.concat_tables([parquet(shard).read(columns=columns) for shard in found])
        if not failed:
            table = table.filter(pc.not_equal(table["status"], Status.FAILED.value))
        content_ids = np.array(table["content_id"].to_pylist(), f"S{_ID_CHARS}")
        ids = np.array(table["page_id"].to_pylist(), f"S{_ID_CHARS}")
        order = {status.value: index for index, status in enumerate(Status)}
        statuses = np.array([order[value] for value in table["status"].to_pylist()], np.uint8)
        by_id = np.argsort(ids)
        return cls(ids[by_id], statuses[by_id], np.unique(content_ids))

    def has(self, page_ids: Sequence[str]) -> np.ndarray:
        """Which of these pages have a row: bool, as many."""
        return np.isin(np.array(page_ids, self.page_ids.dtype), self.page_ids)

    def status(self, page_id: str) -> Status | None:
        """The status of a page's row, None where it has no row yet."""
        index = _index(self.page_ids, page_id)
        return None if index is None else tuple(Status)[int(self.statuses[index])]

    def has_text(self, content_id: str) -> bool:
        """Whether any row, under any URI, has the text of a page."""
        return _index(self.content_ids, content_id) is not None


def _index(ids: np.ndarray, wanted: str) -> int | None:
    """The index of an id among sorted ones, None where it is not there."""
    key = wanted.encode()
    index = int(np.searchsorted(ids, np.bytes_(key)))
    return index if index < len(ids) and ids[index] == key else None
