"""Ends the answers of an ingress replica when the service stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from serving.errors import ApiError

_RETRY_AFTER_S: Final = 5.0
_CUT_S: Final = 3.0
"""Seconds in which answers that are cut off have to end."""


def stopping() -> ApiError:
    """The error for a request to a service that stops."""
    message = "the service is stopping; send this again"
    return ApiError(503, "stopping", message, retry_after_s=_RETRY_AFTER_S)


class Drain:
    """Runs the answers of a replica, until it is told to end them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._is_cut = False

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
            if self._is_cut and not (current and current.cancelling()):
                raise stopping() from None
            raise
        finally:
            self._running.discard(task)

    async def finish(self, grace_s: float) -> int:
        """Refuse new requests, let the running ones finish, and cut off what is left.

        Args:
            grace_s: Seconds that they get.

        Returns:
            How many were cut off.
        """
        self._is_stopping = True
        if not self._running:
            return 0
        _, left = await asyncio.wait(self._running, timeout=grace_s)
        self._is_cut = True
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CUT_S)
        return len(left)
