"""Writes shards: Parquet files that appear whole or not at all, and what is in them.

Ray's own Parquet writer puts files under their final names at once and leaves those of a
failed job behind, so shards are written here. The driver names a shard and says which rows
go into it; a task that is tried again writes the same rows under the same name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import OutputConfig
from pipeline.errors import JobError
from pipeline.summary import PlanSummary, Summary


def write_pages(path: str, config: OutputConfig, *tables: pa.Table) -> Summary:
    """Write rows of `schema.PAGES` as one shard and say what is in it.

    Raises:
        JobError: The shard cannot be written.
    """
    pages = pa.concat_tables(tables)
    write_shard(path, config, pages)
    return Summary.of(pages)


def write_plan(path: str, config: OutputConfig, *tables: pa.Table) -> PlanSummary:
    """Write rows of `schema.PLAN` as one shard and say what is in it.

    Raises:
        JobError: The shard cannot be written.
    """
    plan = pa.concat_tables(tables)
    write_shard(path, config, plan)
    return PlanSummary.of(plan)


def write_shard(path: str, config: OutputConfig, table: pa.Table) -> None:
    """Write one Parquet file: under a hidden name first, then renamed.

    Raises:
        JobError: The shard cannot be written.
    """
    target = Path(path)
    hidden = target.with_name(f".{target.name}.tmp")
    try:
        pq.write_table(
            table,
            hidden,
            compression="zstd",
            compression_level=config.compression_level,
            row_group_size=config.pages_per_row_group,
        )
        with hidden.open("rb") as file:
            os.fsync(file.fileno())
        hidden.replace(target)
    except OSError as error:
        hidden.unlink(missing_ok=True)
        raise JobError(f"cannot write {path}: {error}") from error


def pages_folder(output: str) -> Path:
    """Where the rows of an output are."""
    return Path(output, "pages")


def prepare_folder(output: str) -> tuple[Path, Path]:
    """Make the folders for pages and plan, and clear what an interrupted job left behind.

    Raises:
        JobError: The output is no folder or cannot be written.
    """
    pages, plan = pages_folder(output), Path(output, "_plan")
    try:
        for folder in (pages, plan):
            folder.mkdir(parents=True, exist_ok=True)
        stale: Sequence[Path] = [
            *pages.glob(".*.tmp"),
            *plan.glob(".*.tmp"),
            *plan.glob("*.parquet"),
        ]
        for file in stale:
            file.unlink()
        probe = pages / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise JobError(f"cannot write to the output {output}: {error.strerror}") from error
    return pages, plan
