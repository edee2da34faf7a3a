"""Room for so many at a time, of which one may take up several places. For one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """Lets in who fits, in the order in which they come: nobody is put off for ever.

    Args:
        places: How many there are.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, places: int = 1) -> AsyncIterator[None]:
        """Wait for so many places and hold them for the time inside; all of them: be alone."""
        await self._take(places)
        try:
            yield
        finally:
            self._give(places)

    async def _take(self, places: int) -> None:
        ticket = asyncio.get_running_loop().create_future()
        self._queue.append((places, ticket))
        self._admit()
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.cancelled():
                self._admit()  # whoever is behind may fit
            else:
                self._give(places)
            raise

    def _give(self, places: int) -> None:
        self._free += places
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            places, ticket = self._queue[0]
            if not ticket.cancelled():
                if places > self._free:
                    return
                self._free -= places
                ticket.set_result(None)
            self._queue.popleft()
