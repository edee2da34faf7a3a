"""Which jobs do without Ray, and how many engines they run. Pure."""

from __future__ import annotations

import math
from typing import Final

from pipeline.config import OcrConfig
from pipeline.documents.sandbox.cpus import available_cpus
from pipeline.engines.registry import spec_of
from pipeline.output.totals import PlanSummary

GRACE_S: Final = 15.0
"""Seconds that an engine process gets for the pages that it is at when its time is over."""
MAX_ENGINES: Final = 16
"""Processes: each has its models in memory, and takes seconds to load them."""
_START_S: Final = 2.0
"""Seconds that a process takes to start, about: one for each of these that the pages take."""
_CHUNKS_AT_A_TIME: Final = 4
"""Chunks that a process may have when its time is over: it reads one, and takes in the next ones
while it does; one is on its way."""


def max_pages(config: OcrConfig) -> int:
    """The most pages that an engine reads without Ray, 0 for an engine that has a GPU."""
    spec, stages = spec_of(config.engine), config.stages
    if spec.resources(config.engine).gpus:
        return 0
    in_time = stages.local_s * max_engines(config) / spec.page_s(config.engine)
    return int(min(stages.local_engine_pages, in_time))


def max_job_pages(config: OcrConfig) -> int:
    """The most pages of a job that may do without Ray, 0 where none may."""
    if config.retry == "failed":
        return 0  # the rows that are replaced have to be deleted before
    most = config.stages.local_pages
    return most if takes_layers(config) else min(most, max_pages(config))


def takes_layers(config: OcrConfig) -> bool:
    """Whether a text layer can be the answer to what the job asks, so that pages are looked at."""
    if config.text_layer == "only":
        return True
    return config.text_layer != "never" and config.task in ("markdown", "text")


def max_engines(config: OcrConfig) -> int:
    """Engines that Ray would run on this machine, as far as they are no more than here."""
    cpus = config.ray.cpus or available_cpus()
    engines = config.engine.workers or spec_of(config.engine).workers(config.engine, cpus, 0)
    return min(max(1, engines), MAX_ENGINES)


def engines(config: OcrConfig, pages: int) -> int:
    """How many processes it takes for some pages."""
    page_s = spec_of(config.engine).page_s(config.engine)
    return min(max_engines(config), math.ceil(pages * page_s / _START_S)) if pages else 0


def max_chunk(config: OcrConfig) -> int:
    """The most pages that a process takes at a time."""
    in_time = GRACE_S / _CHUNKS_AT_A_TIME / spec_of(config.engine).page_s(config.engine)
    return max(1, min(config.stages.pages_per_task, int(in_time)))


def may_settle_here(config: OcrConfig, planned: PlanSummary) -> bool:
    """Whether a job is begun without Ray.

    Args:
        config: The job.
        planned: Sums of its plan.
    """
    return 0 < planned.todo.rows <= max_job_pages(config)
