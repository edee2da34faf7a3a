"""A semaphore whose holders may count for more than one. For one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class WeightedSemaphore:
    """Admits waiters in the order in which they come, so that a heavy one is not starved.

    Args:
        capacity: The sum of weights that may be held at a time.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def acquire(self, weight: int = 1) -> AsyncIterator[None]:
        """Hold `weight` of the capacity inside; all of it to run alone."""
        await self._take(weight)
        try:
            yield
        finally:
            self._release(weight)

    async def _take(self, weight: int) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._queue.append((weight, waiter))
        self._admit()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._admit()  # the next one may fit now
            else:
                self._release(weight)
            raise

    def _release(self, weight: int) -> None:
        self._free += weight
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            weight, waiter = self._queue[0]
            if not waiter.cancelled():
                if weight > self._free:
                    return
                self._free -= weight
                waiter.set_result(None)
            self._queue.popleft()
