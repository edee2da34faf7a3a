"""Limits on what Ray Data keeps in the driver for every block of a job.

By default Ray Data keeps the statistics of every block until the chain ends, and a stage that is
faster than the next one fills the driver with references to its blocks, as long as the rows in them
are small: its own limits count bytes of rows. Both grow with the pages of a job. The statistics are
not used here, and a queue has to be only long enough to keep the next stage busy.
"""

from __future__ import annotations

from typing import Any

from ray.data import DataContext

from pipeline.job.ray_data import private

_MIN_WAITING = 64
_WAITING_PER_TASK = 4
"""Blocks that may wait for a stage: the first number at least, and so many for each of its running
tasks."""


def add_limits(context: DataContext) -> None:
    """Have the chains that are run in a context keep these limits."""
    callbacks = context.custom_execution_callback_classes
    if DropStatistics not in callbacks:
        callbacks.append(DropStatistics)
    private.add_policy(context, ShortQueues)


class DropStatistics(private.ExecutionCallback):  # type: ignore[misc]
    """Drops the statistics of blocks that have gone from one stage to the next.

    A kilobyte for each block of each stage. The sums over all blocks (`Dataset.stats`) are lost
    with them; those by which Ray Data schedules are kept elsewhere.
    """

    def on_execution_step(self, executor: Any) -> None:
        """Called by the thread that adds to these lists, after each step."""
        private.clear_block_statistics(executor)


class ShortQueues(private.BackpressurePolicy):  # type: ignore[misc]
    """Pauses a stage while enough of its blocks wait for the next one."""

    def can_add_input(self, op: Any) -> bool:
        """Whether a stage may start another task."""
        return not self._is_full(op)

    def max_task_output_bytes_to_read(self, op: Any) -> int | None:
        """Bytes that may be taken from the running tasks of a stage; None: any number."""
        return 0 if self._is_full(op) else None

    def _is_full(self, op: Any) -> bool:
        limit = max(_MIN_WAITING, _WAITING_PER_TASK * private.tasks_running(op))
        return private.blocks_waiting(self, op) >= limit
