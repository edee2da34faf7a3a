"""Ends the answers of an ingress replica when the service stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from serving.errors import ApiError

_RETRY_AFTER_S: Final = 5.0
_CUT_S: Final = 3.0
"""Seconds in which answers that are cut off have to end."""
_log = logging.getLogger(__name__)


def stopping() -> ApiError:
    """The error for a request to a service that stops."""
    message = "the service is stopping; send this again"
    return ApiError(503, "stopping", message, retry_after_s=_RETRY_AFTER_S)


class Drain:
    """Runs the answers of a replica, until it is told to end them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._cut = asyncio.Event()

    async def run(self, answer: Coroutine[Any, Any, None]) -> None:
        """Answer one request.

        Args:
            answer: Does it.

        Raises:
            ApiError: 503: the service stops, and the answer was not begun, or not finished in time.
        """
        if self._is_stopping:
            answer.close()
            raise stopping()
        task = asyncio.ensure_future(answer)
        self._running.add(task)
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._cut.is_set() and not (current and current.cancelling()):
                raise stopping() from None
            raise
        finally:
            self._running.discard(task)

    async def finish(self, grace_s: float, other: Coroutine[Any, Any, None] | None = None) -> int:
        """Refuse new requests, let the running ones finish, and cut off what is left.

        Args:
            grace_s: Seconds that they get.
            other: What ends beside them. It is not waited for any longer than they are.

        Returns:
            How many were cut off.
        """
        self._is_stopping = True
        if grace_s <= 0:
            self._cut.set()
        if other is None:
            return await self._end_answers(grace_s)
        ending = asyncio.ensure_future(other)
        cut_off, _ = await asyncio.gather(
            self._end_answers(grace_s), self._wait_for(ending, grace_s)
        )
        return cut_off

    async def _end_answers(self, grace_s: float) -> int:
        if not self._running:
            return 0
        _, left = await asyncio.wait(self._running, timeout=grace_s)
        if left:
            self._cut.set()
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CUT_S)
        return len(left)

    async def _wait_for(self, ending: asyncio.Future[Any], grace_s: float) -> None:
        """Wait as long as for answers: until they are cut off, and a little longer."""
        cut: asyncio.Future[Any] = asyncio.ensure_future(self._cut.wait())
        await asyncio.wait({ending, cut}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        await asyncio.wait({ending}, timeout=_CUT_S)
        if not ending.done():
            _log.warning("work on jobs has not ended in time; it goes on after the next start")
        elif error := ending.exception():
            _log.error("work on jobs ended with an error", exc_info=error)
