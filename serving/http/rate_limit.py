"""Limits of one caller: requests in a minute, and concurrent requests (429).

Nothing here waits or locks. Everything runs on the event loop of one ingress replica, and nothing
is awaited between reading a count and changing it.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from serving.config import AuthConfig
from serving.errors import ApiError

_MINUTE_S: Final = 60.0
_ROUNDING_S: Final = 1e-6
_SLOT_RETRY_S: Final = 1.0


class TokenBuckets:
    """A token bucket for each caller. A full bucket holds the requests of a minute.

    Args:
        per_minute: Requests in a minute. 0: no limit.
    """

    def __init__(self, per_minute: int) -> None:
        self._interval_s = _MINUTE_S / per_minute if per_minute else 0.0
        # A bucket is stored as the time at which it will be full again.
        self._full_at_s: dict[str, float] = {}
        self._sweep_at_s = -math.inf

    def __len__(self) -> int:
        """How many callers have a bucket that is not full."""
        return len(self._full_at_s)

    def take(self, name: str, now_s: float) -> float | None:
        """Take one token out of a caller's bucket.

        Args:
            name: The caller.
            now_s: The time by a monotonic clock, seconds.

        Returns:
            None if a token was taken, else the seconds until there is one.
        """
        if not self._interval_s:
            return None
        self._sweep(now_s)
        full_at_s = max(now_s, self._full_at_s.get(name, now_s)) + self._interval_s
        wait_s = full_at_s - now_s - _MINUTE_S
        if wait_s > _ROUNDING_S:
            return wait_s
        self._full_at_s[name] = full_at_s
        return None

    def _sweep(self, now_s: float) -> None:
        # Every bucket is full after a minute, so none is kept for more than two.
        if now_s >= self._sweep_at_s:
            self._sweep_at_s = now_s + _MINUTE_S
            self._full_at_s = {name: at for name, at in self._full_at_s.items() if at > now_s}


class ConcurrencyLimit:
    """Counts the running requests of each caller.

    Args:
        limit: Maximum running requests of one caller. 0: no limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many callers have running requests."""
        return len(self._taken)

    def acquire(self, name: str) -> bool:
        """Take a slot; False if the caller is at the limit."""
        if self._limit and self._taken[name] >= self._limit:
            return False
        self._taken[name] += 1
        return True

    def release(self, name: str) -> None:
        """Give a slot back.

        Raises:
            ValueError: The caller holds none.
        """
        if name not in self._taken:
            raise ValueError(f"{name} has no slot to give back")
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]


class RateLimiter:
    """Both limits, for one ingress replica.

    Args:
        config: The limits.
        clock: A monotonic clock, seconds.
    """

    def __init__(self, config: AuthConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = TokenBuckets(config.requests_per_minute)
        self._slots = ConcurrencyLimit(config.concurrent_requests)
        self._clock = clock

    @contextmanager
    def admit(self, name: str) -> Iterator[None]:
        """Hold a slot for a request of a caller, until its response, or stream, has ended.

        Raises:
            ApiError: 429: the caller is over a limit. A request that gets no slot takes no token.
        """
        if not self._slots.acquire(name):
            raise ApiError(
                429,
                "concurrency_limit_exceeded",
                "this key has its maximum of concurrent requests; wait for one to end",
                retry_after_s=_SLOT_RETRY_S,
            )
        try:
            self._take_token(name)
            yield
        finally:
            self._slots.release(name)

    def _take_token(self, name: str) -> None:
        wait_s = self._rate.take(name, self._clock())
        if wait_s is None:
            return
        # Whole seconds, rounded up: an earlier retry would be refused again.
        retry_after_s = math.ceil(wait_s)
        raise ApiError(
            429,
            "rate_limit_exceeded",
            f"this key has made its maximum of requests per minute; try again in {retry_after_s} s",
            retry_after_s=retry_after_s,
        )
