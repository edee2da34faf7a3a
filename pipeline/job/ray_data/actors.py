"""What all workers of a job share, in one actor that reserves no CPU.

One process, because a process costs a second of CPU time to start: `SharedState` is the handle,
and each part has threads of its own, so that none waits for another.
"""

from __future__ import annotations

import atexit
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

import pyarrow as pa
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.config import OutputConfig
from pipeline.errors import JobError
from pipeline.job.metrics import JobMetrics, SendReport, StageReport
from pipeline.job.ray_data.errors import result_of
from pipeline.job.stages.quarantine import Isolation, PageMonitor, Quarantine
from pipeline.job.stages.settled import Check, SettledRows, SettledSink, unchecked
from pipeline.output.receipt import StageMetrics
from pipeline.output.totals import Summary
from pipeline.storage.paths import AnyPath

_THREADS = {"metrics": 1, "quarantine": 1, "settled": 1}
_EXIT_S = 30
"""Seconds in which a worker ends after its Python has."""

F = TypeVar("F", bound=Callable[..., Any])


def _runs_in(group: str) -> Callable[[F], F]:
    """Have a method run in a group of `_THREADS`."""
    return ray.method(concurrency_group=group)  # type: ignore[no-any-return]


def _on_the_drivers_node() -> dict[str, Any]:
    """Options of an actor that must not be lost with another machine.

    The affinity is not soft: Ray then places the actor on any other node as well.
    """
    here = ray.get_runtime_context().get_node_id()
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}


class _JobState:
    """Runs as the actor. Not restarted after a crash: rows that it held would be lost."""

    def __init__(self, max_solo_crashes: int) -> None:
        self._metrics = JobMetrics()
        self._quarantine = Quarantine(max_solo_crashes)
        self._settled: dict[str, SettledRows] = {}

    @_runs_in("metrics")
    def add_report(self, report: StageReport) -> None:
        self._metrics.add(report)

    @_runs_in("metrics")
    def leave_out(self, part: int, counts: Counter[str]) -> None:
        self._metrics.leave_out(part, counts)

    @_runs_in("metrics")
    def left_out(self) -> Counter[str]:
        return self._metrics.left_out()

    @_runs_in("metrics")
    def stages(self) -> dict[str, StageMetrics]:
        return self._metrics.stages()

    @_runs_in("quarantine")
    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        return self._quarantine.begin(keys)

    @_runs_in("quarantine")
    def enter(self, key: str, *, solo: bool) -> None:
        self._quarantine.enter(key, solo=solo)

    @_runs_in("quarantine")
    def finish(self, keys: Sequence[str]) -> None:
        self._quarantine.finish(keys)

    @_runs_in("settled")
    def open_settled(
        self, folder: AnyPath, prefix: str, config: OutputConfig, check: Check
    ) -> None:
        self._settled[prefix] = SettledRows(folder, prefix, config, check=check)

    @_runs_in("settled")
    def take(
        self, prefix: str, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        return self._settled[prefix].take(positions, rows, others)

    @_runs_in("settled")
    def close_settled(self, prefix: str) -> Summary:
        # Removed first: a worker that outlived its pass must not add rows to it any more.
        return self._settled.pop(prefix).finish()


class SharedState:
    """Metrics, quarantine and settled rows of one job.

    Args:
        max_solo_crashes: Crashes of workers that ran a page alone before it counts as poison.
    """

    def __init__(self, max_solo_crashes: int) -> None:
        # Ray Data starts a crashed worker again and gives it the same pages, without end. Because
        # of that a crash loses no page; the quarantine ends the repetition.
        options = _on_the_drivers_node() | {"concurrency_groups": _THREADS}
        self._actor = ray.remote(**options)(_JobState).remote(max_solo_crashes)

    def send(self) -> SendReport:
        """What workers report to."""
        return _Sender(self._actor)

    def leave_out(self) -> Callable[[int, Counter[str]], object]:
        """What workers report files to that are left out; it returns when they are counted."""
        return partial(_leave_out, self._actor)

    def left_out(self) -> Counter[str]:
        """Files that are no documents by their ending, by ending."""
        return _result(self._actor.left_out.remote())  # type: ignore[no-any-return]

    def stages(self) -> dict[str, StageMetrics]:
        """The sums so far, by stage."""
        return _result(self._actor.stages.remote())  # type: ignore[no-any-return]

    def monitor(self, stage: str) -> PageMonitor:
        """What the workers of a stage report their pages to."""
        return _SharedMonitor(self._actor, stage)

    @contextmanager
    def settled(
        self,
        folder: AnyPath,
        prefix: str,
        config: OutputConfig,
        total: Summary,
        check: Check = unchecked,
    ) -> Iterator[SettledSink]:
        """Take the rows of settled pages for the time of a pass.

        Args:
            folder: Where their shards go.
            prefix: The first part of the shards' names, unique to the pass.
            config: Size of the shards.
            total: The sum to add to when the pass ends, or stalls: its rows are whole.
            check: As for `SettledRows`; it can be pickled.

        Raises:
            JobError: A shard cannot be written.
        """
        _result(self._actor.open_settled.remote(folder, prefix, config, check))
        try:
            yield _SharedSink(self._actor, prefix)
        finally:
            total.merge(_result(self._actor.close_settled.remote(prefix)))


class _Sender:
    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __call__(self, report: StageReport) -> None:
        _end_in_time()
        self._actor.add_report.remote(report)


@cache
def _end_in_time() -> None:
    """Have the kernel end this worker should it hang when it ends.

    Where the driver and with it the raylet are killed, Ray 2.60 (`CoreWorkerProcess::HandleAtExit`)
    may wait for a lock that it holds itself, and the worker's memory would stay taken for ever.
    """
    atexit.register(signal.alarm, _EXIT_S)


def _leave_out(actor: Any, part: int, counts: Counter[str]) -> None:
    _result(actor.leave_out.remote(part, counts))


class _SharedMonitor:
    def __init__(self, actor: Any, stage: str) -> None:
        self._actor = actor
        self._stage = stage

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        return _result(self._actor.begin.remote(self._keys(keys)))  # type: ignore[no-any-return]

    def enter(self, key: str, *, solo: bool) -> None:
        _result(self._actor.enter.remote(*self._keys([key]), solo=solo))

    def finish(self, keys: Sequence[str]) -> None:
        self._actor.finish.remote(self._keys(keys))

    def _keys(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._stage} {key}" for key in keys]


class _SharedSink:
    def __init__(self, actor: Any, prefix: str) -> None:
        self._actor, self._prefix = actor, prefix

    def take(
        self, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        # Waits: should this worker end right after its task, the rows are safe.
        taken = self._actor.take.remote(self._prefix, positions, rows, others)
        return _result(taken)  # type: ignore[no-any-return]


def _result(ref: ray.ObjectRef) -> Any:
    """The result of a call of the actor.

    Raises:
        JobError: As the call did, or the actor's process is gone.
    """
    try:
        return result_of(ref)
    except ray.exceptions.RayActorError as error:
        message = "the process that holds the job's state has ended (is memory used up?)"
        raise JobError(f"{message}; rows that were written stay: run the command again") from error
