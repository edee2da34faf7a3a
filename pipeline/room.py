"""Room for so many at a time, or for one alone. For one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """Lets `places` in together, or one by itself.

    Args:
        places: How many at a time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._inside = 0
        self._loners = 0
        self._change = asyncio.Condition()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Be one of many."""
        async with self._entered(1):
            yield

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only one. Whoever comes later waits, so that this is not put off for ever."""
        self._loners += 1
        try:
            async with self._entered(self._places, is_loner=True):
                yield
        finally:
            self._loners -= 1
            async with self._change:
                self._change.notify_all()

    @asynccontextmanager
    async def _entered(self, places: int, *, is_loner: bool = False) -> AsyncIterator[None]:
        def has_room() -> bool:
            waits_for_loner = self._loners and not is_loner
            return not waits_for_loner and self._inside + places <= self._places

        async with self._change:
            await self._change.wait_for(has_room)
            self._inside += places
        try:
            yield
        finally:
            async with self._change:
                self._inside -= places
                self._change.notify_all()
