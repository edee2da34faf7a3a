"""Does something in the background that is never cancelled in its middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import ParamSpec, TypeVar

from serving.jobs.store_calls import to_thread

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that blocks; a cancellation waits for its end.

    With `store_calls.to_thread` the thread would go on after the lock of a job has been given up.
    """
    task = asyncio.ensure_future(to_thread(call, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait({task})


@asynccontextmanager
async def repeated(action: Callable[[], Awaitable[None]], period_s: float) -> AsyncIterator[None]:
    """Repeat an action for the time inside.

    It is never cancelled in its middle: a thread that it waits for would go on, and might overwrite
    what is written after the block.

    Args:
        action: Raises nothing.
        period_s: Seconds between its end and its next begin.
    """
    stop = asyncio.Event()

    async def repeat() -> None:
        while not stop.is_set():
            await action()
            with suppress(TimeoutError):
                async with asyncio.timeout(period_s):
                    await stop.wait()

    task = asyncio.ensure_future(repeat())
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait({task})
