"""Finds rows of an output: a few small columns of all rows in memory, the others read when wanted.

The index takes about 120 bytes a page where URIs have 80 characters, and the columns that are asked
for: a million pages fit in some 200 MB. Texts, blocks and attempts stay in the shards: a row group
at a time is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from pipeline.output import schema
from pipeline.storage.paths import AnyPath, parquet, shards
from pipeline.text.scripts import scripts

Row = dict[str, Any]

IDENTITY: Final = ("uri", "page", "recipe_hash")
"""The columns that every index has, and its order."""
SCRIPT: Final = "script"
"""A column that rows do not have: the script of most letters of the text, None without letters."""
_PLACE: Final = ("shard", "group", "row")
_CACHED_GROUPS: Final = 4
"""Row groups (1,024 pages) that are kept in memory: neighbouring pages lie in one."""
_BATCH_ROWS: Final = 256


class RowIndex:
    """The rows of an output, sorted by URI, page and recipe.

    Args:
        pages: The folder of the output's shards.
        columns: Small columns of `schema.PAGES`, or `SCRIPT`, that are kept besides `IDENTITY`.
        on_read: Called after each read of a shard, now and later.

    Attributes:
        table: One row for each row of the output, with those columns.

    Raises:
        JobError: The folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """

    def __init__(
        self,
        pages: AnyPath,
        columns: Sequence[str] = (),
        on_read: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_read = on_read
        self._shards = shards(pages)
        wanted = list(dict.fromkeys([*IDENTITY, *columns]))
        found = list[pa.Table]()
        for number, shard in enumerate(self._shards):
            found.append(_light(shard, number, wanted))
            on_read()
        rows = pa.concat_tables(found) if found else _empty(wanted)
        rows = rows.sort_by([(name, "ascending") for name in IDENTITY])
        self.table = rows.select(wanted)
        self._places = rows.select(_PLACE)
        self._group = lru_cache(_CACHED_GROUPS)(self._read_group)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def read(self, numbers: Sequence[int], columns: Sequence[str]) -> list[Row]:
        """Columns of chosen rows.

        Args:
            numbers: Positions in `table`.
            columns: Names of `schema.PAGES`.

        Returns:
            A row for each number, in their order.

        Raises:
            DocumentError: A shard cannot be fetched.
        """
        found: dict[int, Row] = {}
        places = self._places.take(pa.array(numbers, pa.int64())).to_pylist()
        by_group: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for number, place in zip(numbers, places, strict=True):
            where = place["shard"], place["group"]
            by_group.setdefault(where, []).append((number, place["row"]))
        for (shard, group), members in by_group.items():
            rows = self._group(shard, group, tuple(columns)).take([row for _, row in members])
            found |= zip((number for number, _ in members), rows.to_pylist(), strict=True)
        return [found[number] for number in numbers]

    def _read_group(self, shard: int, group: int, columns: tuple[str, ...]) -> pa.Table:
        rows = parquet(self._shards[shard]).read_row_group(group, columns=list(columns))
        self._on_read()
        return rows


def scan(pages: AnyPath, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Columns of all rows, some hundred rows at a time, in the order of the shards.

    Raises:
        JobError: The folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """
    for shard in shards(pages):
        yield from parquet(shard).iter_batches(_BATCH_ROWS, columns=list(columns))


def main_script(text: str) -> str | None:
    """The script that most letters of a text have, None where it has none."""
    found = scripts(text).most_common(1)
    return found[0][0] if found else None


def _light(shard: AnyPath, number: int, wanted: Sequence[str]) -> pa.Table:
    """The small columns of a shard, and where its rows are."""
    file = parquet(shard)
    stored = [name for name in wanted if name != SCRIPT]
    table = file.read(columns=stored).select(stored)
    if SCRIPT in wanted:
        batches = file.iter_batches(_BATCH_ROWS, columns=["text"])
        texts = (text for batch in batches for text in batch["text"].to_pylist())
        found = pa.array([main_script(text or "") for text in texts], pa.string())
        table = table.append_column(SCRIPT, found)
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    rows = [row for size in sizes for row in range(size)]
    for name, values in zip(_PLACE, ([number] * len(rows), groups, rows), strict=True):
        table = table.append_column(name, pa.array(values, pa.int32()))
    return table


def _empty(wanted: Sequence[str]) -> pa.Table:
    fields = [
        pa.field(SCRIPT, pa.string()) if name == SCRIPT else schema.PAGES.field(name)
        for name in wanted
    ]
    return pa.schema([*fields, *((name, pa.int32()) for name in _PLACE)]).empty_table()
