"""Rows found by a few columns, and read when they are wanted."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.output import row_index
from pipeline.output.row_index import SCRIPT, RowIndex
from tests.support.small_outputs import page, write_pages


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    first = [page("b", 2, "two"), page("b", 1, "one"), page("a", 1, "слова")]
    return write_pages(tmp_path, first, [page("b", 3, "three"), page("b", 1, "x", recipe="r0")], [])


def test_rows_of_all_shards_are_sorted_by_document_page_and_recipe(pages: Path) -> None:
    index = RowIndex(pages, ["status"])
    found = [(row["uri"], row["page"], row["recipe_hash"]) for row in index.table.to_pylist()]
    assert found == [("a", 1, "r1"), ("b", 1, "r0"), ("b", 1, "r1"), ("b", 2, "r1"), ("b", 3, "r1")]
    assert index.table.column_names == ["uri", "page", "recipe_hash", "status"]


def test_chosen_rows_come_in_the_order_asked_for(pages: Path) -> None:
    index = RowIndex(pages)
    assert [row["text"] for row in index.read([4, 0, 2, 3], ["text"])] == [
        *("three", "слова", "one", "two")
    ]
    assert index.read([], ["text"]) == []


def test_neighbouring_rows_are_read_with_their_row_group_once(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, reads = RowIndex(pages), []
    read = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda self, group, columns: reads.append(columns) or read(self, group, columns=columns),
    )
    for number in (2, 3, 2):
        index.read([number], ["text"])
    assert reads == [["text"]]


def test_the_script_is_that_of_most_letters(pages: Path) -> None:
    assert RowIndex(pages, [SCRIPT]).table[SCRIPT].to_pylist()[:2] == ["Cyrillic", "Latin"]
    assert row_index.main_script("2,150.00") is None


def test_an_output_without_shards_has_no_rows(tmp_path: Path) -> None:
    assert len(RowIndex(tmp_path, ["status", SCRIPT])) == 0


def test_a_scan_gives_all_rows_a_few_at_a_time(pages: Path) -> None:
    batches = list(row_index.scan(pages, ["uri", "page"]))
    assert sum(batch.num_rows for batch in batches) == 5
    assert batches[0].schema.names == ["uri", "page"]
