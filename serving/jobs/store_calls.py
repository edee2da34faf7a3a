"""Calls of the store in threads, and what a caller is told of a store that does not answer.

The threads are a pool of their own: calls that wait for a store must not keep those of other
requests from a thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final, ParamSpec, TypeVar

from pipeline.errors import DocumentError, ErrorKind, JobError
from serving.errors import ApiError

P = ParamSpec("P")
T = TypeVar("T")

_RETRY_S: Final = 10.0
_POOL: Final = ThreadPoolExecutor(64, "rayscribe-store")
_log = logging.getLogger(__name__)


async def to_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that blocks, as `asyncio.to_thread` does, in a thread for the store."""
    run = partial(contextvars.copy_context().run, call, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_POOL, run)


async def asked(limit_s: float, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read something for a request.

    Args:
        limit_s: Seconds in which the store must answer.
        call: Reads, and may raise an `ApiError` of its own.
        args: Its arguments.
        kwargs: The same.

    Raises:
        ApiError: 503: the store does not answer.
        FileNotFoundError: Something is not there.
    """
    async with limited(limit_s):
        return await to_thread(call, *args, **kwargs)


async def asked_in_steps(limit_s: float, call: Callable[[Callable[[], object]], T]) -> T:
    """Read something of many parts for a request: as `asked`, with the limit for each part.

    Args:
        limit_s: Seconds in which the store must answer.
        call: Reads, and calls its argument after each part.

    Raises:
        ApiError: 503: the store does not answer.
        FileNotFoundError: Something is not there.
    """
    loop = asyncio.get_running_loop()
    async with limited(limit_s) as limit:

        def renew() -> None:
            with suppress(RuntimeError):  # the wait has ended
                limit.reschedule(loop.time() + limit_s)

        return await to_thread(call, partial(loop.call_soon_threadsafe, renew))


@asynccontextmanager
async def limited(limit_s: float) -> AsyncIterator[asyncio.Timeout]:
    """Wait for the store, or for others who wait for it, within the block.

    Args:
        limit_s: Seconds that the block may take.

    Raises:
        ApiError: 503: the store does not answer.
    """
    with errors_as_unavailable():
        async with asyncio.timeout(limit_s) as limit:
            yield limit


async def done(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write or remove something for a request: as `asked`, however long the store tries.

    What is given up would still be written some time, and nobody would know of it.
    """
    with errors_as_unavailable():
        return await to_thread(call, *args, **kwargs)


def guarded(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Pieces that are read from the store. Blocks.

    Raises:
        ApiError: 503: the store does not answer.
    """
    with errors_as_unavailable():
        yield from pieces


async def streamed(
    first: bytes, pieces: Generator[bytes, None, None]
) -> AsyncGenerator[bytes, None]:
    """Pieces for a response, each read in a thread for the store.

    An iterator that blocks would be read in threads that Starlette shares with uploads.

    Args:
        first: The first one, which has been read.
        pieces: The others. They are closed at the end, also where the caller leaves before.

    Raises:
        ApiError: As the pieces.
    """
    turn = threading.Lock()

    def following() -> bytes | None:
        with turn:
            return next(pieces, None)

    def close() -> None:
        with turn:  # a thread may still be reading the piece that nobody waits for any more
            pieces.close()

    try:
        yield first
        while (piece := await to_thread(following)) is not None:
            yield piece
    finally:
        _POOL.submit(close)


@contextmanager
def errors_as_unavailable() -> Iterator[None]:
    """Turn errors of the store into one of the API, and log what it was.

    Raises:
        ApiError: 503: the store does not answer.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (JobError, DocumentError, OSError) as error:
        if isinstance(error, DocumentError) and error.kind is ErrorKind.NOT_FOUND:
            raise FileNotFoundError(str(error)) from None
        _log.error("the store of jobs does not answer: %s", str(error) or repr(error))
        message = "jobs and files cannot be reached now; try again later"
        raise ApiError(503, "store_unavailable", message, retry_after_s=_RETRY_S) from None
