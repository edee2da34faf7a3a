"""The parts of Ray Data that are not public: the only module that touches them.

Written for the version `RAY_VERSION`, which `pyproject.toml` pins. A test fails if another one is
installed or if a part that is used here is missing; this module then has to be checked against
the new version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import ray
from ray.data import DataContext, Dataset
from ray.data._internal.execution import backpressure_policy as policies
from ray.data._internal.execution.backpressure_policy import BackpressurePolicy
from ray.data._internal.execution.execution_callback import ExecutionCallback

RAY_VERSION: Final = "2.60.0"

__all__ = ["BackpressurePolicy", "ExecutionCallback"]


def from_blocks(blocks: Sequence[pa.Table]) -> Dataset:
    """A dataset of these blocks.

    `ray.data.from_arrow` runs a task for each block to ask for its schema: the first of them waits
    for a process to start.
    """
    return ray.data.from_blocks(list(blocks))


def split(dataset: Dataset, rows: int, num_cpus: float) -> Dataset:
    """The same rows in blocks of `rows`: what goes from stage to stage together.

    `Dataset.repartition` takes no resources and would reserve a whole CPU, which a machine whose
    CPUs are all reserved by actors never has; so the share is set on the operator of its plan.
    """
    repartitioned = dataset.repartition(target_num_rows_per_block=rows)
    repartitioned._logical_plan.dag.ray_remote_args["num_cpus"] = num_cpus
    return repartitioned


def ref_bundles(dataset: Dataset) -> Iterator[Any]:
    """Run a chain and yield references to its blocks (Ray's `RefBundle`), never the rows."""
    yield from dataset.iter_internal_ref_bundles()


def add_policy(context: DataContext, policy: type[BackpressurePolicy]) -> None:
    """Have the chains of a context keep a policy beside Ray's own."""
    context.set_config(
        policies.ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY,
        [*policies.ENABLED_BACKPRESSURE_POLICIES, policy],
    )


def clear_block_statistics(executor: Any) -> None:
    """Drop the statistics that a running chain has of its blocks so far."""
    for operator in executor._topology:
        # Not every operator has the list.
        getattr(operator, "_output_blocks_stats", []).clear()


def blocks_waiting(policy: Any, operator: Any) -> int:
    """Blocks of an operator that wait for the next one."""
    return len(policy._topology[operator].output_queue)


def tasks_running(operator: Any) -> int:
    """Tasks of the operators that follow an operator."""
    return sum(int(each.num_active_tasks()) for each in operator.output_dependencies)
