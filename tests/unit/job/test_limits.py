from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.data import DataContext
from ray.data._internal.execution.backpressure_policy import get_backpressure_policies

from pipeline.job.ray_data import limits


def policy(waiting: int, running: int) -> tuple[limits.ShortQueues, str]:
    """The bound where so many blocks wait for a stage that has so many tasks running."""

    class Stage(str):
        output_dependencies = (SimpleNamespace(num_active_tasks=lambda: running),)

    stage = Stage("render")
    topology: Any = {stage: SimpleNamespace(output_queue=range(waiting))}
    manager: Any = None
    return limits.ShortQueues(DataContext(), topology, manager), stage


@pytest.mark.parametrize(("waiting", "running"), [(0, 0), (63, 0), (63, 16), (399, 100)])
def test_a_stage_goes_on_while_few_blocks_wait(waiting: int, running: int):
    bound, stage = policy(waiting, running)
    assert bound.can_add_input(stage)
    assert bound.max_task_output_bytes_to_read(stage) is None


@pytest.mark.parametrize(("waiting", "running"), [(64, 0), (64, 16), (400, 100)])
def test_a_stage_waits_when_the_next_one_has_enough(waiting: int, running: int):
    bound, stage = policy(waiting, running)
    assert not bound.can_add_input(stage)
    assert bound.max_task_output_bytes_to_read(stage) == 0


def test_statistics_are_dropped_in_each_step():
    stages = SimpleNamespace(_output_blocks_stats=[1, 2]), SimpleNamespace()
    limits.DropStatistics().on_execution_step(SimpleNamespace(_topology=stages))
    assert stages[0]._output_blocks_stats == []


def test_the_bounds_stand_beside_those_of_ray_and_once():
    context, manager = DataContext(), SimpleNamespace()
    topology: Any = {}
    own = {type(each) for each in get_backpressure_policies(context, topology, manager)}
    limits.add_limits(context)
    limits.add_limits(context)
    found = [type(each) for each in get_backpressure_policies(context, topology, manager)]
    assert sorted(map(repr, found)) == sorted(map(repr, own | {limits.ShortQueues}))
    assert context.custom_execution_callback_classes == [limits.DropStatistics]
