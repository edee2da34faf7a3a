"""Runs coroutines concurrently, with a maximum, and yields their results."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def in_order(
    jobs: Iterable[Callable[[], Awaitable[T]]], max_running: int
) -> AsyncGenerator[T, None]:
    """Yield results in the order of the jobs. Closing the generator cancels what runs.

    Args:
        jobs: Each makes an awaitable when it is started.
        max_running: Maximum jobs that run at a time.
    """
    running: deque[asyncio.Future[T]] = deque()
    try:
        for job in jobs:
            if len(running) >= max_running:
                yield await running[0]
                running.popleft()
            running.append(asyncio.ensure_future(job()))
        while running:
            yield await running[0]
            running.popleft()
    finally:
        await _cancel(running)


async def as_completed(
    jobs: Iterable[Callable[[], Awaitable[T]]], max_running: int
) -> AsyncGenerator[T, None]:
    """Yield results as soon as they are there. Closing the generator cancels what runs.

    Args:
        jobs: Each makes an awaitable when it is started.
        max_running: Maximum jobs that run at a time.
    """
    running: set[asyncio.Future[T]] = set()
    waiting = iter(jobs)
    try:
        while True:
            for job in waiting:
                running.add(asyncio.ensure_future(job()))
                if len(running) >= max_running:
                    break
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                yield task.result()
    finally:
        await _cancel(running)


async def _cancel(running: Iterable[asyncio.Future[T]]) -> None:
    left = list(running)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
