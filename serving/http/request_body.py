"""The body of a request: bounded in size and time; and whether its caller has gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from starlette.types import Message, Receive

from serving.config import LimitConfig
from serving.errors import ApiError

_MIB: Final = 1 << 20


class RequestBody:
    """Receives a body.

    Args:
        receive: The server's.
        limits: `upload_s` is used.
        max_mib: Maximum size, MiB.
    """

    def __init__(self, receive: Receive, limits: LimitConfig, max_mib: float) -> None:
        self._receive = receive
        self._max_mib = max_mib
        self._left = int(max_mib * _MIB)
        self._deadline_s = time.monotonic() + limits.upload_s
        self._has_arrived = asyncio.Event()
        self._disconnect: asyncio.Future[Message] | None = None

    async def receive(self) -> Message:
        """The next message. After the body it is the disconnect, which may come at any time.

        Raises:
            ApiError: 413 too large, 408 too late.
        """
        if self._has_arrived.is_set():
            return await self._gone()
        try:
            async with asyncio.timeout(max(0.0, self._deadline_s - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            text = "the body took longer to arrive than limits.upload_s"
            raise ApiError(408, "upload_timeout", text) from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise too_large(self._max_mib)
        if not message.get("more_body", False):
            self._has_arrived.set()
        return message

    async def disconnected(self) -> None:
        """Wait until the caller has gone, who has sent the whole body before."""
        await self._has_arrived.wait()
        await self._gone()

    async def _gone(self) -> Message:
        # Servers expect one reader: an answer that is streamed waits for the disconnect too.
        if self._disconnect is None:
            self._disconnect = asyncio.ensure_future(self._next())
        return await asyncio.shield(self._disconnect)

    async def _next(self) -> Message:
        try:
            return await self._receive()
        except Exception:  # Serve's, where its proxy has dropped the request first
            return {"type": "http.disconnect"}

    def close(self) -> None:
        """Wait for nothing more."""
        if self._disconnect is not None:
            self._disconnect.cancel()


def check_length(headers: Mapping[str, str], max_mib: float) -> None:
    """Refuse a body that says that it is too large, before it arrives.

    Raises:
        ApiError: 413.
    """
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > max_mib * _MIB:
        raise too_large(max_mib)


def too_large(max_mib: float) -> ApiError:
    """The error for a body over the limit, MiB."""
    message = f"the body is larger than {max_mib:g} MiB (limits.body_mib, or limits.upload_mib)"
    return ApiError(413, "body_too_large", message)
