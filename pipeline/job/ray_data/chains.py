"""The job as two chains on Ray Data.

`plan_pages` lists every page of every document. `recognise_pages` processes the plan: read plan,
render, recognise. Pages that need no engine leave it after rendering (`stages.settled`).
`shard_writer.drain` runs a chain and writes its rows.

Every stage reserves different resources. Ray fuses neighbouring stages that reserve the same ones,
and rendering would then run inside the engine's actor and wait for it; a test checks the stages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset

from pipeline.config import OcrOptions, Recipe, StoreConfig
from pipeline.documents.listing import Listing
from pipeline.engines.registry import spec_of
from pipeline.job import ray_cluster
from pipeline.job.ray_data import fit, limits, private
from pipeline.job.ray_data.actors import SharedState
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.ray_data.engine_pool import (
    buffer_mib,
    engine_pool,
    engine_workers,
)
from pipeline.job.ray_data.errors import result_of
from pipeline.job.stages import list_documents as listing_stage
from pipeline.job.stages.inspect import Inspect, read_ledger
from pipeline.job.stages.recognise import Recognise
from pipeline.job.stages.render import Render
from pipeline.job.stages.settled import SettledSink
from pipeline.job.stages.todo import left_of_plan, plan_shards, read_plan
from pipeline.output.completed import Ledger
from pipeline.storage.paths import AnyPath

_MAX_LISTERS = 64
"""Tasks that list inputs side by side."""
_SETTLED_FACTOR = 4
"""A task has so many times `stages.pages_per_task` pages where all are settled."""


def list_documents(listing: Listing, shared: SharedState, num_cpus: float) -> Dataset:
    """What the inputs name -> rows of `schema.DOCUMENTS`, found by the workers.

    Inputs that do not overlap are listed side by side. A task yields documents while it lists: the
    first are planned while the next are found, and Ray pauses it when enough of them wait.
    """
    parts = list(enumerate(listing.parts()))
    shares = [parts[start::_MAX_LISTERS] for start in range(min(_MAX_LISTERS, len(parts)))]
    blocks = [pa.table({"share": [number]}) for number in range(len(shares))]
    found = private.from_blocks(blocks).map_batches(
        _list_share,
        fn_args=(shares, shared.leave_out()),
        batch_format="pyarrow",
        num_cpus=num_cpus,
    )
    return private.split(found, 1, num_cpus)


def _list_share(
    numbers: pa.Table,
    shares: list[list[tuple[int, Listing]]],
    leave_out: Callable[[int, Counter[str]], object],
) -> Iterator[pa.Table]:
    for number in numbers["share"].to_pylist():
        for part, listing in shares[number]:
            yield from listing_stage.list_documents(listing, partial(leave_out, part))


def plan_pages(
    documents: Dataset, options: OcrOptions, recipe: Recipe, shared: SharedState
) -> Dataset:
    """Rows of `schema.DOCUMENTS` -> rows of `schema.PLAN`."""
    ledger = _Shared(read_ledger, options.stages.write_cpus, options)
    return documents.map_batches(
        Inspect,
        fn_constructor_args=(
            *(options, recipe.hash(), shared.send(), shared.monitor("plan")),
            *(None, ledger),
        ),
        batch_format="pyarrow",
        compute=_pool(ray_cluster.cpus()),
        num_cpus=options.stages.plan_cpus,
    )


def recognise_pages(
    plan: AnyPath,
    todo: int,
    options: OcrOptions,
    recipe: Recipe,
    shared: SharedState,
    sink: SettledSink,
    duplicates: Duplicates | None = None,
    done: AnyPath | None = None,
) -> Dataset:
    """The plan's pages that have to be read -> rows of `schema.PAGES`, but for settled pages.

    Args:
        plan: Folder of the plan.
        todo: Pages that have to be read.
        options: The job's.
        recipe: How pages are read.
        shared: What workers report to.
        sink: Takes the rows of settled pages.
        duplicates: Which of the plan's pages are read, and which copied; None: all are read.
        done: Where rows are that were written since the plan was made; None: nowhere.
    """
    stage, engines = options.stages, engine_workers(options.engine)
    reserved = spec_of(options.engine).resources(options.engine)
    renderers = stage.render_workers or ray_cluster.cpus()
    has_engine = recipe.text_layer != "only"
    # Pages that go to no engine carry no images: more of them make a task cheaper.
    most = stage.pages_per_task * (1 if has_engine else _SETTLED_FACTOR)
    # A small job has smaller tasks, so that every worker gets some.
    rows = max(1, min(most, todo // (2 * (engines if has_engine else renderers))))
    planned = _planned(plan, rows, options, duplicates or Duplicates(), done)
    rendered = planned.map_batches(
        Render,
        fn_constructor_args=(options, recipe, shared.send(), shared.monitor("render"), sink),
        batch_format="pyarrow",
        compute=_pool(renderers),
        num_cpus=stage.render_cpus,
    )
    if not has_engine:
        return rendered  # every page is settled: no engine, no worker that would wait for one
    return rendered.map_batches(
        Recognise,
        fn_constructor_args=(
            *(options.engine, recipe, shared.send()),
            *(shared.monitor("recognise"), options.self_test),
        ),
        batch_size=rows,  # Ray wants a number where a stage reserves GPUs
        batch_format="pyarrow",
        compute=engine_pool(options.engine, min(engines, -(-todo // rows)), rows),
        num_cpus=reserved.cpus,
        num_gpus=reserved.gpus,
    )


def configure(options: OcrOptions) -> None:
    """Set the options of Ray Data that belong to its context, not to a chain."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = False
    limits.add_limits(context)
    context.execution_no_progress_timeout_s = options.stages.stall_s
    context.execution_options.resource_limits = context.execution_options.resource_limits.copy(
        object_store_memory=buffer_mib(options) * 1024 * 1024
    )


