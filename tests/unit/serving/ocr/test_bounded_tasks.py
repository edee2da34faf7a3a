"""Coroutines that run concurrently, with a maximum."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from serving.ocr import bounded_tasks


class Jobs:
    """Jobs that take the given seconds; counts those that run and those that were cancelled."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.running = self.max_running = self.cancelled = 0

    def __iter__(self) -> Iterator[Callable[[], Awaitable[int]]]:
        return (self.job(index) for index in range(len(self.seconds)))

    def job(self, index: int) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            self.running += 1
            self.max_running = max(self.max_running, self.running)
            try:
                await asyncio.sleep(self.seconds[index])
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.running -= 1
            return index

        return run


async def test_results_come_in_the_order_of_the_jobs() -> None:
    jobs = Jobs(0.1, 0, 0.05, 0)
    assert [one async for one in bounded_tasks.in_order(jobs, 3)] == [0, 1, 2, 3]
    assert jobs.max_running == 3


async def test_results_come_as_they_are_completed() -> None:
    jobs = Jobs(1, 0.1, 0, 0.1)
    assert [one async for one in bounded_tasks.as_completed(jobs, 2)] == [1, 2, 3, 0]
    assert jobs.max_running == 2


@pytest.mark.parametrize("run", [bounded_tasks.in_order, bounded_tasks.as_completed])
async def test_closing_cancels_what_runs(run: Callable[..., object]) -> None:
    jobs = Jobs(0, 60, 60, 60)
    results = run(jobs, 3)
    assert await anext(results) == 0
    await results.aclose()
    assert (jobs.running, jobs.cancelled) == (0, 2)
