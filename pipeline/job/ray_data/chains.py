"""The job as two chains on Ray Data. The only module that knows Ray Data, but for `bounds`.

`plan_pages` lists every page of every document. `recognise_pages` works the list off:
read plan, render, prepare, recognise. `drain` runs a chain and writes its rows in shards.

Every stage names its own resources. Ray fuses neighbours that ask for the same ones, and
then drawing would run inside the engine's actor and wait for it; a test looks at the names.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset
from ray.data.exceptions import ExecutionTimeoutError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.config import EngineConfig, OcrOptions, OutputConfig, Recipe, StoreConfig
from pipeline.documents.listing import Listing
from pipeline.engines.registry import pages_in_flight, spec_of
from pipeline.errors import JobError
from pipeline.job import ray_cluster
from pipeline.job.metrics import JobMetrics, SendReport, StageMetrics, StageReport
from pipeline.job.ray_data import limits
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.ray_data.errors import own_error
from pipeline.job.stages import stages
from pipeline.job.stages.quarantine import Isolation, PageMonitor, Quarantine
from pipeline.output.completed import Ledger
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import Place, parquet, place_of, shards

_LISTERS = 64
_WRITES_IN_FLIGHT = 4
_LEAST_BUFFER_MIB = 1024
_PAGE_MIB = 8
_LAST_WRITES_S = 30.0
"""Seconds that writes get to end once the chain has stalled."""

S = TypeVar("S", PlanSummary, Summary)


class StalledError(JobError):
    """Nothing moved for `stages.stall_s`, or what was to be written could not be had any more.

    Workers of a machine that is gone wait for room on another one, with their pages; where all
    others are full, for ever. Rows that were written stay.
    """


def list_documents(listing: Listing, metrics: SharedMetrics, num_cpus: float) -> Dataset:
    """What the inputs name -> rows of `schema.DOCUMENTS`, found by the workers.

    Inputs that do not overlap are listed side by side. A task yields documents while it lists:
    those in front are planned while the next are found, and Ray holds it up when there are enough.
    """
    parts = list(enumerate(listing.parts()))
    shares = [parts[start::_LISTERS] for start in range(min(_LISTERS, len(parts)))]
    blocks = [pa.table({"share": [number]}) for number in range(len(shares))]
    found = ray.data.from_arrow(blocks).map_batches(
        _list_share,
        fn_args=(shares, metrics.leave_out()),
        batch_format="pyarrow",
        num_cpus=num_cpus,
    )
    return _split(found, 1, num_cpus)


def _list_share(
    numbers: pa.Table,
    shares: list[list[tuple[int, Listing]]],
    leave_out: Callable[[int, Counter[str]], object],
) -> Iterator[pa.Table]:
    for number in numbers["share"].to_pylist():
        for part, listing in shares[number]:
            yield from stages.list_documents(listing, partial(leave_out, part))


def plan_pages(
    documents: Dataset,
    options: OcrOptions,
    recipe: Recipe,
    send: SendReport,
    quarantine: SharedQuarantine,
) -> Dataset:
    """Rows of `schema.DOCUMENTS` -> rows of `schema.PLAN`."""
    return documents.map_batches(
        stages.Inspect,
        fn_constructor_args=(options, recipe.hash(), send, quarantine.monitor("plan")),
        batch_format="pyarrow",
        compute=_pool(ray_cluster.cpus()),
        num_cpus=options.stages.plan_cpus,
    )


def recognise_pages(
    plan: Place,
    todo: int,
    options: OcrOptions,
    recipe: Recipe,
    send: SendReport,
    quarantine: SharedQuarantine,
    same: Duplicates | None = None,
    done: Place | None = None,
) -> Dataset:
    """The plan's pages that have to be read (`todo` of them) -> rows of `schema.PAGES`.

    `done` is where rows are that were written since the plan was made; None: nowhere.
    """
    stage, engines = options.stages, engine_workers(options.engine)
    reserved = spec_of(options.engine).resources(options.engine)
    # A small job is cut finer, so that every engine gets work and none waits for the last.
    rows = max(1, min(stage.pages_per_task, todo // (2 * engines)))
    drawers = stage.render_workers or max(1, ray_cluster.cpus() // 2)
    # Not read_parquet: it lists the files in a task that asks for a whole CPU, and no option
    # changes that. One block a shard, so that each is read by a task of its own.
    blocks = [pa.table({"path": [str(shard)]}) for shard in shards(plan)]
    planned = ray.data.from_arrow(blocks).map_batches(
        read_plan,
        fn_args=(options.store, same or Duplicates(), done),
        batch_format="pyarrow",
        num_cpus=stage.write_cpus,
    )
    return (
        _split(planned, rows, stage.write_cpus)
        .map_batches(
            stages.Render,
            fn_constructor_args=(options, recipe, send, quarantine.monitor("render")),
            batch_format="pyarrow",
            compute=_pool(drawers),
            num_cpus=stage.render_cpus,
        )
        .map_batches(
            stages.Prepare,
            fn_constructor_args=(recipe, send, quarantine.monitor("prepare")),
            batch_format="pyarrow",
            compute=_pool(drawers),
            num_cpus=stage.prepare_cpus,
        )
        .map_batches(
            stages.Recognise,
            fn_constructor_args=(
                *(options.engine, recipe, send),
                *(quarantine.monitor("recognise"), options.self_test),
            ),
            batch_size=rows,  # Ray wants a number where a stage reserves GPUs
            batch_format="pyarrow",
            compute=_engine_pool(options.engine, min(engines, -(-todo // rows)), rows),
            num_cpus=reserved.cpus,
            num_gpus=reserved.gpus,
        )
    )


def configure(options: OcrOptions) -> None:
    """Set what Ray Data keeps in a context of its own rather than in the chain."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = False
    limits.keep(context)
    context.execution_no_progress_timeout_s = options.stages.stall_s
    context.execution_options.resource_limits = context.execution_options.resource_limits.copy(
        object_store_memory=buffer_mib(options) * 1024 * 1024
    )


