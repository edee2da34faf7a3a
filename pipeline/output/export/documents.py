"""The documents of an output: which rows each has, and how they are read, one document at a time.

The index holds about 150 bytes a page; texts are read when their document's turn comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.output.export.names import common_folder
from pipeline.output.rows import page_results
from pipeline.output.schema import PAGES
from pipeline.storage.paths import AnyPath, absolute, parquet, shards
from pipeline.types import PageResult

_COLUMNS: Final = ["uri", "doc_id", "page", "status", "page_id", "text_score", "recipe_hash"]
_ORDER: Final = ("uri", "doc_id", "page")
_CACHED_SHARDS: Final = 4
"""Shards that are kept in memory: the pages of a document lie in few of them."""

_Place = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents and pages are wanted.

    Attributes:
        word: Part of a document's URI, "" for all documents.
        statuses: Statuses of pages, empty for all.
        scores: Minimum and maximum text score; a page without one is wanted where both are open.
        recipe: Beginning of the `recipe_hash` of the rows, "" for all.
    """

    word: str = ""
    statuses: Collection[str] = ()
    scores: tuple[float, float] = (0.0, 1.0)
    recipe: str = ""

    def mask(self, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        """Which rows, with the columns of the index, are wanted."""
        wanted = pc.match_substring(rows["uri"], self.word)
        if self.recipe:
            wanted = pc.and_(wanted, pc.starts_with(rows["recipe_hash"], self.recipe))
        if self.statuses:
            known = pc.is_in(rows["status"], pa.array(sorted(self.statuses)))
            wanted = pc.and_(wanted, known)
        least, most = self.scores
        if least > 0:
            wanted = pc.and_(wanted, _true(pc.greater_equal(rows["text_score"], least)))
        if most < 1:
            wanted = pc.and_(wanted, _true(pc.less_equal(rows["text_score"], most)))
        return wanted

    def words(self) -> str:
        """What is wanted, for people; "" for all."""
        least, most = self.scores
        parts = {
            "match": self.word,
            "status": ",".join(sorted(self.statuses)),
            "recipe": self.recipe,
            "min_text_score": f"{least:g}" if least > 0 else "",
            "max_text_score": f"{most:g}" if most < 1 else "",
        }
        said = ", ".join(f"{name} {value}" for name, value in parts.items() if value)
        return f" ({said})" if said else ""


def _true(mask: pa.ChunkedArray) -> pa.ChunkedArray:
    """A mask in which null is false."""
    return pc.fill_null(mask, False)


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """One document of an output.

    Attributes:
        uri: Its place.
        doc_id: SHA-256 (hex) of its bytes, "" where they could not be read.
        digest: Identity of its rows: another one once a page was read again.
        pages: Its wanted pages that have a row.
    """

    uri: str
    doc_id: str
    digest: str
    pages: int
    _places: tuple[tuple[int, int], ...]


class OutputIndex:
    """The documents of an output, sorted by their URI.

    Args:
        pages: The folder of the output's shards.
        selection: Which of them are wanted.

    Attributes:
        folder: What the URIs of all documents share, wanted or not: names of files do not depend
            on the selection.
        recipes: The recipes of pages that have several rows, sorted; none where each has one.
        shards: The shards.

    Raises:
        JobError: The folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """

    def __init__(self, pages: AnyPath, selection: Selection | None = None) -> None:
        self.shards = shards(pages)
        self._selection, self._pages = selection or Selection(), pages
        found = [_places(shard, number) for number, shard in enumerate(self.shards)]
        rows = pa.concat_tables(found) if found else _EMPTY
        self.folder = common_folder(pc.unique(rows["uri"]).to_pylist())
        if pc.all(pc.starts_with(rows["recipe_hash"], self._selection.recipe)).as_py():
            self._selection = replace(self._selection, recipe="")  # it leaves nothing out
        rows = rows.filter(self._selection.mask(rows))
        rows = rows.sort_by([(name, "ascending") for name in _ORDER])
        self.recipes = _recipes_of_doubled(rows)
        self._rows = rows.drop_columns(["recipe_hash"])

    @property
    def selection(self) -> str:
        """The output and which of its pages are wanted, in words."""
        return f"{absolute(str(self._pages))}{self._selection.words()}"

    @property
    def pages(self) -> int:
        """Rows of all documents."""
        return int(self._rows.num_rows)

    def documents(self) -> Iterator[ExportedDocument]:
        """Yield the documents in the order of their URIs."""
        rows = (row for batch in self._rows.to_batches() for row in batch.to_pylist())
        for (uri, doc_id), places in groupby(rows, lambda row: (row["uri"], row["doc_id"])):
            yield _document(uri, doc_id, list(places))


class PageReader:
    """Reads the pages of documents.

    Args:
        shards: The shards of the output, in the order of its `OutputIndex`.
    """

    def __init__(self, shards: Sequence[AnyPath]) -> None:
        self._shards = shards
        self._read = lru_cache(_CACHED_SHARDS)(self._read_shard)

    def results(self, document: ExportedDocument) -> list[PageResult]:
        """The pages of a document, in order.

        Raises:
            DocumentError: A shard cannot be fetched.
        """
        parts: list[tuple[int, PageResult]] = []
        # A shard has many rows of a document, but not always in order: read each once.
        by_shard = sorted(enumerate(document._places), key=lambda item: item[1])
        for number, members in groupby(by_shard, lambda item: item[1][0]):
            chosen = [(order, row) for order, (_, row) in members]
            table = _rows(self._read(number), [row for _, row in chosen])
            parts += zip((order for order, _ in chosen), page_results(table), strict=True)
        return [result for _, result in sorted(parts, key=lambda part: part[0])]

    def _read_shard(self, number: int) -> pa.Table:
        return parquet(self._shards[number]).read().combine_chunks()


_EMPTY: Final = pa.schema(
    [
        *((name, PAGES.field(name).type) for name in _COLUMNS),
        ("shard", pa.int64()),
        ("row", pa.int64()),
    ]
).empty_table()


def _recipes_of_doubled(rows: pa.Table) -> list[str]:
    """The recipes of rows that have the same document and page as the row before or after."""
    if rows.num_rows < 2:
        return []
    same = [pc.equal(rows[name][1:], rows[name][:-1]) for name in _ORDER]
    is_doubled = pc.and_(pc.and_(same[0], same[1]), same[2])
    parts = (rows["recipe_hash"][1:], rows["recipe_hash"][:-1])
    return sorted(
        {name for part in parts for name in pc.unique(part.filter(is_doubled)).to_pylist()}
    )


def _rows(table: pa.Table, rows: list[int]) -> pa.Table:
    """Some rows of a table. Those of a document lie side by side more often than not."""
    if rows == list(range(rows[0], rows[0] + len(rows))):
        return table.slice(rows[0], len(rows))  # a view, where `take` copies
    return table.take(rows)


def _places(shard: AnyPath, number: int) -> pa.Table:
    """The rows of a shard, and where they are."""
    table = parquet(shard).read(columns=_COLUMNS).select(_COLUMNS)
    table = table.append_column("shard", pa.array([number] * table.num_rows, pa.int64()))
    return table.append_column("row", pa.array(range(table.num_rows), pa.int64()))


def _document(uri: str, doc_id: str, rows: Sequence[_Place]) -> ExportedDocument:
    state = "\n".join(f"{row['page_id']} {row['status']}" for row in rows)
    places = tuple((row["shard"], row["row"]) for row in rows)
    digest = hashlib.sha256(state.encode()).hexdigest()[:32]
    return ExportedDocument(uri, doc_id, digest, len(rows), places)