def _planned(
    plan: AnyPath, rows: int, options: OcrOptions, duplicates: Duplicates, done: AnyPath | None
) -> Dataset:
    """The rows of a plan that have to be read, in blocks of `rows`.

    Not read_parquet: it lists the files in a task that reserves a whole CPU, and no option changes
    that. One block a shard, so that each is read by a task of its own. A plan of one shard is read
    here: the process of a task costs a second or two to start.
    """
    found = plan_shards(plan)
    if found.num_rows == 1:
        todo = pa.concat_tables(read_plan(found, options.store, duplicates, done))
        starts = range(0, max(todo.num_rows, 1), rows)
        return private.from_blocks([todo.slice(start, rows) for start in starts])
    task_cpus = fit.task_cpus(options, ray_cluster.cpus())
    blocks = [found.slice(number, 1) for number in range(found.num_rows)]
    ledger = _Shared(_read_ledger, task_cpus, done) if done else Ledger
    read = private.from_blocks(blocks).map_batches(
        _read_shard,
        fn_args=(options.store, duplicates, ledger),
        batch_format="pyarrow",
        num_cpus=task_cpus,
    )
    return private.split(read, rows, task_cpus)


def _read_ledger(pages: AnyPath) -> Ledger:
    return Ledger.read(pages)  # Ray makes tasks of functions, not of methods


def _read_shard(
    shards: pa.Table, store: StoreConfig, duplicates: Duplicates, done: Callable[[], Ledger]
) -> Iterator[pa.Table]:
    yield from left_of_plan(shards, store, duplicates, done())


class _Shared:
    """The result of a function, in the object store: made once, and one copy on each machine.

    A ledger has 65 bytes a page; read by each worker of a machine it would be there many times,
    and read by each task that reads a part of a plan it would be read as often as it has shards.
    """

    def __init__(self, function: Callable[..., Any], num_cpus: float, *args: Any) -> None:
        self._made = ray.remote(num_cpus=num_cpus, max_retries=3)(function).remote(*args)

    def __call__(self) -> Any:
        return result_of(self._made)


def _pool(max_size: int) -> ActorPoolStrategy:
    return ActorPoolStrategy(min_size=1, max_size=max_size)
