"""What all workers of a job share, as actors that reserve no CPU: metrics and quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.job.metrics import JobMetrics, SendReport, StageReport
from pipeline.job.stages.quarantine import Isolation, PageMonitor, Quarantine
from pipeline.output.receipt import StageMetrics


def _on_the_drivers_node() -> dict[str, Any]:
    """Options of an actor that must not be lost with another machine.

    The affinity is not soft: Ray then places the actor on any other node as well.
    """
    here = ray.get_runtime_context().get_node_id()
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}


class SharedMetrics:
    """One `JobMetrics` for all workers of a job."""

    def __init__(self) -> None:
        self._actor = ray.remote(**_on_the_drivers_node())(JobMetrics).remote()

    def send(self) -> SendReport:
        """What workers report to."""
        return _Sender(self._actor)

    def leave_out(self) -> Callable[[int, Counter[str]], object]:
        """What workers report files to that are left out; it returns when they are counted."""
        return partial(_leave_out, self._actor)

    def left_out(self) -> Counter[str]:
        """Files that are no documents by their ending, by ending."""
        return ray.get(self._actor.left_out.remote())  # type: ignore[no-any-return]

    def stages(self) -> dict[str, StageMetrics]:
        """The sums so far, by stage."""
        return ray.get(self._actor.stages.remote())  # type: ignore[no-any-return]


class _Sender:
    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __call__(self, report: StageReport) -> None:
        self._actor.add.remote(report)


def _leave_out(actor: Any, part: int, counts: Counter[str]) -> None:
    ray.get(actor.leave_out.remote(part, counts))


class SharedQuarantine:
    """One `Quarantine` for all workers of a job.

    Ray Data starts a crashed worker again and gives it the same pages, without end. Because of that
    a crash loses no page; the quarantine ends the repetition.

    Args:
        max_solo_crashes: Crashes of workers that ran a page alone before it counts as poison.
    """

    def __init__(self, max_solo_crashes: int) -> None:
        # Should the actor itself crash, its state is found out again.
        restarts = {"max_restarts": -1, "max_task_retries": -1}
        options = _on_the_drivers_node() | restarts
        self._actor = ray.remote(**options)(Quarantine).remote(max_solo_crashes)

    def monitor(self, stage: str) -> PageMonitor:
        """What the workers of a stage report their pages to."""
        return _SharedMonitor(self._actor, stage)


class _SharedMonitor:
    def __init__(self, actor: Any, stage: str) -> None:
        self._actor = actor
        self._stage = stage

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        return ray.get(self._actor.begin.remote(self._keys(keys)))  # type: ignore[no-any-return]

    def enter(self, key: str, *, solo: bool) -> None:
        ray.get(self._actor.enter.remote(*self._keys([key]), solo=solo))

    def finish(self, keys: Sequence[str]) -> None:
        self._actor.finish.remote(self._keys(keys))

    def _keys(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._stage} {key}" for key in keys]
