"""Which rows of copies go into which shard."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa

from pipeline.config import OcrOptions
from pipeline.job.ray_data.duplicates import WANTED
from pipeline.job.ray_data.shard_tasks import _cut

PAGES = Path("/out/pages")
OPTIONS = OcrOptions(output="o", parquet={"pages_per_file": 2})


def wanted(*texts: str) -> pa.Table:
    rows = [
        {"content_id": text, "page_id": f"{number}", "uri": f"/{number}.pdf"}
        for number, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=WANTED)


def test_rows_go_with_those_whose_text_is_in_the_same_shard() -> None:
    rows = wanted("b1", "a1", "lost", "b2", "a1", "b1", "a2")
    shards = {"a": PAGES / "a.parquet", "b": PAGES / "b.parquet"}
    where = {text: shards[text[0]] for text in ("a1", "a2", "b1", "b2")}
    pieces = [
        (target.name, shard.name, part["page_id"].to_pylist())
        for target, shard, part, _ in _cut(where, rows, PAGES, "p", OPTIONS)
    ]
    assert pieces == [
        ("p-copy-000000.parquet", "a.parquet", ["1", "4"]),
        ("p-copy-000001.parquet", "a.parquet", ["6"]),
        ("p-copy-000002.parquet", "b.parquet", ["0", "3"]),
        ("p-copy-000003.parquet", "b.parquet", ["5"]),
    ]


def test_without_a_text_nothing_is_copied() -> None:
    assert not list(_cut({}, wanted("lost"), PAGES, "p", OPTIONS))
    assert not list(_cut({}, wanted(), PAGES, "p", OPTIONS))


def test_many_shards_take_little_longer_than_one() -> None:
    options = OcrOptions(output="o")
    texts = [f"{number:032x}" for number in range(40_000)]
    rows = wanted(*texts)

    def seconds(shards: int) -> float:
        paths = [PAGES / f"{number}" for number in range(shards)]
        where = {text: paths[number % shards] for number, text in enumerate(texts)}
        begin = time.perf_counter()
        assert sum(part.num_rows for _, _, part, _ in _cut(where, rows, PAGES, "p", options))
        return time.perf_counter() - begin

    one = min(seconds(1) for _ in range(3))
    assert min(seconds(5000) for _ in range(3)) < 25 * one
