"""Calls to a model's replicas: wait for a cold start, retry after a death, refuse in time.

Only Ray's exceptions are used here. The call, and the number of running replicas, are functions, so
a test needs no cluster.
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

_COLD_CHECK_S: Final = 1.0
"""Interval at which a call that waits checks whether its model has replicas."""
_RETRY_PAUSE_S: Final = 0.2
_UNKNOWN_WAIT_S: Final = 30.0
"""Retry-After until the first start has been timed."""
_BUSY_RETRY_S: Final = 1.0


class Call(Protocol[T_co]):
    """A running call: Ray Serve's `DeploymentResponse`."""

    def __await__(self) -> Any: ...

    def cancel(self) -> None:
        """Stop it."""


class StreamCall(Protocol[T_co]):
    """A running stream: Ray Serve's `DeploymentResponseGenerator`."""

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    def cancel(self) -> None:
        """Stop it."""


class Replicas:
    """The replicas of one model.

    Args:
        name: The model's name, for messages.
        running: Counts the replicas that can answer now; None where that is not known.
        cold_wait_s: Maximum seconds that a call waits for the first replica.
        retries: Times that a call is sent to another replica after its replica died.
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
        self._start_began_at_s: float | None = None
        self._last_start_s: float | None = None

    async def call(self, send: Callable[[], Call[T]]) -> T:
        """Call a replica and wait for its answer.

        Args:
            send: Sends the call. Called again after a replica died, so the call must be
                idempotent.

        Raises:
            ApiError: 429 the queue is full, 503 no replica in time, or every one that was tried
                died.
        """
        for attempt in range(self._retries + 1):
            call = send()
            try:
                return await self._waited(_result(call), call)
            except Exception as error:
                self._raise_unless_retried(error, attempt)
            await asyncio.sleep(_RETRY_PAUSE_S)
        raise AssertionError("unreachable")  # _raise_unless_retried raises on the last attempt

    async def stream(self, send: Callable[[], StreamCall[T]]) -> AsyncGenerator[T, None]:
        """Call a replica and yield its answer piece by piece.

        Another replica is tried as long as nothing has been yielded.

        Raises:
            ApiError: As `call`; 502 where the replica died after the first piece.
        """
        for attempt in range(self._retries + 1):
            call = send()
            pieces = aiter(call)
            try:
                piece = await self._waited(_next(pieces), call)
            except StopAsyncIteration:
                return
            except Exception as error:
                self._raise_unless_retried(error, attempt)
                await asyncio.sleep(_RETRY_PAUSE_S)
                continue
            ended = False
            try:
                async for piece in self._rest(piece, pieces):  # noqa: B020 - the first is in it
                    yield piece
                ended = True
            finally:
                if not ended:  # the caller has stopped reading
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
        """The result of a call; while it waits, refuse it if a cold start takes too long."""
        task = asyncio.ensure_future(work)
        begin_s = time.monotonic()
        try:
            while not (await asyncio.wait({task}, timeout=_COLD_CHECK_S))[0]:
                self._time_start(await self._running())
                self._refuse_if_too_slow(time.monotonic() - begin_s)
            self._time_start(1)
            return task.result()
        finally:
            if not task.done():
                call.cancel()
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    def _time_start(self, running: int | None) -> None:
        """Measure how long a cold start takes."""
        now_s = time.monotonic()
        if running == 0 and self._start_began_at_s is None:
            self._start_began_at_s = now_s
        elif running and self._start_began_at_s is not None:
            self._last_start_s = now_s - self._start_began_at_s
            self._start_began_at_s = None

    def _refuse_if_too_slow(self, waited_s: float) -> None:
        """Refuse a call where no replica will be there in time; the start itself goes on.

        The call that caused the start is not refused early: Serve starts a replica only while a
        call waits.

        Raises:
            ApiError: 503.
        """
        if self._start_began_at_s is None:
            return
        elapsed_s = time.monotonic() - self._start_began_at_s
        left_s = _UNKNOWN_WAIT_S
        if self._last_start_s is not None:
            left_s = max(1.0, self._last_start_s - elapsed_s)
        started_it = waited_s >= elapsed_s
        too_slow = self._last_start_s is not None and left_s > self._cold_wait_s - waited_s
        if waited_s >= self._cold_wait_s or (too_slow and not started_it):
            message = (
                f"{self._name} is starting; its first replica takes longer than limits.cold_wait_s"
            )
            raise ApiError(503, "model_cold", message, retry_after_s=left_s)

    def _raise_unless_retried(self, error: Exception, attempt: int) -> None:
        """Raise the error for the caller, or return where another replica is to be tried."""
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
    """The error for a caller whose call Serve did not accept, None for other errors."""
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    if isinstance(error, BackPressureError):
        message = f"too many requests wait for {name} (scale.*.max_queued_requests)"
        return ApiError(429, "queue_full", message, retry_after_s=_BUSY_RETRY_S)
    if isinstance(error, DeploymentUnavailableError):
        return ApiError(503, "model_unavailable", f"{name} could not be started; see its logs")
    return None


def _is_death(error: Exception) -> bool:
    """Whether an error says that the replica died."""
    from ray.exceptions import ActorDiedError, ActorUnavailableError, WorkerCrashedError
    from ray.serve.exceptions import ReplicaUnavailableError

    kinds = (ActorDiedError, ActorUnavailableError, WorkerCrashedError, ReplicaUnavailableError)
    return isinstance(error, kinds)
