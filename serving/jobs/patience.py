"""Asks again where a model is busy or starting: a job can wait, a caller cannot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from serving.errors import ApiError

T = TypeVar("T")

_MAX_DEATHS: Final = 2
"""Answers after which replicas died that are asked for again: the page may be the cause."""
_FIRST_PAUSE_S: Final = 0.5
_MAX_PAUSE_S: Final = 30.0
_WAITING: Final = (429, 503)
"""HTTP statuses after which the same request can succeed."""


class ModelUnavailableError(ApiError):
    """A model was waited for as long as a job may."""


class Patience:
    """How long a job waits for its model: each page that is read begins it anew.

    Args:
        limit_s: Seconds without a page after which it is over.
        waited_s: Seconds that were waited before this process went on with the job.
        on_wait: Called with the seconds that were waited, whenever the model is asked again.
        clock: A monotonic clock, seconds.
    """

    def __init__(
        self,
        limit_s: float,
        waited_s: float,
        on_wait: Callable[[float], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._on_wait = on_wait
        self._clock = clock
        self._since_s = clock() - waited_s

    def begin_anew(self) -> None:
        """A page was read."""
        self._since_s = self._clock()

    def check(self, last: ApiError) -> None:
        """Give up where it is over.

        Args:
            last: What the model's last answer was.

        Raises:
            ModelUnavailableError: No page was read for too long.
        """
        waited_s = self._clock() - self._since_s
        self._on_wait(waited_s)
        if waited_s > self._limit_s:
            message = f"no page was read for {self._limit_s:g} s (job.model_wait_s): {last}"
            raise ModelUnavailableError(503, "model_unavailable", message)


async def patiently(attempt: Callable[[], Awaitable[T]], patience: Patience | None = None) -> T:
    """Try until there is an answer or an error that would come again.

    Args:
        attempt: Asks once.
        patience: How long, None where something else ends it.

    Raises:
        ApiError: An error that would come again.
        ModelUnavailableError: There is no more patience.
    """
    deaths, pause_s = 0, _FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except ApiError as error:
            deaths += error.code == "replica_died"
            if error.status not in _WAITING or deaths > _MAX_DEATHS:
                raise
            if patience is not None:
                patience.check(error)
        await asyncio.sleep(pause_s)
        pause_s = min(_MAX_PAUSE_S, pause_s * 2)
