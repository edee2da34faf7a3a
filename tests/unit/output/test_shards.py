from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import OutputConfig
from pipeline.errors import JobError
from pipeline.output import schema, shards
from pipeline.output.rows import pages_table
from pipeline.types import PageIds, PageRef, PageResult, Recognition, Status


def table(pages: int):
    ref = PageRef("/a.pdf", "d", 1, pages, "application/pdf", 1, 1)
    return pages_table(
        [
            PageResult(ref, Recognition(Status.OK, "x"), ids=PageIds(f"{n:032x}", "c", "r"))
            for n in range(pages)
        ]
    )


def test_a_shard_is_zstd_in_row_groups_with_the_schema(tmp_path: Path):
    path = tmp_path / "part-0.parquet"
    summary = shards.write_pages(str(path), OutputConfig(pages_per_row_group=4), table(6), table(3))
    file = pq.ParquetFile(path)
    assert summary.written.rows == file.metadata.num_rows == 9
    assert file.schema_arrow.equals(schema.PAGES)
    assert file.metadata.num_row_groups == 3
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_second_try_replaces_the_first(tmp_path: Path):
    path = tmp_path / "part-0.parquet"
    for pages in (3, 5):
        shards.write_pages(str(path), OutputConfig(), table(pages))
    assert pq.read_metadata(path).num_rows == 5
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_try_beside_the_first_is_no_error(tmp_path: Path, monkeypatch):
    path, write, attempts = tmp_path / "part-0.parquet", shards._write, iter((1, 2))

    def both(table, where, config):
        write(table, where, config)
        if next(attempts) == 1:  # its machine is believed to be lost
            shards.write_shard(path, config, table)

    monkeypatch.setattr(shards, "_write", both)
    shards.write_shard(path, OutputConfig(), table(3))
    assert pq.read_metadata(path).num_rows == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_shard_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    with pytest.raises(JobError, match="cannot write"):
        shards.write_shard(str(tmp_path / "gone" / "p.parquet"), OutputConfig(), table(1))
    assert list(tmp_path.iterdir()) == []


def test_the_folders_are_made_and_what_was_left_behind_goes(tmp_path: Path):
    pages, plan = shards.prepare_folder(str(tmp_path / "out"))
    shards.write_shard(str(pages / "part-0.parquet"), OutputConfig(), table(1))
    (pages / ".part-1.parquet.tmp").write_bytes(b"half a shard")
    (plan / "plan-0.parquet").write_bytes(b"an old plan")
    shards.prepare_folder(str(tmp_path / "out"))
    assert [file.name for file in pages.iterdir()] == ["part-0.parquet"]
    assert list(plan.iterdir()) == []


def test_an_output_that_is_a_file_says_so(tmp_path: Path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(JobError, match="cannot write to the output"):
        shards.prepare_folder(str(tmp_path / "out"))
