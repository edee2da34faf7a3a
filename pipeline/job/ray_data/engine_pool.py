"""How many engines run side by side, how much work each gets at a time, and the buffer for it."""

from __future__ import annotations

from ray.data import ActorPoolStrategy

from pipeline.config import EngineConfig, OcrOptions
from pipeline.engines.registry import pages_in_flight, spec_of
from pipeline.job import ray_cluster

_MIN_BUFFER_MIB = 1024
_PAGE_MIB = 8


def engine_workers(engine: EngineConfig) -> int:
    """Engines that run side by side."""
    if engine.workers:
        return engine.workers
    return max(1, spec_of(engine).workers(engine, ray_cluster.cpus(), ray_cluster.gpus()))


def engine_pool(engine: EngineConfig, size: int, rows: int) -> ActorPoolStrategy:
    """The actors of the last stage, with enough calls at a time to keep each engine busy.

    A call ends with its slowest page. Where answers differ much in length, most pages of a call may
    be done long before: then the engine gets more calls (`EngineSpec.calls_factor`), of which
    `stages.recognise.Recognise` admits no more pages than suit the engine.

    Args:
        engine: Which engine.
        size: Engines that run side by side.
        rows: Pages of a call.
    """
    calls = -(-pages_in_flight(engine) // rows) * spec_of(engine).calls_factor
    return ActorPoolStrategy(
        # A GPU is reserved from the start: its engine takes minutes to load. Others start with the
        # work, so that a small job does not wait for processes that it does not need.
        min_size=size if spec_of(engine).resources(engine).gpus else 1,
        max_size=max(size, engine.max_workers),
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=calls + 1,
    )


def buffer_mib(options: OcrOptions) -> int:
    """Memory for pages between the stages, MiB: enough that no engine waits."""
    in_flight = engine_workers(options.engine) * pages_in_flight(options.engine)
    return options.stages.buffer_mib or max(_MIN_BUFFER_MIB, 2 * in_flight * _PAGE_MIB)
