"""How much one caller may ask for: requests in a minute, and requests at a time.

Nothing here waits or locks. Everything runs on the event loop of one ingress replica, and between
looking at a count and changing it nothing is awaited.
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


class Rate:
    """A bucket of requests for each caller, filled evenly; a full one holds a minute's requests.

    Args:
        per_minute: Requests in a minute. 0: any number.
    """

    def __init__(self, per_minute: int) -> None:
        self._interval_s = _MINUTE_S / per_minute if per_minute else 0.0
        # A bucket is no more than the time at which it will be full again.
        self._full_at_s: dict[str, float] = {}
        self._sweep_at_s = -math.inf

    def __len__(self) -> int:
        """How many callers are remembered."""
        return len(self._full_at_s)

    def take(self, name: str, now_s: float) -> float | None:
        """Take one request out of a caller's bucket.

        Args:
            name: The caller.
            now_s: Seconds on a clock that never goes back.

        Returns:
            None if there was one, otherwise the seconds until there is; then nothing is taken.
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
        # Any bucket is full after a minute, so nobody stays here for more than two.
        if now_s >= self._sweep_at_s:
            self._sweep_at_s = now_s + _MINUTE_S
            self._full_at_s = {name: at for name, at in self._full_at_s.items() if at > now_s}


class Slots:
    """How many requests of each caller are being answered.

    Args:
        limit: Most of one caller at a time. 0: any number.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many callers are being answered."""
        return len(self._taken)

    def acquire(self, name: str) -> bool:
        """Take a slot; False if the caller has all that it may have."""
        if self._limit and self._taken[name] >= self._limit:
            return False
        self._taken[name] += 1
        return True

    def release(self, name: str) -> None:
        """Give a slot back.

        Raises:
            ValueError: The caller has none.
        """
        if name not in self._taken:
            raise ValueError(f"{name} has no slot to give back")
        self._taken[name] -= 1
        if not self._taken[name]:
            del self._taken[name]


class Gate:
    """Both limits, as one ingress replica applies them.

    Args:
        config: The limits.
        clock: Seconds that never go back.
    """

    def __init__(self, config: AuthConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = Rate(config.requests_per_minute)
        self._slots = Slots(config.concurrent_requests)
        self._clock = clock

    @contextmanager
    def admit(self, name: str) -> Iterator[None]:
        """Hold a slot while a request of `name` is answered, a stream to its end.

        Raises:
            ApiError: Status 429: the caller is over a limit. A request that is turned away for
                want of a slot doesn't count against the rate.
        """
        if not self._slots.acquire(name):
            raise ApiError(
                429,
                "concurrency_limit_exceeded",
                "this key has as many requests under way as it may have; wait for one to end",
                retry_after_s=_SLOT_RETRY_S,
            )
        try:
            self._pay(name)
            yield
        finally:
            self._slots.release(name)

    def _pay(self, name: str) -> None:
        wait_s = self._rate.take(name, self._clock())
        if wait_s is None:
            return
        # Whole seconds, rounded up: who comes back earlier is only turned away again.
        retry_after_s = math.ceil(wait_s)
        raise ApiError(
            429,
            "rate_limit_exceeded",
            f"this key has made its requests of this minute; try again in {retry_after_s} s",
            retry_after_s=retry_after_s,
        )
