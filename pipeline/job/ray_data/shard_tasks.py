"""Passes over shards beside the two chains: copies for pages with several names, and retries.

Each runs one task of Ray a shard, or does all here where Ray was not started: Ray is slow to
import, so it is imported where it is used. The driver holds the ids of the rows concerned: copies
and failed pages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from pipeline.config import OcrOptions, OutputConfig
from pipeline.job.ray_data import duplicates, retry_failed
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.output import shards as sink
from pipeline.output.totals import Summary
from pipeline.storage.paths import AnyPath, parquet, shards

T = TypeVar("T")

_IN_FLIGHT = 16
_COPY_COLUMNS = ["route", "done", "doc_id", "uri", "content_id", "page_id"]
_TEXT_COLUMNS = ["content_id", "status", "error_kind"]
_FAILED_COLUMNS = ["page_id", "uri", "page", "status"]
_REPLACED_COLUMNS = ["route", "done", "page_id", "uri", "page"]


def find_duplicates(plan: AnyPath, options: OcrOptions) -> Duplicates:
    """Find the documents of a plan that have the same bytes.

    The driver holds eight bytes for every document, and the URIs of those that are the same.
    """
    found = _each(options, shards(plan), _of, duplicates.document_keys, _COPY_COLUMNS)
    repeated = duplicates.repeated_keys(keys for _, keys in found)
    if not len(repeated):
        return Duplicates()
    named = _each(options, shards(plan), _of, duplicates.documents, _COPY_COLUMNS, repeated)
    return Duplicates.of(pa.concat_tables([documents for _, documents in named]))


def copy(
    plan: AnyPath, pages: AnyPath, prefix: str, found: Duplicates, options: OcrOptions
) -> Summary:
    """Write the rows of pages whose text is in the output under another name.

    Left out are those whose document could not be fetched under the other name.

    Args:
        plan: Folder of the plan.
        pages: Folder of the output's shards.
        prefix: The first part of the new shards' names.
        found: What `find_duplicates` found.
        options: The job's.
    """
    parts = _each(options, shards(plan), _of, found.wanted, _COPY_COLUMNS)
    wanted = pa.concat_tables([part for _, part in parts]).combine_chunks()
    where = _sources(pages, wanted, options)
    total = Summary()
    for _, written in _each(options, _cut(where, wanted, pages, prefix, options), _copy):
        total.merge(written)
    return total


def _sources(pages: AnyPath, wanted: pa.Table, options: OcrOptions) -> dict[str, AnyPath]:
    """By `content_id`, a shard that has the text: a good one where there is one."""
    found: dict[str, tuple[bool, AnyPath]] = {}
    for shard, texts in _each(options, shards(pages), _of, duplicates.texts, _TEXT_COLUMNS, wanted):
        for content_id, is_good in texts.items():
            if content_id not in found or (is_good and not found[content_id][0]):
                found[content_id] = is_good, shard
    return {content_id: shard for content_id, (_, shard) in found.items()}


def _cut(
    where: dict[str, AnyPath], wanted: pa.Table, pages: AnyPath, prefix: str, options: OcrOptions
) -> Iterator[tuple[AnyPath, AnyPath, pa.Table, OutputConfig]]:
    """What goes into each new shard: its place, the shard with the texts, the rows."""
    every = sorted(set(where.values()), key=str)
    places = {shard: place for place, shard in enumerate(every)}
    by_text = {content_id: places[shard] for content_id, shard in where.items()}
    ids = wanted["content_id"].to_pylist()
    found = np.array([by_text.get(each, len(every)) for each in ids], np.int64)
    # Sorted once: to look through all rows for each shard takes hours where there are many.
    wanted = wanted.take(np.argsort(found, kind="stable"))
    ends = np.cumsum(np.bincount(found, minlength=len(every) + 1))
    number = 0
    for place, shard in enumerate(every):
        begin = int(ends[place - 1]) if place else 0
        rows = wanted.slice(begin, int(ends[place]) - begin)
        for start in range(0, rows.num_rows, options.parquet.pages_per_file):
            target = pages / f"{prefix}-copy-{number:06}.parquet"
            number += 1
            piece = rows.slice(start, options.parquet.pages_per_file)
            yield target, shard, piece, options.parquet


def _copy(piece: tuple[AnyPath, AnyPath, pa.Table, OutputConfig]) -> Summary:
    target, shard, wanted, config = piece
    return sink.write_pages(target, config, duplicates.copied(parquet(shard).read(), wanted))


def delete_failed_rows(plan: AnyPath, pages: AnyPath, options: OcrOptions) -> None:
    """Take the failed rows that a plan replaces out of the output.

    A job that stops after this finds their pages without rows, and does them.
    """
    found = _each(options, shards(pages), _of, retry_failed.failed, _FAILED_COLUMNS)
    some = {str(shard) for shard, rows in found if rows.num_rows}
    bad = pa.concat_tables([retry_failed.FAILED.empty_table(), *(rows for _, rows in found)])
    planned = _each(options, shards(plan), _of, retry_failed.replaced, _REPLACED_COLUMNS, bad)
    gone = pa.concat_arrays([pa.array([], pa.string()), *(ids for _, ids in planned)])
    touched = [shard for shard in shards(pages) if str(shard) in some]
    _each(options, touched, _drop, gone, options.parquet)


def _drop(shard: AnyPath, gone: pa.Array, config: OutputConfig) -> None:
    if not shard.exists():
        return  # an earlier attempt of this task did it
    pages = parquet(shard).read()
    kept = retry_failed.kept(pages, gone)
    if not kept.num_rows:
        shard.unlink()
    elif kept.num_rows < pages.num_rows:
        sink.write_shard(shard, config, kept)


def _of(shard: AnyPath, function: Callable[..., T], columns: list[str], *more: Any) -> T:
    return function(parquet(shard).read(columns=columns), *more)


def _each(
    options: OcrOptions, items: Iterable[Any], function: Callable[..., T], *more: Any
) -> list[tuple[Any, T]]:
    """Call a function for each item, in tasks of Ray; the items with their results.

    A single item is done here: a task would need a process, which costs a second to start.

    Raises:
        RayscribeError: As the function does.
    """
    items = list(items)
    if len(items) == 1 or not _is_on_ray():
        return [(item, function(item, *more)) for item in items]
    return _each_on_ray(options, items, function, more)


def _is_on_ray() -> bool:
    """Whether this process is connected to Ray, which it is not before it has imported it."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def _each_on_ray(
    options: OcrOptions, items: Sequence[Any], function: Callable[..., T], more: Sequence[Any]
) -> list[tuple[Any, T]]:
    import ray

    from pipeline.job.ray_data.errors import result_of

    task = ray.remote(num_cpus=options.stages.write_cpus, max_retries=3)(function)
    more = [ray.put(each) for each in more]
    done: list[tuple[Any, T]] = []
    pending: list[tuple[Any, ray.ObjectRef]] = []
    for item in items:
        pending.append((item, task.remote(item, *more)))
        if len(pending) >= _IN_FLIGHT:
            first, ref = pending.pop(0)
            done.append((first, result_of(ref)))
    return done + [(item, result_of(ref)) for item, ref in pending]
