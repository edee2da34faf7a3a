"""Whether the workers of a job find room on the machines of its cluster, and what they leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.config import OcrOptions
from pipeline.engines.base import Resources
from pipeline.engines.registry import spec_of
from pipeline.errors import ConfigError


def check(options: OcrOptions, machines: Iterable[Mapping[str, float]], *, is_own: bool) -> str:
    """Make sure that a renderer and an engine can be started: Ray waits for room without end.

    Args:
        options: The job's, with an engine.
        machines: Resources of each machine of the cluster, by Ray's names.
        is_own: Whether it is a Ray of the job's own, which gets no further machines.

    Returns:
        What to say of a cluster that has no room yet, "" where it has.

    Raises:
        ConfigError: The job's own Ray has no room.
    """
    reserved = spec_of(options.engine).resources(options.engine)
    render_cpus = options.stages.render_cpus if is_own else 0.0  # elsewhere on another machine
    if any(_fits(reserved, render_cpus, machine) for machine in machines):
        return ""
    needs = f"an engine reserves {_named(reserved)}"
    if not is_own:
        return f"{needs}, which no machine of the cluster has: waiting for one"
    raise ConfigError(
        f"{needs} and a renderer {render_cpus:g} CPUs, more than the job's Ray has; reserve less "
        "(engine.onnx.threads, engine.vllm.num_gpus, stages.render_cpus), raise ray.cpus, or run "
        "on a larger machine"
    )


def task_cpus(options: OcrOptions, cpus: float) -> float:
    """CPUs that a task which reads the plan reserves: no more than the actors leave it.

    On one CPU a renderer and an engine leave less than `stages.write_cpus`, and they stay until the
    last task is done.

    Args:
        options: The job's.
        cpus: CPUs of the cluster.
    """
    reserved = spec_of(options.engine).resources(options.engine).cpus
    left = round(cpus - options.stages.render_cpus - reserved, 3)
    return max(0.0, min(options.stages.write_cpus, left))


def _fits(reserved: Resources, render_cpus: float, machine: Mapping[str, Any]) -> bool:
    cpus, gpus = machine.get("CPU", 0.0), machine.get("GPU", 0.0)
    return bool(reserved.cpus + render_cpus <= cpus + 1e-6 and reserved.gpus <= gpus + 1e-6)


def _named(reserved: Resources) -> str:
    cpus = f"{reserved.cpus:g} CPUs"
    return f"{cpus} and {reserved.gpus:g} GPUs" if reserved.gpus else cpus
