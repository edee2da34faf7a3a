"""The parts of Ray that are not public are there, in the version that they are used in."""

from __future__ import annotations

import inspect
import tomllib

import pytest
import ray
from ray._private import services
from ray._private import utils as ray_utils
from ray.data import Dataset
from ray.data._internal.execution import backpressure_policy
from ray.data._internal.execution.interfaces import PhysicalOperator
from ray.data._internal.execution.operators.map_operator import MapOperator
from ray.data._internal.execution.streaming_executor import StreamingExecutor
from ray.data._internal.execution.streaming_executor_state import OpState
from ray.data._internal.logical.operators.map_operator import StreamingRepartition

from pipeline.job.ray_data import limits, private
from tests.support import job_process

NEWER = "read pipeline/job/ray_data/private.py against this version, then set RAY_VERSION"


def test_ray_is_the_version_that_it_was_written_for() -> None:
    assert ray.__version__ == private.RAY_VERSION, NEWER
    project = tomllib.loads((job_process.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"ray[data,serve]=={private.RAY_VERSION}" in project["project"]["dependencies"]


@pytest.mark.parametrize(
    ("owner", "attribute"),
    [
        (Dataset, "_logical_plan"),
        (StreamingRepartition, "ray_remote_args"),
        (StreamingExecutor, "_topology"),
        (MapOperator, "_output_blocks_stats"),
        (OpState, "output_queue"),
        (backpressure_policy.BackpressurePolicy, "_topology"),
    ],
)
def test_instances_have_their_attributes(owner: type, attribute: str) -> None:
    assert attribute in inspect.getsource(owner)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Dataset, "iter_internal_ref_bundles"),
        (PhysicalOperator, "num_active_tasks"),
        (PhysicalOperator, "output_dependencies"),
        (backpressure_policy, "ENABLED_BACKPRESSURE_POLICIES"),
        (backpressure_policy, "ENABLED_BACKPRESSURE_POLICIES_CONFIG_KEY"),
        (ray._raylet.Config, "initialize"),
        (services, "ConsolePopen"),
        (ray_utils, "detect_fate_sharing_support"),
    ],
)
def test_classes_and_modules_have_their_names(owner: object, name: str) -> None:
    assert hasattr(owner, name)


@pytest.mark.parametrize(
    ("ours", "method"),
    [
        (limits.ShortQueues, "can_add_input"),
        (limits.ShortQueues, "max_task_output_bytes_to_read"),
        (limits.DropStatistics, "on_execution_step"),
    ],
)
def test_our_methods_override_those_of_ray(ours: type, method: str) -> None:
    assert hasattr(ours.__base__, method)
