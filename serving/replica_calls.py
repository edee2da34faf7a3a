"""Calls to a model's replicas: waits for a cold start, tries another replica, gives up in time.

Knows Ray's exceptions and nothing else of Ray: what is called, and how many replicas run, are
functions, so a test needs no cluster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from serving.errors import ApiError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PATIENCE_S: Final = 1.0
"""A call that takes longer looks, this often, whether its model is cold."""
_RETRY_PAUSE_S: Final = 0.2
_UNKNOWN_WAIT_S: Final = 30.0
"""Retry-After while no start has been timed yet."""
_BUSY_RETRY_S: Final = 1.0


class Call(Protocol[T_co]):
    """A call under way: Ray Serve's `DeploymentResponse`."""

    def __await__(self) -> Any: ...

    def cancel(self) -> None:
        """Stop it."""


class StreamCall(Protocol[T_co]):
    """A stream under way: Ray Serve's `DeploymentResponseGenerator`."""

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    def cancel(self) -> None:
        """Stop it."""


class Replicas:
    """The replicas of one model.

    Args:
        name: The model's name, for messages.
        running: Counts the replicas that can answer now; None where that is not known.
        cold_wait_s: Seconds that a call waits for the first replica.
        retries: Times that a call goes to another replica after its own died.
    """

    def __init__(
        self,
        name: str,
        running: Callable[[], Awaitable[int | None]],
        cold_wait_s: float,
        retries: int,
    ) -> None:
        self._name = name
        self._running = running
        self._cold_wait_s = cold_wait_s
        self._retries = retries
        self._start_began_s: float | None = None
        self._start_took_s: float | None = None

    async def call(self, send: Callable[[], Call[T]]) -> T:
        """Call a replica and wait for its answer.

        Args:
            send: Makes the call; made again where the replica died. The answer must not depend
                on how often.

        Raises:
            ApiError: 429 too many wait already, 503 no replica in time or several died.
        """
        for attempt in range(self._retries + 1):
            call = send()
            try:
                return await self._waited(_result(call), call)
            except Exception as error:
                self._judge(error, attempt)
            await asyncio.sleep(_RETRY_PAUSE_S)
        raise AssertionError("unreachable")  # _judge raises on the last attempt

    async def stream(self, send: Callable[[], StreamCall[T]]) -> AsyncGenerator[T, None]:
        """Call a replica and yield its answer piece by piece.

        Another replica is tried as long as nothing has been yielded.

        Raises:
            ApiError: As `call`; 502 where the replica died in mid-answer.
        """
        for attempt in range(self._retries + 1):
            call = send()
            pieces = aiter(call)
            try:
                piece = await self._waited(_next(pieces), call)
            except StopAsyncIteration:
                return
            except Exception as error:
                self._judge(error, attempt)
                await asyncio.sleep(_RETRY_PAUSE_S)
                continue
            ended = False
            try:
                async for piece in self._rest(piece, pieces):  # noqa: B020 - the first is in it
                    yield piece
                ended = True
            finally:
                if not ended:  # the caller is gone: nobody wants the rest
                    call.cancel()
            return

    async def _rest(self, first: T, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
        yield first
        try:
            async for piece in pieces:
                yield piece
        except Exception as error:
            if not _is_death(error):
                raise
            message = f"the replica of {self._name} ended in the middle of this answer; ask again"
            raise ApiError(502, "replica_died", message) from error

    async def _waited(self, work: Awaitable[T], call: Call[T] | StreamCall[T]) -> T:
        """The result of the work; looks now and then whether it waits for a cold start."""
        task = asyncio.ensure_future(work)
        begin_s = time.monotonic()
        try:
            while not (await asyncio.wait({task}, timeout=_PATIENCE_S))[0]:
                self._note(await self._running())
                self._give_up_in_time(time.monotonic() - begin_s)
            self._note(1)
            return task.result()
        finally:
            if not task.done():
                call.cancel()
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    def _note(self, running: int | None) -> None:
        """Time the start that is under way."""
        now_s = time.monotonic()
        if running == 0 and self._start_began_s is None:
            self._start_began_s = now_s
        elif running and self._start_began_s is not None:
            self._start_took_s = now_s - self._start_began_s
            self._start_began_s = None

    def _give_up_in_time(self, waited_s: float) -> None:
        """Refuse where no replica will be there in time; the start itself goes on.

        The call that the start began with waits to the end, so that there is always somebody
        whom Serve starts a replica for.
        """
        if self._start_began_s is None:
            return
        elapsed_s = time.monotonic() - self._start_began_s
        left_s = _UNKNOWN_WAIT_S
        if self._start_took_s is not None:
            left_s = max(1.0, self._start_took_s - elapsed_s)
        is_first = waited_s >= elapsed_s
        hopeless = self._start_took_s is not None and left_s > self._cold_wait_s - waited_s
        if waited_s >= self._cold_wait_s or (hopeless and not is_first):
            message = f"{self._name} is starting; its first replica takes longer than you may wait"
            raise ApiError(503, "model_cold", message, retry_after_s=left_s)

    def _judge(self, error: Exception, attempt: int) -> None:
        """Let the loop go round again where another replica may do better, else raise."""
        if isinstance(error, ApiError):
            raise error
        if refusal := _refusal(error, self._name):
            raise refusal from error
        if not _is_death(error):
            raise error
        if attempt == self._retries:
            message = f"{self._retries + 1} replicas of {self._name} ended before they answered"
            raise ApiError(503, "replica_died", message, retry_after_s=_UNKNOWN_WAIT_S) from error


async def _result(call: Call[T]) -> T:
    result: T = await call
    return result


async def _next(pieces: AsyncIterator[T]) -> T:
    return await anext(pieces)


def _refusal(error: Exception, name: str) -> ApiError | None:
    """What Serve says when it does not take a call."""
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    if isinstance(error, BackPressureError):
        message = f"too many requests wait for {name} (scale.*.max_queued_requests)"
        return ApiError(429, "queue_full", message, retry_after_s=_BUSY_RETRY_S)
    if isinstance(error, DeploymentUnavailableError):
        return ApiError(503, "model_unavailable", f"{name} could not be started; see its logs")
    return None


def _is_death(error: Exception) -> bool:
    """Whether the replica is to blame, not the request."""
    from ray.exceptions import ActorDiedError, ActorUnavailableError, WorkerCrashedError
    from ray.serve.exceptions import ReplicaUnavailableError

    kinds = (ActorDiedError, ActorUnavailableError, WorkerCrashedError, ReplicaUnavailableError)
    return isinstance(error, kinds)
