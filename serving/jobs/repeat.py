"""Does something again and again in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


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
