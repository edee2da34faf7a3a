"""Runs a chain and writes its rows in shards.

The driver holds references, never rows: it decides which blocks go into which shard and names the
shard, so a write that Ray tries again replaces itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import ray
from ray.data import DataContext, Dataset
from ray.data.exceptions import ExecutionTimeoutError

from pipeline.config import OutputConfig
from pipeline.errors import JobError
from pipeline.job.ray_data import private
from pipeline.job.ray_data.errors import own_error, result_of
from pipeline.job.stages.settled import Check, unchecked
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import AnyPath

_MAX_PENDING_WRITES = 4
_CANCEL_AFTER_S = 30.0
"""Seconds that pending writes get to end once the chain has stalled."""

S = TypeVar("S", PlanSummary, Summary)


class StalledError(JobError):
    """No page moved for `stages.stall_s`, or a block that was to be written is lost.

    The workers of a lost machine are restarted on another one once it has free resources; if none
    ever has, their pages wait without end. Rows that were written stay.
    """


def drain(
    dataset: Dataset,
    folder: AnyPath,
    prefix: str,
    config: OutputConfig,
    write: Callable[..., S],
    total: S,
    check: Check = unchecked,
) -> S:
    """Run a chain and write its rows in shards.

    Args:
        dataset: The chain.
        folder: Where the shards go.
        prefix: The first part of their names, unique to this run.
        config: Size of the shards.
        write: Writes tables as one shard and sums them up: `shards.write_pages`, `write_plan`.
        total: The sum to add to.
        check: Called before each shard; raises `JobError` where another job has the output's lock.

    Returns:
        `total`.

    Raises:
        StalledError: The chain stalled; no write is pending any more.
    """
    writer = ShardWriter(folder, prefix, config, write, total, check)
    try:
        for bundle in _bundles(dataset):
            writer.add(bundle.block_refs, bundle.num_rows() or 0)
        writer.finish()
    except StalledError:
        writer.cancel()
        raise
    return total


class ShardWriter(Generic[S]):
    """Gathers blocks to shards of `pages_per_file` rows or `flush_s` seconds, and has them written.

    No reference is held longer than needed. Small blocks lie in the driver's own memory and not in
    the object store, so a reference to one holds its rows there; and so does the result of a write,
    for which Ray keeps the arguments of the write. Kept until the next shard is full, they would be
    four shards of rows in the driver.

    Args:
        folder: Where the shards go.
        prefix: The first part of their names.
        config: Size of the shards.
        write: Writes tables as one shard and sums them up.
        total: The sum to add to.
        check: Called before each shard, see `drain`.
    """

    def __init__(
        self,
        folder: AnyPath,
        prefix: str,
        config: OutputConfig,
        write: Callable[..., S],
        total: S,
        check: Check = unchecked,
    ) -> None:
        self._folder, self._prefix, self._config = folder, prefix, config
        self._check = check
        self._task = ray.remote(num_cpus=0, max_retries=3)(write)
        self._total: S = total
        self._number = 0
        self._refs: list[ray.ObjectRef] = []
        self._rows, self._begin = 0, time.monotonic()
        self._pending: list[ray.ObjectRef] = []  # in the order of their shards

    def add(self, refs: Sequence[ray.ObjectRef], rows: int) -> None:
        """Take the next blocks, and release the shards that are written by now."""
        if rows:
            self._refs += refs
            self._rows += rows
        is_due = time.monotonic() - self._begin > self._config.flush_s
        if self._rows >= self._config.pages_per_file or (self._rows and is_due):
            self._write()
        if self._pending:
            written, self._pending = ray.wait(
                self._pending, num_returns=len(self._pending), timeout=0
            )
            for ref in written:
                self._total.merge(_written(ref))

    def finish(self) -> None:
        """Write what is left and wait for all shards."""
        if self._rows:
            self._write()
        while self._pending:
            self._total.merge(_written(self._pending.pop(0)))

    def cancel(self) -> None:
        """Wait a while for pending writes, then cancel them."""
        _cancel(self._pending)

    def _write(self) -> None:
        while len(self._pending) >= _MAX_PENDING_WRITES:
            self._total.merge(_written(self._pending.pop(0)))
        self._check()
        path = self._folder / f"{self._prefix}-{self._number:06}.parquet"
        self._pending.append(self._task.remote(path, self._config, *self._refs))
        self._number += 1
        self._refs, self._rows, self._begin = [], 0, time.monotonic()


def _written(ref: ray.ObjectRef) -> Any:
    try:
        return result_of(ref, _stall_s())
    except (ray.exceptions.GetTimeoutError, ray.exceptions.ObjectLostError):
        _cancel([ref])
        raise _stalled() from None


def _cancel(writes: list[ray.ObjectRef]) -> None:
    """End writes that could add rows later: their pages may have been done again by then."""
    if not writes:
        return
    _, stuck = ray.wait(writes, num_returns=len(writes), timeout=_CANCEL_AFTER_S)
    for ref in stuck:
        ray.cancel(ref, force=True)
    ray.wait(writes, num_returns=len(writes), timeout=_CANCEL_AFTER_S)


def _bundles(dataset: Dataset) -> Iterator[Any]:
    """What the chain yields.

    Raises:
        StalledError: Nothing came for `stages.stall_s`.
        JobError: As a stage did.
    """
    try:
        yield from private.ref_bundles(dataset)
    except ExecutionTimeoutError:
        raise _stalled() from None
    except ray.exceptions.RayError as error:
        raise own_error(error) or error from None


def _stalled() -> StalledError:
    return StalledError(
        f"no page was finished for {_stall_s():g} s (stages.stall_s): workers may lack resources "
        "after a machine was lost, or an engine does not start; run the command again to go on"
    )


def _stall_s() -> float:
    return float(DataContext.get_current().execution_no_progress_timeout_s)
