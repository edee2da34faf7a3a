"""Bounds on what Ray Data keeps in the driver for every block of a job.

Left alone, Ray Data remembers the statistics of every block until the chain ends, and a stage that
is faster than the next one fills the driver with references to its blocks, as long as the rows in
them are small: room is counted in bytes of rows. Both grow with the pages of a job. Nobody asks a
job for these statistics, and a queue need not be longer than what keeps the next stage busy.
"""

from __future__ import annotations

from typing import Any

from ray.data import DataContext
from ray.data._internal.execution import backpressure_policy as policies
from ray.data._internal.execution.execution_callback import ExecutionCallback

_FEWEST_WAITING = 64
_WAITING_FOR_EACH = 4
"""Blocks that may wait for a stage: so many at least, and so many for each of its running tasks."""


def keep(context: DataContext) -> None:
    """Have the chains that are run in a context keep these bounds."""
    callbacks = context.custom_execution_callback_classes
    if ForgetStatistics not in callbacks:
        callbacks.append(ForgetStatistics)
    context.set_config(
        policies.ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY,
        [*policies.ENABLED_BACKPRESSURE_POLICIES, ShortQueues],
    )


class ForgetStatistics(ExecutionCallback):  # type: ignore[misc]
    """Drops the statistics of blocks that have gone from one stage to the next.

    A kilobyte for each block of each stage. The sums over all blocks (`Dataset.stats`) are lost
    with them; those by which Ray Data schedules are kept elsewhere.
    """

    def on_execution_step(self, executor: Any) -> None:
        """Called by the thread that adds to these lists, after each step."""
        for operator in executor._topology:
            # Not every operator has the list, nor need another version of Ray.
            getattr(operator, "_output_blocks_stats", []).clear()


class ShortQueues(policies.BackpressurePolicy):  # type: ignore[misc]
    """Holds a stage up while enough of its blocks wait for the next one."""

    def can_add_input(self, op: Any) -> bool:
        """Whether a stage may start another task."""
        return not self._is_full(op)

    def max_task_output_bytes_to_read(self, op: Any) -> int | None:
        """Bytes that may be taken from the running tasks of a stage; None: any number."""
        return 0 if self._is_full(op) else None

    def _is_full(self, op: Any) -> bool:
        running = sum(following.num_active_tasks() for following in op.output_dependencies)
        waiting = len(self._topology[op].output_queue)
        return waiting >= max(_FEWEST_WAITING, _WAITING_FOR_EACH * int(running))
