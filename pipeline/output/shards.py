"""Writes shards: Parquet files that appear whole or not at all. Reads what is in them.

Ray's own Parquet writer puts files under their final names at once and leaves those of a
failed job behind, so shards are written here. The driver names a shard and says which rows
go into it; a task that is tried again writes the same rows under the same name. On a store a
shard is one PUT under its final name (over 10 MB one upload in parts, which appears when its
last part is there).
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import OutputConfig, StoreConfig
from pipeline.errors import JobError
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import AnyPath, StorePath, output_path, parquet, shards


def write_pages(path: str | AnyPath, config: OutputConfig, *tables: pa.Table) -> Summary:
    """Write rows of `schema.PAGES` as one shard and sum them up.

    Raises:
        JobError: The shard cannot be written.
    """
    pages = pa.concat_tables(tables)
    write_shard(path, config, pages)
    return Summary.of(pages)


def read_summary(pages: AnyPath, prefix: str) -> Summary:
    """The sums of the shards of one run, by the first part of their names.

    Raises:
        JobError: The folder is on a store that does not answer.
    """
    total = Summary()
    for shard in shards(pages):
        if shard.name.startswith(prefix):
            total.merge(Summary.of(parquet(shard).read()))
    return total


def write_plan(path: str | AnyPath, config: OutputConfig, *tables: pa.Table) -> PlanSummary:
    """Write rows of `schema.PLAN` as one shard and sum them up.

    Raises:
        JobError: The shard cannot be written.
    """
    # Combined: to filter a table of thousands of pieces takes most of a plan's time.
    plan = pa.concat_tables(tables).combine_chunks()
    write_shard(path, config, plan)
    return PlanSummary.of(plan)


def write_shard(path: str | AnyPath, config: OutputConfig, table: pa.Table) -> None:
    """Write one Parquet file: whole or not at all.

    On a local file system it is written under a hidden name first, then renamed. A store cannot
    rename, and shows nothing before the PUT has ended.

    Raises:
        JobError: The shard cannot be written.
    """
    target = Path(path) if isinstance(path, str) else path
    try:
        if isinstance(target, StorePath):
            buffer = pa.BufferOutputStream()
            _write(table, buffer, config)
            target.write_bytes(memoryview(buffer.getvalue()))
        else:
            _write_and_rename(table, target, config)
    except OSError as error:
        raise JobError(f"cannot write {path}: {error}") from error


def _write_and_rename(table: pa.Table, target: Path, config: OutputConfig) -> None:
    # Of its own: Ray may run a write again on another machine, while the first attempt goes on.
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write(table, hidden, config)
        with hidden.open("rb") as file:
            os.fsync(file.fileno())
        hidden.replace(target)
    except OSError:
        hidden.unlink(missing_ok=True)
        raise


def _write(table: pa.Table, where: Any, config: OutputConfig) -> None:
    pq.write_table(
        table,
        where,
        compression="zstd",
        compression_level=config.compression_level,
        row_group_size=config.pages_per_row_group,
    )


def write_text(target: AnyPath, text: str) -> None:
    """Write a small file, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    if isinstance(target, StorePath):
        target.write_bytes(text.encode())
        return
    hidden = target.with_name(f".{target.name}.tmp")
    hidden.write_text(text, encoding="utf-8")
    hidden.replace(target)


def new_prefix() -> str:
    """The first part of the names of the shards that a run writes, unique to the run."""
    return f"part-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}"


def pages_folder(output: str, store: StoreConfig | None = None) -> AnyPath:
    """The folder with the rows of an output."""
    return output_path(output, store) / "pages"


def prepare_folder(output: str, store: StoreConfig | None = None) -> tuple[AnyPath, AnyPath]:
    """Make the folders for pages and plan, and delete what an interrupted job left behind.

    Raises:
        JobError: The output is no folder or cannot be written.
    """
    place = output_path(output, store)
    try:
        return _prepare_store(place) if isinstance(place, StorePath) else _prepare_local(place)
    except OSError as error:
        problem = error.strerror or error
        raise JobError(f"cannot write to the output {output}: {problem}") from error


def make_folder(output: Path) -> None:
    """Make the folder of a local output.

    Raises:
        JobError: It cannot be made.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(f"cannot write to the output {output}: {error.strerror}") from error


def contents(output: str, store: StoreConfig | None = None) -> tuple[int, int]:
    """The number of shards and of rows in an output.

    Raises:
        JobError: The store does not answer, or refuses.
    """
    found = shards(pages_folder(output, store))
    return len(found), sum(parquet(shard).metadata.num_rows for shard in found)


def clear(output: str, store: StoreConfig | None = None) -> None:
    """Delete the rows, the plan and the receipt of an output, and nothing else that lies there.

    Raises:
        JobError: Something cannot be deleted.
    """
    place = output_path(output, store)
    receipt = place / "receipt.json"
    found = [receipt] if receipt.exists() else []
    _delete((*found, *shards(place / "_plan"), *shards(place / "pages")))


def clear_plan(plan: AnyPath) -> None:
    """Delete a plan.

    Raises:
        JobError: It cannot be removed.
    """
    _delete(shards(plan))


def _delete(files: Iterable[AnyPath]) -> None:
    for file in files:
        try:
            file.unlink()
        except OSError as error:
            raise JobError(f"cannot delete {file}: {error}") from error


def _prepare_local(output: Path) -> tuple[Path, Path]:
    pages, plan = output / "pages", output / "_plan"
    for folder in (pages, plan):
        folder.mkdir(parents=True, exist_ok=True)
    stale: Sequence[Path] = [
        *pages.glob(".*.tmp"),
        *plan.glob(".*.tmp"),
        *plan.glob("*.parquet"),
    ]
    for file in stale:
        file.unlink(missing_ok=True)  # what a job that lost its lock was just about to rename
    probe = pages / ".writable"
    probe.touch()
    probe.unlink()
    return pages, plan


def _prepare_store(output: StorePath) -> tuple[StorePath, StorePath]:
    """A store has no folders, and an interrupted PUT leaves nothing behind."""
    pages, plan = output / "pages", output / "_plan"
    probe = plan / ".writable"
    probe.write_bytes(b"")
    probe.unlink()
    for file in plan.glob("*.parquet"):
        file.unlink()
    return pages, plan
