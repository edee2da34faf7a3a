"""`pipeline.job.ray_data.retry_failed`: which rows make way."""

from __future__ import annotations

import pyarrow as pa

from pipeline.job.ray_data import retry_failed
from pipeline.output import schema


def pages(*rows: tuple[str, str, int, str]) -> pa.Table:
    names = ("page_id", "uri", "page", "status")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema.PAGES)


def plan(*rows: tuple[str, str, int, str | None]) -> pa.Table:
    names = ("page_id", "uri", "page", "done")
    made = [dict(zip(names, row, strict=True)) | {"route": "ocr"} for row in rows]
    return pa.Table.from_pylist(made, schema.PLAN)


OUTPUT = pages(
    ("1", "a", 1, "ok"),
    ("2", "a", 2, "failed"),
    ("3", "locked", 0, "failed"),
    ("4", "elsewhere", 1, "failed"),
    ("5", "gone", 0, "failed"),
)


def test_only_what_is_done_again_makes_way() -> None:
    bad = retry_failed.failed(OUTPUT)
    assert bad["page_id"].to_pylist() == ["2", "3", "4", "5"]
    again = plan(("1", "a", 1, "ok"), ("2", "a", 2, None), ("6", "locked", 1, None))
    gone = retry_failed.replaced(again, bad)
    assert gone.to_pylist() == ["2", "3"]
    assert retry_failed.kept(OUTPUT, gone)["page_id"].to_pylist() == ["1", "4", "5"]


def test_a_document_that_still_cannot_be_opened_is_tried_again() -> None:
    again = plan(("3", "locked", 0, None))
    assert retry_failed.replaced(again, retry_failed.failed(OUTPUT)).to_pylist() == ["3"]


def test_what_the_plan_leaves_alone_stays() -> None:
    assert (
        len(retry_failed.replaced(plan(("2", "a", 2, "failed")), retry_failed.failed(OUTPUT))) == 0
    )
