"""What the routes share: reading bodies, deadlines, streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import StreamingResponse

from serving.errors import ApiError
from serving.http import streaming
from serving.http.middleware import Record

T = TypeVar("T")

EVENTS: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
_HEARTBEATS: Final = {EVENTS: ": waiting\n\n", LINES: "\n"}
"""What readers of either format skip."""
_INLINE_BYTES: Final = 1 << 16
"""A larger body is parsed beside the event loop."""
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def off_loop(parse: Callable[..., T], body: Mapping[str, Any], *more: Any) -> T:
    """Call a parser of bodies beside the event loop: base64 of many MiB takes its time."""
    return await asyncio.to_thread(parse, body, *more)


async def json_body(request: Request) -> dict[str, Any]:
    """The body of a request as a JSON object.

    Raises:
        ApiError: 400 it is none, 415 it does not say that it is one.
    """
    if media_type(request) != "application/json":
        message = "send JSON with the header Content-Type: application/json"
        raise ApiError(415, "unsupported_media_type", message)
    content = await request.body()
    try:
        if len(content) > _INLINE_BYTES:
            body = await asyncio.to_thread(_parsed, content)
        else:
            body = _parsed(content)
    except ValueError as error:
        raise ApiError(400, "invalid_json", f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_type", "the body must be a JSON object")
    return body


def _parsed(content: bytes) -> Any:
    return from_json(content, allow_inf_nan=False)


def media_type(request: Request) -> str:
    """What the request says that its body is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@asynccontextmanager
async def until(late_s: float) -> AsyncIterator[None]:
    """Give what is inside time until then, by `time.monotonic`.

    Raises:
        ApiError: 504, it took longer.
    """
    try:
        async with asyncio.timeout(late_s - time.monotonic()):
            yield
    except TimeoutError:
        raise streaming.late() from None


async def streamed(
    pieces: AsyncIterator[str],
    record: Record,
    *,
    late_s: float,
    heartbeat_s: float,
    media_type: str,
    say: Callable[[ApiError], str],
) -> StreamingResponse:
    """A response that is sent piece by piece.

    Args:
        pieces: What is sent.
        record: Told of an error in the middle.
        late_s: When it must be over, by `time.monotonic`.
        heartbeat_s: Seconds of silence that are allowed.
        media_type: `EVENTS` or `LINES`.
        say: Makes the last piece of a stream that breaks.

    Raises:
        ApiError: What fails before the first piece.
    """
    async with until(late_s):
        pieces = await streaming.begun(pieces)
    heartbeat = _HEARTBEATS[media_type]
    alive = streaming.paced(pieces, deadline_s=late_s, heartbeat_s=heartbeat_s, heartbeat=heartbeat)
    safe = streaming.guarded(alive, say, record.note)
    return StreamingResponse(safe, media_type=media_type, headers=_HEADERS)
