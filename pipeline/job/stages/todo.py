"""Reads from a plan the pages that have to be done. With Ray and without: it imports none."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipeline.config import StoreConfig
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.stages.settled import position
from pipeline.output import schema
from pipeline.output.completed import Ledger
from pipeline.storage.paths import AnyPath, output_path, parquet, shards


def plan_shards(plan: AnyPath) -> pa.Table:
    """The shards of a plan: their paths, and their numbers."""
    paths = [str(shard) for shard in shards(plan)]
    return pa.table({"path": pa.array(paths, pa.string()), "number": range(len(paths))})


def read_plan(
    shards: pa.Table, store: StoreConfig, duplicates: Duplicates, done: AnyPath | None
) -> Iterator[pa.Table]:
    """Yield rows of `schema.TODO`: those of plan shards that have to be read from their documents.

    Those that have a row in `done` by now are left out.

    Args:
        shards: The shards (column path), and the number of each.
        store: How a store is reached.
        duplicates: Which pages are read, and which copied.
        done: Where rows are that were written since the plan was made; None: nowhere.
    """
    yield from left_of_plan(shards, store, duplicates, Ledger.read(done) if done else Ledger())


def left_of_plan(
    shards: pa.Table, store: StoreConfig, duplicates: Duplicates, done: Ledger
) -> Iterator[pa.Table]:
    """As `read_plan`, where what was written since the plan was made has been read."""
    for shard in shards.to_pylist():
        first = 0
        for batch in parquet(output_path(shard["path"], store)).iter_batches():
            plan = pa.Table.from_batches([batch])
            at = position(shard["number"], first)
            places = pa.array(range(at, at + plan.num_rows), pa.int64())
            todo = plan.append_column(schema.TODO.field("position"), places)
            todo = todo.filter(duplicates.read_mask(todo))
            yield todo.filter(pa.array(~done.has(todo["page_id"].to_pylist())))
            first += plan.num_rows