def buffer_mib(options: OcrOptions) -> int:
    """Memory for pages between the stages, MiB: an engine must not wait for want of room."""
    in_flight = engine_workers(options.engine) * pages_in_flight(options.engine)
    return options.stages.buffer_mib or max(_LEAST_BUFFER_MIB, 2 * in_flight * _PAGE_MIB)


def drain(
    dataset: Dataset,
    folder: Place,
    prefix: str,
    config: OutputConfig,
    write: Callable[..., S],
    total: S,
) -> S:
    """Run a chain and write its rows in shards.

    The driver sees references, never rows: it decides which go into which shard and gives the
    shard its name, so a write that Ray tries again replaces itself.

    Args:
        dataset: The chain.
        folder: Where the shards go.
        prefix: The first part of their names, unique to this run.
        config: Size of the shards.
        write: Writes tables as one shard and sums them up: `sink.write_pages`, `write_plan`.
        total: The sum to add to.

    Returns:
        `total`.

    Raises:
        StalledError: The chain came to a stand; no write is under way any more.
    """
    writes = _Writes(folder, prefix, config, write, total)
    try:
        for bundle in _bundles(dataset):
            writes.add(bundle.block_refs, bundle.num_rows() or 0)
        writes.finish()
    except StalledError:
        writes.end()
        raise
    return total


