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
        parts = [_columns(shard, failed) for shard in shards(pages)]
        if not parts:
            return cls()
        # One column after the other: each is copied twice, and has gigabytes in a large output.
        columns = [list(column) for column in zip(*parts, strict=True)]
        del parts
        content_ids = np.sort(_joined(columns.pop()))
        is_new = np.append(True, content_ids[1:] != content_ids[:-1])[: len(content_ids)]
        content_ids = content_ids[is_new]
        statuses, ids = _joined(columns.pop()), _joined(columns.pop())
        by_id = np.argsort(ids)
        return cls(ids[by_id], statuses[by_id], content_ids)

    def has(self, page_ids: Sequence[str]) -> np.ndarray:
        """Which of these pages have a row: bool, as many."""
        wanted = np.array(page_ids, self.page_ids.dtype)
        if not len(self.page_ids):
            return np.zeros(len(wanted), np.bool_)
        # Not np.isin, which sorts all ids again.
        places = np.searchsorted(self.page_ids, wanted)
        found: np.ndarray = self.page_ids[np.minimum(places, len(self.page_ids) - 1)] == wanted
        return found

    def status(self, page_id: str) -> Status | None:
        """The status of a page's row, None where it has no row yet."""
        index = _index(self.page_ids, page_id)
        return None if index is None else tuple(Status)[int(self.statuses[index])]

    def has_text(self, content_id: str) -> bool:
        """Whether any row, under any URI, has the text of a page."""
        return _index(self.content_ids, content_id) is not None


def _columns(shard: AnyPath, failed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, statuses (as their index in `Status`) and ids of texts of a shard's rows."""
    table = parquet(shard).read(columns=["page_id", "status", "content_id"])
    if not failed:
        table = table.filter(pc.not_equal(table["status"], Status.FAILED.value))
    known = pa.array([status.value for status in Status])
    statuses = pc.index_in(table["status"].cast(pa.string()), known).to_numpy()
    return _ids(table["page_id"]), statuses.astype(np.uint8), _ids(table["content_id"])


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Parts of a column as one array; they are released."""
    joined = np.concatenate(parts)
    parts.clear()
    return joined


def _ids(column: pa.ChunkedArray) -> np.ndarray:
    """Ids as dtype S32, without a Python object for each: there may be a hundred million."""
    fixed = pa.concat_arrays(column.cast(pa.binary(_ID_CHARS)).chunks) if len(column) else None
    if fixed is None:
        return np.empty(0, f"S{_ID_CHARS}")
    _, content = fixed.buffers()
    return np.frombuffer(content, f"S{_ID_CHARS}", len(fixed), fixed.offset * _ID_CHARS)


def _index(ids: np.ndarray, wanted: str) -> int | None:
    """The index of an id among sorted ones, None where it is not there."""
    key = wanted.encode()
    index = int(np.searchsorted(ids, np.bytes_(key)))
    return index if index < len(ids) and ids[index] == key else None
