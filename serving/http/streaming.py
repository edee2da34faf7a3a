"""What every stream needs: a deadline, a sign of life, and an end that says how it ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import TypeVar

from serving.errors import ApiError

T = TypeVar("T")

_log = logging.getLogger(__name__)


async def begun(pieces: AsyncIterator[T]) -> AsyncIterator[T]:
    """Wait for the first piece, so that what fails before it still has a status of its own.

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


async def paced(
    pieces: AsyncIterator[str], *, deadline_s: float, heartbeat_s: float, heartbeat: str
) -> AsyncIterator[str]:
    """The pieces, with a sign of life in long pauses.

    Args:
        pieces: What is sent.
        deadline_s: When it must be over, by `time.monotonic`.
        heartbeat_s: Seconds of silence that are allowed.
        heartbeat: Is sent after them.

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
                    raise late()
                await asyncio.wait({task}, timeout=min(left_s, heartbeat_s))
                if not task.done() and time.monotonic() < deadline_s:
                    yield heartbeat
            try:
                piece = task.result()
            except StopAsyncIteration:
                return
            yield piece
    finally:
        if task is not None and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        await close(pieces)


async def guarded(
    pieces: AsyncIterator[str], say: Callable[[ApiError], str], note: Callable[[ApiError], None]
) -> AsyncIterator[str]:
    """The pieces, and one that says what went wrong where something does.

    Args:
        pieces: What is sent.
        say: The last piece of a stream that breaks.
        note: Told of the error too.
    """
    try:
        async for piece in pieces:
            yield piece
    except ApiError as error:
        note(error)
        yield say(error)
    except Exception:
        _log.exception("a stream broke")
        broken = ApiError(500, "internal", "the server failed on this answer; please report it")
        note(broken)
        yield say(broken)
    finally:
        await close(pieces)


async def joined(
    pieces: AsyncIterator[str], pause_s: Callable[[], float]
) -> AsyncGenerator[str, None]:
    """The pieces, those that come while the last one was just sent joined to one.

    The first is handed on at once. What a piece costs on its way through Serve is paid once for
    all that are joined, and nobody waits longer than the pause. The last ones don't wait.

    Args:
        pieces: What is sent.
        pause_s: Seconds from one piece to the next, asked anew each time.
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
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
        await close(pieces)


def late() -> ApiError:
    """The error for an answer that is not there in time."""
    return ApiError(504, "timeout", "the answer took longer than limits.request_s")


async def close(pieces: AsyncIterator[T]) -> None:
    """End an iterator now, not when it is collected: what it holds must be let go."""
    closing = getattr(pieces, "aclose", None)
    if closing is not None:
        await closing()


async def _next(pieces: AsyncIterator[T]) -> T:
    return await anext(pieces)