class _Writes(Generic[S]):
    """Gathers blocks to shards of `pages_per_file` rows or `flush_s` seconds, and has them written.

    Nothing is held longer than needed. Small blocks lie in the driver's own memory and not in the
    object store, so a reference to one holds its rows there; and so does the result of a write, for
    whose sake Ray keeps what the write was called with. Left until the next shard is full, they
    would be four shards of rows in the driver.

    Args:
        folder: Where the shards go.
        prefix: The first part of their names.
        config: Size of the shards.
        write: Writes tables as one shard and sums them up.
        total: The sum to add to.
    """

    def __init__(
        self, folder: Place, prefix: str, config: OutputConfig, write: Callable[..., S], total: S
    ) -> None:
        self._folder, self._prefix, self._config = folder, prefix, config
        self._task = ray.remote(num_cpus=0, max_retries=3)(write)
        self._total: S = total
        self._number = 0
        self._refs: list[ray.ObjectRef] = []
        self._rows, self._begin = 0, time.monotonic()
        self._pending: list[ray.ObjectRef] = []  # in the order of their shards

    def add(self, refs: Sequence[ray.ObjectRef], rows: int) -> None:
        """Take the next blocks, and let go of the shards that are written by now."""
        self._refs += refs
        self._rows += rows
        is_late = time.monotonic() - self._begin > self._config.flush_s
        if self._rows >= self._config.pages_per_file or (self._rows and is_late):
            self._write()
        if self._pending:
            most = len(self._pending)
            written, self._pending = ray.wait(self._pending, num_returns=most, timeout=0)
            for ref in written:
                self._total.merge(_written(ref))

    def finish(self) -> None:
        """Write what is left and wait for all shards."""
        if self._rows:
            self._write()
        while self._pending:
            self._total.merge(_written(self._pending.pop(0)))

    def end(self) -> None:
        """Leave no write behind."""
        _end(self._pending)

    def _write(self) -> None:
        while len(self._pending) >= _WRITES_IN_FLIGHT:
            self._total.merge(_written(self._pending.pop(0)))
        path = self._folder / f"{self._prefix}-{self._number:06}.parquet"
        self._pending.append(self._task.remote(path, self._config, *self._refs))
        self._number += 1
        self._refs, self._rows, self._begin = [], 0, time.monotonic()


def _written(ref: ray.ObjectRef) -> Any:
    limit_s = DataContext.get_current().execution_no_progress_timeout_s
    try:
        return ray.get(ref, timeout=limit_s)
    except (ray.exceptions.GetTimeoutError, ray.exceptions.ObjectLostError):
        _end([ref])
        raise _stalled() from None
    except ray.exceptions.RayError as error:
        raise own_error(error) or error from None


def _end(writes: list[ray.ObjectRef]) -> None:
    """Leave no write behind that could add rows later: those pages may be done anew by then."""
    if not writes:
        return
    _, stuck = ray.wait(writes, num_returns=len(writes), timeout=_LAST_WRITES_S)
    for ref in stuck:
        ray.cancel(ref, force=True)
    ray.wait(writes, num_returns=len(writes), timeout=_LAST_WRITES_S)


def _stalled() -> StalledError:
    limit_s = DataContext.get_current().execution_no_progress_timeout_s
    return StalledError(
        f"no page moved for {limit_s:g} s (stages.stall_s): workers may have found no room after "
        "a machine was lost, or an engine does not start; run the command again to go on"
    )


def _bundles(dataset: Dataset) -> Iterator[Any]:
    """What the chain yields; errors that stop the job come out as our own."""
    try:
        yield from dataset.iter_internal_ref_bundles()
    except ExecutionTimeoutError:
        raise _stalled() from None
    except ray.exceptions.RayError as error:
        raise own_error(error) or error from None


def _split(dataset: Dataset, rows: int, num_cpus: float) -> Dataset:
    """The same rows in blocks of `rows`: what goes from stage to stage together.

    `Dataset.repartition` takes no resources and would reserve a whole CPU, which a machine
    whose CPUs are all promised to actors never has; so the share is set on its operator.
    """
    split = dataset.repartition(target_num_rows_per_block=rows)
    split._logical_plan.dag.ray_remote_args["num_cpus"] = num_cpus
    return split


def read_plan(
    shards: pa.Table, store: StoreConfig, same: Duplicates, done: Place | None
) -> Iterator[pa.Table]:
    """Yield the rows of plan shards (column path) that have to be read from their documents.

    Those that have a row in `done` by now are left out.
    """
    ledger = Ledger.read(done) if done else Ledger()
    for path in shards["path"].to_pylist():
        for batch in parquet(place_of(path, store)).iter_batches():
            plan = pa.Table.from_batches([batch])
            plan = plan.filter(same.read_mask(plan))
            yield plan.filter(pa.array(~ledger.has(plan["page_id"].to_pylist())))


