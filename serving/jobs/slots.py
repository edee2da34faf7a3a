"""Keeps the pages of jobs behind those of other requests. Pure, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Slots:
    """At most so many pages of jobs at a time, and one while pages of other requests wait.

    One, not none: under constant load jobs would never end.

    Args:
        count: Pages at a time.
        others: Pages of other requests that are still to be read.
        check_s: Seconds between two looks at `others` where a page waits.
    """

    def __init__(self, count: int, others: Callable[[], int], check_s: float = 0.05) -> None:
        self._count = count
        self._others = others
        self._check_s = check_s
        self._taken = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[None]:
        """Hold a slot for the time inside. Those who wait get one in their order."""
        async with self._turn:
            while self._taken >= self._allowed():
                self._freed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._check_s):
                        await self._freed.wait()
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._freed.set()

    def _allowed(self) -> int:
        return 1 if self._others() else self._count
