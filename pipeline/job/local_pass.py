"""Settles the pages of a small job in the driver, before Ray is started.

Ray takes some seconds to start and as long again for its first page. The pages of a small job that
need no engine are done by then: they are looked at here, by the stage that Ray's workers run, and
their rows are written as ever. With the first page that needs an engine this ends, and Ray does
what is left; where nothing is left it is not started at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.config import OcrConfig
from pipeline.job.metrics import JobMetrics
from pipeline.job.ray_data import chains, shard_tasks
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.stages.render import Render
from pipeline.job.stages.settled import SettledRows
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.output.receipt import StageMetrics
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import AnyPath

_MAX_S = 3.0
"""Seconds after which the rest is left to Ray ..."""
_STEP_PAGES = 4
"""... looked at after so many pages."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was done in the driver.

    Attributes:
        written: Sums of the rows that were written.
        stages: What it cost.
        seconds: How long it took.
    """

    written: Summary = field(default_factory=Summary)
    stages: Mapping[str, StageMetrics] = field(default_factory=dict)
    seconds: float = 0.0


def may_settle_here(config: OcrConfig, planned: PlanSummary) -> bool:
    """Whether a job is so small that its pages are looked at before Ray is started.

    Args:
        config: The job.
        planned: Sums of its plan.
    """
    return (
        config.text_layer != "never"  # else every page needs an engine
        and config.retry != "failed"  # the rows that are replaced have to be deleted before
        and 0 < planned.todo.rows <= config.stages.local_pages
    )


def settle(task: Task, plan: AnyPath, pages: AnyPath) -> Settled:
    """Write the rows of a plan's first pages, up to one that needs an engine.

    Args:
        task: The job.
        plan: Folder of the plan.
        pages: Folder of the output's shards.

    Raises:
        JobError: A shard cannot be written.
    """
    begin, config = time.monotonic(), task.config
    sink = SettledRows(pages, f"{shards.new_prefix()}-local", config.parquet)
    metrics = JobMetrics()
    quarantine = Quarantine(config.stages.max_lone_deaths)
    render = Render(config, task.recipe, metrics.add, quarantine, sink)
    todo = _todo(config, plan)
    try:
        for start in range(0, todo.num_rows, _STEP_PAGES):
            [prepared] = render(todo.slice(start, _STEP_PAGES))
            if prepared.num_rows or time.monotonic() - begin > _MAX_S:
                break
    finally:
        render.close()
        written = sink.finish()
    return Settled(written, metrics.stages(), time.monotonic() - begin)


def _todo(config: OcrConfig, plan: AnyPath) -> pa.Table:
    duplicates = shard_tasks.find_duplicates(plan, config)
    return pa.concat_tables(
        chains.read_plan(chains.plan_shards(plan), config.store, duplicates, None)
    )