def _pool(most: int) -> ActorPoolStrategy:
    return ActorPoolStrategy(min_size=1, max_size=most)


def engine_workers(engine: EngineConfig) -> int:
    """Engines that run side by side."""
    if engine.workers:
        return engine.workers
    return max(1, spec_of(engine).workers(engine, ray_cluster.cpus(), ray_cluster.gpus()))


def _engine_pool(engine: EngineConfig, size: int, rows: int) -> ActorPoolStrategy:
    """So many calls at a time that an engine has all the pages in flight that suit it.

    A call ends with its slowest page. Where answers differ much in length, most pages of a call
    may be done long before: then the engine gets more calls (`EngineSpec.calls_factor`), of which
    `stages.Recognise` lets no more than the pages that suit it through.
    """
    calls = -(-pages_in_flight(engine) // rows) * spec_of(engine).calls_factor
    return ActorPoolStrategy(
        min_size=size,
        max_size=max(size, engine.max_workers),
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=calls + 1,
    )


def _beside_the_driver() -> dict[str, Any]:
    """Where an actor of the job itself runs: it must not go with another machine.

    Not softly: Ray then places it on any other node as well.
    """
    here = ray.get_runtime_context().get_node_id()
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}


class SharedMetrics:
    """One `meter.JobMetrics` for all workers of a job, as an actor that costs no CPU."""

    def __init__(self) -> None:
        self._actor = ray.remote(**_beside_the_driver())(JobMetrics).remote()

    def send(self) -> SendReport:
        """What workers report to."""
        return _Sender(self._actor)

    def leave_out(self) -> Callable[[int, Counter[str]], object]:
        """What workers tell of files that they leave out; it is counted when the call is back."""
        return partial(_leave_out, self._actor)

    def left_out(self) -> Counter[str]:
        """Files that are no documents by their ending, by ending."""
        return ray.get(self._actor.left_out.remote())  # type: ignore[no-any-return]

    def stages(self) -> dict[str, StageMetrics]:
        """The sums so far, by stage."""
        return ray.get(self._actor.stages.remote())  # type: ignore[no-any-return]


def _leave_out(actor: Any, part: int, counts: Counter[str]) -> None:
    ray.get(actor.leave_out.remote(part, counts))


class SharedQuarantine:
    """One `quarantine.Quarantine` for all workers of a job, as an actor that costs no CPU.

    Ray Data starts a worker that died again, and gives it the same pages, without end: that is
    what makes a death of a worker's cost nothing, and what this puts an end to.

    Args:
        max_lone_deaths: Workers that may die with a page alone on them.
    """

    def __init__(self, max_lone_deaths: int) -> None:
        # Should it die itself, what it knew is found out again.
        lasting = {"max_restarts": -1, "max_task_retries": -1}
        options = _beside_the_driver() | lasting
        self._actor = ray.remote(**options)(Quarantine).remote(max_lone_deaths)

    def monitor(self, stage: str) -> PageMonitor:
        """What the workers of a stage tell of their pages."""
        return _SharedMonitor(self._actor, stage)


class _SharedMonitor:
    def __init__(self, actor: Any, stage: str) -> None:
        self._actor = actor
        self._stage = stage

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        return ray.get(self._actor.begin.remote(self._keys(keys)))  # type: ignore[no-any-return]

    def enter(self, key: str, *, alone: bool) -> None:
        ray.get(self._actor.enter.remote(*self._keys([key]), alone=alone))

    def finish(self, keys: Sequence[str]) -> None:
        self._actor.finish.remote(self._keys(keys))

    def _keys(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._stage} {key}" for key in keys]


class _Sender:
    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __call__(self, report: StageReport) -> None:
        self._actor.add.remote(report)
