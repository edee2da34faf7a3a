"""Runs the stages of a job without Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from pipeline.config import OcrOptions, Recipe
from pipeline.job.stages.inspect import Inspect
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.stages.recognise import Recognise
from pipeline.job.stages.render import Render
from pipeline.output import schema


class SettledTables:
    """A sink that keeps the rows of settled pages in memory."""

    def __init__(self) -> None:
        self.tables: list[pa.Table] = [schema.PAGES.empty_table()]

    def take(
        self, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        """Take all rows."""
        assert len(positions) == rows.num_rows
        self.tables.append(rows)
        return []

    @property
    def rows(self) -> pa.Table:
        """All rows, `schema.PAGES`."""
        return pa.concat_tables(self.tables)


def ignore(*_: object) -> None:
    """Takes a report."""


def todo(plan: pa.Table) -> pa.Table:
    """Rows of `schema.TODO` for all rows of a plan."""
    positions = pa.array(range(plan.num_rows), pa.int64())
    return plan.append_column(schema.TODO.field("position"), positions)


def plan_of(
    options: OcrOptions,
    *paths: object,
    send: Callable[..., Any] = ignore,
    recipe_hash: str = "recipe",
) -> pa.Table:
    """Rows of `schema.PLAN` for all pages of documents."""
    inspect = Inspect(options, recipe_hash, send, Quarantine(2))
    documents = [{"uri": str(path), "size_bytes": 9} for path in paths]
    plan = pa.concat_tables(inspect(pa.Table.from_pylist(documents)))
    inspect.close()
    return plan


async def results(
    options: OcrOptions, recipe: Recipe, plan: pa.Table, send: Callable[..., Any] = ignore
) -> pa.Table:
    """Rows of `schema.PAGES` for all rows of a plan, in its order."""
    sink = SettledTables()
    [prepared] = Render(options, recipe, send, Quarantine(2), sink)(todo(plan))
    assert prepared.schema == schema.PREPARED
    recognise = Recognise(options.engine, recipe, send, Quarantine(2))
    [table] = [table async for table in recognise(prepared)]
    assert table.schema == schema.PAGES
    rows = pa.concat_tables([sink.rows, table])
    order = [rows["page_id"].to_pylist().index(page_id) for page_id in plan["page_id"].to_pylist()]
    assert len(order) == rows.num_rows
    return rows.take(order)
