"""Streamed responses: deadline, heartbeats, and an error event where a stream breaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from starlette.responses import StreamingResponse

from serving.errors import ApiError
from serving.http.middleware import LogEntry
from serving.http.stream_formats import StreamFormat

T = TypeVar("T")

_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_log = logging.getLogger(__name__)


async def response(
    pieces: AsyncIterator[str],
    entry: LogEntry,
    stream_format: StreamFormat,
    *,
    deadline_s: float,
    heartbeat_s: float,
) -> StreamingResponse:
    """Make a streamed response, after the first piece is there.

    Args:
        pieces: What is sent.
        entry: Gets the code of an error that ends the stream.
        stream_format: How the stream is written.
        deadline_s: When the last piece must be sent, by `time.monotonic`.
        heartbeat_s: Seconds without a piece after which a heartbeat is sent.

    Raises:
        ApiError: Anything that fails before the first piece.
    """
    async with timeout_at(deadline_s):
        pieces = await peek_first(pieces)
    pieces = with_heartbeats(
        pieces,
        deadline_s=deadline_s,
        heartbeat_s=heartbeat_s,
        heartbeat=stream_format.heartbeat,
    )
    pieces = with_error_event(pieces, stream_format.error, entry.set_error)
    return StreamingResponse(pieces, media_type=stream_format.media_type, headers=_HEADERS)


@asynccontextmanager
async def timeout_at(deadline_s: float) -> AsyncIterator[None]:
    """Cancel the block at a deadline, given by `time.monotonic`.

    Raises:
        ApiError: 504, the deadline has passed.
    """
    try:
        async with asyncio.timeout(deadline_s - time.monotonic()):
            yield
    except TimeoutError:
        raise deadline_exceeded() from None


def deadline_exceeded() -> ApiError:
    """The error for an answer that is not complete at its deadline."""
    return ApiError(504, "timeout", "the answer took longer than limits.request_s")


async def peek_first(pieces: AsyncIterator[T]) -> AsyncIterator[T]:
    """Wait for the first piece, so that an error before it can still set the HTTP status.

    Returns:
        All pieces, the first one included.
    """
    try:
        first = await anext(pieces)
    except StopAsyncIteration:
        return _chained(None, pieces)
    return _chained((first,), pieces)


async def _chained(first: tuple[T] | None, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        if first is not None:
            yield first[0]
        async for piece in rest:
            yield piece
    finally:
        await close(rest)


async def with_heartbeats(
    pieces: AsyncIterator[str], *, deadline_s: float, heartbeat_s: float, heartbeat: str
) -> AsyncIterator[str]:
    """Yield the pieces, and a heartbeat whenever none came for a while.

    Args:
        pieces: What is sent.
        deadline_s: When the last piece must be there, by `time.monotonic`.
        heartbeat_s: Seconds without a piece after which a heartbeat is yielded.
        heartbeat: The text of a heartbeat, "" for none.

    Raises:
        ApiError: 504, the deadline has passed.
    """
    task: asyncio.Future[str] | None = None
    try:
        while True:
            task = asyncio.ensure_future(_next(pieces))
            while not task.done():
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise deadline_exceeded()
                await asyncio.wait({task}, timeout=min(left_s, heartbeat_s))
                if heartbeat and not task.done() and time.monotonic() < deadline_s:
                    yield heartbeat
            try:
                piece = task.result()
            except StopAsyncIteration:
                return
            yield piece
    finally:
        if task is not None:
            await _cancelled(task)
        await close(pieces)


async def with_error_event(
    pieces: AsyncIterator[str],
    to_event: Callable[[ApiError], str],
    on_error: Callable[[ApiError], None],
) -> AsyncIterator[str]:
    """Yield the pieces; an exception among them becomes a last piece.

    Args:
        pieces: What is sent.
        to_event: Writes an error as a piece.
        on_error: Called with the error.
    """
    try:
        async for piece in pieces:
            yield piece
    except ApiError as error:
        on_error(error)
        yield to_event(error)
    except Exception:
        _log.exception("a stream broke")
        internal = ApiError(500, "internal", "the server failed on this answer; please report it")
        on_error(internal)
        yield to_event(internal)
    finally:
        await close(pieces)


async def coalesce(
    pieces: AsyncIterator[str], pause_s: Callable[[], float]
) -> AsyncGenerator[str, None]:
    """Concatenate pieces that come within a pause, so that Serve has fewer to transport.

    The first piece is yielded at once, and so is the rest when the source ends. No piece waits
    longer than one pause.

    Args:
        pieces: What is sent.
        pause_s: Seconds between two pieces, called after each.
    """
    ready, waiting = asyncio.Event(), list[str]()

    async def collect() -> None:
        try:
            async for piece in pieces:
                waiting.append(piece)
                ready.set()
        finally:
            ready.set()

    task = asyncio.ensure_future(collect())
    try:
        while not (task.done() and not waiting):
            await ready.wait()
            ready.clear()
            if waiting:
                piece = "".join(waiting)
                waiting.clear()
                yield piece
                if not task.done():
                    await asyncio.wait({task}, timeout=pause_s())
            if task.done():
                ready.set()
        task.result()
    finally:
        await _cancelled(task)
        await close(pieces)


async def close(pieces: AsyncIterator[T]) -> None:
    """Close an iterator now, not when it is garbage-collected: it may hold a replica's slot."""
    closing = getattr(pieces, "aclose", None)
    if closing is not None:
        await closing()


async def _cancelled(task: asyncio.Future[T]) -> None:
    """Cancel a task and wait until it has ended; its result or error is dropped."""
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


async def _next(pieces: AsyncIterator[T]) -> T:
    return await anext(pieces)
