"""How many engines run side by side, what each reserves, and how much work each gets at a time."""

from __future__ import annotations

from ray.data import ActorPoolStrategy

from pipeline.config import EngineConfig, OcrOptions
from pipeline.engines import base
from pipeline.job import ray_cluster

_MIN_BUFFER_MIB = 1024
_PAGE_MIB = 8


def engine_workers(engine: EngineConfig) -> int:
    """Engines that run side by side."""
    if engine.workers:
        return engine.workers
    if engine.kind == "vllm":
        gpus = engine_gpus(engine)
        return max(1, int(ray_cluster.gpus() / gpus)) if gpus else 1
    return max(1, ray_cluster.cpus() // _threads(engine))


def engine_pool(engine: EngineConfig, size: int, rows: int) -> ActorPoolStrategy:
    """The actors of the last stage, with enough calls at a time to keep each engine busy.

    A call ends with its slowest page. On vLLM, where answers differ in length by a factor of
    ten, half the pages of a call may be done long before: so it gets twice as many calls, of
    which `stages.recognise.Recognise` admits no more pages than suit the engine.

    Args:
        engine: Which engine.
        size: Engines at the start.
        rows: Pages of a call.
    """
    calls = -(-base.pages_in_flight(engine) // rows) * (2 if engine.kind == "vllm" else 1)
    return ActorPoolStrategy(
        min_size=size,
        max_size=max(size, engine.max_workers),
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=calls + 1,
    )


def engine_gpus(engine: EngineConfig) -> float:
    """GPUs that an engine reserves."""
    return engine.vllm.num_gpus if engine.kind == "vllm" else 0


def engine_cpus(engine: EngineConfig) -> float:
    """CPUs that an engine reserves: fewer than its threads, so that the other stages fit beside."""
    return 0.7 * _threads(engine)


def _threads(engine: EngineConfig) -> int:
    return engine.onnx.threads if engine.kind == "onnx" else 1


def buffer_mib(options: OcrOptions) -> int:
    """Memory for pages between the stages, MiB: an engine must not wait for want of it."""
    in_flight = engine_workers(options.engine) * base.pages_in_flight(options.engine)
    return options.stages.buffer_mib or max(_MIN_BUFFER_MIB, 2 * in_flight * _PAGE_MIB)
